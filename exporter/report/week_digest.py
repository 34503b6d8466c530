"""The digest: a workspace's week in a few paragraphs of Markdown, to be mailed or posted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from exporter.config import Currency
from exporter.facts import finding_kind_words
from exporter.insight import MICRO, Money
from exporter.report.audit_report import AuditReport, ShownFinding
from exporter.report.audit_tables import by_saving, not_judged_lines, parts, summary
from exporter.report.escaping import for_markdown
from exporter.report.table_wording import heading, words
from exporter.report.week_forms import markdown_table
from exporter.report.week_report import WeekReport
from exporter.report.week_tables import Cell, Table

MOST = 5
"""How many changes and findings are shown."""

_SAVED: tuple[Money, ...] = ("billed", "estimate")

_WEEK_MS = 7 * 86_400_000


def digest(pairs: Iterable[tuple[WeekReport, AuditReport]]) -> str:
    """One section for each workspace."""
    return "\n".join(line for report, audit in pairs for line in (*_section(report, audit), "")).rstrip()


def _section(report: WeekReport, audit: AuditReport) -> Iterator[str]:
    tables = {table.name: table for table in report.tables}
    yield f"# {for_markdown(report.title)}"
    yield ""
    yield _headline(tables, report.noun, report.currency, is_over=report.is_over)
    yield ""
    for name, table in (
        ("Budgets", _budgets(tables)),
        (f"Largest changes against the {report.noun} before", _changes(tables) if report.is_over else None),
        ("Teams", _teams(tables)),
    ):
        if table is not None and table.rows:
            yield from (f"## {name}", "", *markdown_table(table, report.timezone, report.currency), "")
    yield from ("## What to switch off", "", for_markdown(summary(audit)), "")
    if audit.findings:
        yield from markdown_table(_findings(audit), report.timezone, report.currency)
        yield ""
    yield from (f"- {for_markdown(line)}" for line in _notes(report, audit))


def _headline(tables: Mapping[str, Table], noun: str, currency: Currency, *, is_over: bool) -> str:
    """Hex's bill, then runs, in one sentence, as far as they are known; compared once the week is over.

    What else the week cost, on other bills or by an estimate, has a sentence of its own.
    """
    total = next(iter(_rows(tables.get("total"))), {})
    components = list(_rows(tables.get("component")))

    def compared(what: str, column: str, shown: str, rate: float = 1) -> str:
        now, before = (_times(total.get(name), rate) for name in (column, f"previous_{column}"))
        return _compared(what, now, before if is_over else None, shown, noun)

    billed = [row for row in components if row["money"] == "billed"]
    unknown = [heading(str(row["component"])) for row in billed if row["usd"] is None]
    bill = compared("bill", "billed_usd", f"Hex bills {{:,.2f}} {currency.code}", currency.per_usd_micro / MICRO)
    if total.get("billed_usd") is not None and unknown:
        bill += f", without {' and '.join(unknown)}, which {'is' if len(unknown) == 1 else 'are'} not known"
    headline = f"{bill}; {compared('runs', 'runs', '{:,.0f} runs')}" + ("." if is_over else ", so far.")
    besides = [
        f"{_times(row['usd'], currency.per_usd_micro / MICRO):,.2f} {currency.code} of {heading(str(row['component']))}"
        for row in components
        if row["money"] != "billed" and row["usd"]
    ]
    return for_markdown(f"{headline} Not on Hex's bill: {', '.join(besides)}." if besides else headline)


def _times(cell: Cell, rate: float) -> Cell:
    return cell * rate if isinstance(cell, int | float) else cell


def _compared(what: str, now: Cell, before: Cell, shown: str, noun: str) -> str:
    if not isinstance(now, int | float):
        return f"{what} not known"
    text = shown.format(now)
    if isinstance(before, int | float) and before:
        return f"{text} ({(now - before) / before:+.0%} against the {noun} before)"
    return text


def _budgets(tables: Mapping[str, Table]) -> Table | None:
    """Each budget with how much of it is gone, the worst first."""

    def part(row: Mapping[str, Cell]) -> float | None:
        used, limit = row["used"], row["limit"]
        return used / limit if isinstance(used, int | float) and isinstance(limit, int | float) and limit else None

    rows = sorted(_rows(tables.get("budget")), key=lambda row: -(part(row) or 0))
    cells = tuple(
        (
            row["budget"],
            f"{words(str(row['unit']))} a {row['period']}",
            row["used"],
            row["limit"],
            "-" if part(row) is None else f"{part(row):.0%}",
            row["forecast"],
        )
        for row in rows
    )
    return Table("budget", ("budget", "of", "used", "limit", "gone", "forecast"), cells)


def _changes(tables: Mapping[str, Table]) -> Table | None:
    """The projects whose week differs most from the one before: by money where there is any, else by runs."""
    rows = list(_rows(tables.get("project")))
    is_priced = any(row.get("usd") is not None for row in rows)
    key = "usd" if is_priced else "runs"

    def change(row: Mapping[str, Cell]) -> float:
        now, before = row.get(key), row.get(f"previous_{key}")
        if not isinstance(now, int | float) or not isinstance(before, int | float):
            return 0.0
        return now - before

    ranked = sorted((row for row in rows if change(row)), key=lambda row: (-abs(change(row)), str(row["project"])))
    money = ("billed_usd", "previous_billed_usd", "estimate_usd", "previous_estimate_usd") if is_priced else ()
    columns = ("project", "runs", "previous_runs", *money)
    return Table(
        "change",
        columns,
        tuple((row["title"] or row["project"], *(row[column] for column in columns[1:])) for row in ranked[:MOST]),
    )


def _teams(tables: Mapping[str, Table]) -> Table | None:
    table = tables.get("team")
    if table is None:
        return None
    columns = (
        "team",
        "runs",
        "previous_runs",
        "billed_usd",
        "estimate_usd",
        "seats_usd",
        "findings",
        "saving_billed_usd",
        "saving_estimate_usd",
    )
    return Table("team", columns, tuple(tuple(row[column] for column in columns) for row in _rows(table)))


def _findings(audit: AuditReport) -> Table:
    money = ("saving_billed_usd", "saving_estimate_usd") if audit.is_priced else ()

    def cells(one: ShownFinding) -> tuple[Cell, ...]:
        saving = one.finding.saving
        amounts = parts(saving) if audit.is_priced else ()
        return (
            *amounts,
            round(saving.runs),
            finding_kind_words(one.finding.kind),
            one.name,
            one.owner or None,
            one.finding.action,
        )

    columns = (*money, "runs", "kind", "subject", "owner", "action")
    return Table("finding", columns, tuple(map(cells, by_saving(audit)[:MOST])))


def _notes(report: WeekReport, audit: AuditReport) -> Iterator[str]:
    more = len(audit.findings) - MOST
    if more > 0:
        yield f"{more} more: hex-exporter audit lists them all"
    new = _since(audit.findings, audit.audit.now_ms - _WEEK_MS)
    if new:
        yield f"found in the last seven days for the first time: {new}"
    if audit.realised.micro:
        billed, estimate = (audit.realised.money(kind) or 0 for kind in _SAVED)
        sums = [f"{report.currency.text(billed)} of the bill"] if billed or not estimate else []
        sums += [f"{report.currency.text(estimate)} of your own estimate"] if estimate else []
        yield f"saved so far by findings that are gone: {'; '.join(sums)}"
    yield from not_judged_lines(audit.not_judged)
    yield from dict.fromkeys((*audit.remarks, *report.all_remarks))


def _since(findings: Sequence[ShownFinding], since_ms: int) -> int:
    return sum(1 for one in findings if one.first_seen_ms is not None and one.first_seen_ms >= since_ms)


def _rows(table: Table | None) -> Sequence[Mapping[str, Cell]]:
    return () if table is None else table.records
