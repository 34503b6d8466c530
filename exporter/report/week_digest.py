"""The digest: a workspace's week in a few paragraphs of Markdown, to be mailed or posted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from exporter.facts import finding_kind_words
from exporter.report.audit_report import AuditReport, ShownFinding
from exporter.report.audit_tables import not_judged_lines, summary, usd
from exporter.report.escaping import for_markdown
from exporter.report.week_forms import markdown_table
from exporter.report.week_report import WeekReport
from exporter.report.week_tables import Cell, Table

MOST = 5
"""How many changes and findings are shown."""

_WEEK_MS = 7 * 86_400_000


def digest(pairs: Iterable[tuple[WeekReport, AuditReport]]) -> str:
    """One section for each workspace."""
    return "\n".join(line for report, audit in pairs for line in (*_section(report, audit), "")).rstrip()


def _section(report: WeekReport, audit: AuditReport) -> Iterator[str]:
    tables = {table.name: table for table in report.tables}
    yield f"# {for_markdown(report.title)}"
    yield ""
    yield _headline(tables, is_over=report.is_over)
    yield ""
    for name, table in (
        ("Budgets", _budgets(tables)),
        ("Largest changes against the week before", _changes(tables) if report.is_over else None),
        ("Teams", _teams(tables)),
    ):
        if table is not None and table.rows:
            yield from (f"## {name}", "", *markdown_table(table, report.timezone), "")
    yield from ("## What to switch off", "", for_markdown(summary(audit)), "")
    if audit.findings:
        yield from markdown_table(_findings(audit), report.timezone)
        yield ""
    yield from (f"- {for_markdown(line)}" for line in _notes(report, audit))


def _headline(tables: Mapping[str, Table], *, is_over: bool) -> str:
    """Runs and cost in one sentence, as far as they are known; compared once the week is over."""
    total = next(iter(_rows(tables.get("total"))), {})
    parts = [_compared("runs", total.get("runs"), total.get("previous_runs") if is_over else None, "{:,.0f} runs")]
    components = list(_rows(tables.get("component")))
    now, before = (_sum(row.get(column) for row in components) for column in ("usd", "previous_usd"))
    parts.append(_compared("cost", now, before if is_over else None, "{:,.2f} USD"))
    return for_markdown("; ".join(parts)) + ("." if is_over else ", so far.")


def _compared(what: str, now: Cell, before: Cell, shown: str) -> str:
    if not isinstance(now, int | float):
        return f"{what} not known"
    text = shown.format(now)
    if isinstance(before, int | float) and before:
        return f"{text} ({(now - before) / before:+.0%} against the week before)"
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
            f"{row['unit']} a {row['period']}",
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
    columns = ("project", "runs", "previous_runs", *(("usd", "previous_usd") if is_priced else ()))
    return Table(
        "change",
        columns,
        tuple((row["title"] or row["project"], *(row[column] for column in columns[1:])) for row in ranked[:MOST]),
    )


def _teams(tables: Mapping[str, Table]) -> Table | None:
    table = tables.get("team")
    if table is None:
        return None
    columns = ("team", "runs", "previous_runs", "usd", "seats_usd", "findings", "saving_month_usd")
    return Table("team", columns, tuple(tuple(row[column] for column in columns) for row in _rows(table)))


def _findings(audit: AuditReport) -> Table:
    money = ("saving_usd",) if audit.is_priced else ()

    def cells(one: ShownFinding) -> tuple[Cell, ...]:
        saving = one.finding.saving
        amounts: tuple[Cell, ...] = (usd(saving.micro),) if audit.is_priced else ()
        return (
            *amounts,
            round(saving.runs),
            finding_kind_words(one.finding.kind),
            one.name,
            one.owner or None,
            one.finding.action,
        )

    columns = (*money, "runs", "kind", "subject", "owner", "action")
    return Table("finding", columns, tuple(map(cells, audit.findings[:MOST])))


def _notes(report: WeekReport, audit: AuditReport) -> Iterator[str]:
    more = len(audit.findings) - MOST
    if more > 0:
        yield f"{more} more: hex-exporter audit lists them all"
    new = _since(audit.findings, audit.audit.now_ms - _WEEK_MS)
    if new:
        yield f"found in the last seven days for the first time: {new}"
    if audit.realised_micro:
        yield f"saved so far by findings that are gone: {usd(audit.realised_micro):,.2f} USD"
    yield from not_judged_lines(audit.not_judged)
    yield from dict.fromkeys((*audit.remarks, *report.all_remarks))


def _since(findings: Sequence[ShownFinding], since_ms: int) -> int:
    return sum(1 for one in findings if one.first_seen_ms is not None and one.first_seen_ms >= since_ms)


def _rows(table: Table | None) -> Iterator[Mapping[str, Cell]]:
    if table is not None:
        for row in table.rows:
            yield dict(zip(table.columns, row, strict=True))


def _sum(values: Iterable[Cell]) -> float | None:
    known = [value for value in values if isinstance(value, int | float)]
    return sum(known) if known else None
