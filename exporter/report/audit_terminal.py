"""An audit for a terminal: what it would save, then a line or two a finding; with details a block for each."""

from collections.abc import Iterator, Sequence

from exporter.config import Currency
from exporter.facts import finding_kind_words
from exporter.insight import Money
from exporter.insight.savings import Saving
from exporter.report.audit_report import AuditReport, ShownFinding
from exporter.report.audit_tables import (
    by_saving,
    evidence_text,
    kind_table,
    known_for,
    not_judged_lines,
    overlap_lines,
    paste_lines,
    summary,
    team_table,
    title,
    usd,
    with_basis,
)
from exporter.report.terminal_table import sentence_lines, table_lines, terminal_width
from exporter.report.week_tables import Cell, Table

_MOST_FINDINGS = 40
_INDENT = " " * 13


def as_table(reports: Sequence[AuditReport]) -> str:
    """The total, a short table, and how much of the workspace was not judged."""
    return _written(reports, has_details=False)


def as_details(reports: Sequence[AuditReport]) -> str:
    """The same with all that is known of each finding, and with totals by kind and team."""
    return _written(reports, has_details=True)


def _written(reports: Sequence[AuditReport], *, has_details: bool) -> str:
    width = terminal_width()
    lines: list[str] = []
    for report in reports:
        lines += sentence_lines(title(report), width)
        for part in summary(report).split("; "):
            lines += sentence_lines(part, width, "  ")
        shown = _details(report, width) if has_details else _short(report, width)
        lines += [*shown, *paste_lines(report), "", *_notes(report, width), ""]
    return "\n".join(lines).rstrip()


def _short(report: AuditReport, width: int | None) -> Iterator[str]:
    if report.findings:
        yield from ("", "Savings a month:")
        yield from table_lines(
            _table(report, by_saving(report)), report.timezone, width, _MOST_FINDINGS, report.currency
        )
    if report.ignored:
        count = len(report.ignored)
        yield from ("", f"{count} finding{'' if count == 1 else 's'} ignored, and in no total; --details lists them")


def _table(report: AuditReport, ranked: Sequence[ShownFinding]) -> Table:
    kinds: dict[str, Money] = {"billed_usd": "billed", "warehouse_usd": "other", "estimate_usd": "estimate"}
    if not any(one.finding.saving.other_micro for one in ranked):
        del kinds["warehouse_usd"]
    money = tuple(kinds) if report.is_priced else ("runs",)

    def cells(one: ShownFinding) -> tuple[Cell, ...]:
        saving = one.finding.saving
        amounts = [usd(saving.money(kind)) for kind in kinds.values()] if report.is_priced else [round(saving.runs)]
        return (*amounts, finding_kind_words(one.finding.kind), one.name, one.finding.action)

    return Table("finding", (*money, "what", "which", "action"), tuple(map(cells, ranked)))


def _details(report: AuditReport, width: int | None) -> Iterator[str]:
    for one in report.findings:
        yield from ("", *_block(report, one, width))
    if report.ignored:
        yield from ("", "Ignored, and in no total:")
    for one in report.ignored:
        yield from ("", *_block(report, one, width))
    for table in (kind_table(report), team_table(report)):
        if table is not None:
            yield from ("", *table_lines(table, report.timezone, width, len(table.rows), report.currency))


def _block(report: AuditReport, one: ShownFinding, width: int | None) -> Iterator[str]:
    finding = one.finding
    yield from sentence_lines(f"{finding_kind_words(finding.kind)}: {one.name}", width, _INDENT)
    facts = [
        ("saves", _amount(finding.saving, report.currency)),
        ("costs", _amount(finding.cost, report.currency)),
        ("action", f"{finding.action} ({finding.where})"),
        ("evidence", f"{evidence_text(report, finding.evidence)} ({with_basis(one)})"),
        ("owner", one.owner),
        ("team", finding.team or ""),
        (finding.subject_type, one.subject if one.subject != one.name else ""),
        ("known for", known_for(report, one)),
    ]
    if finding.ignored is not None:
        until = "no end" if finding.ignored_until is None else f"until {finding.ignored_until}"
        facts.append(("ignored", f"{finding.ignored} ({until})"))
    for name, text in facts:
        if text:
            yield from sentence_lines(f"  {name:<10} {text}", width, _INDENT)


def _amount(saving: Saving, currency: Currency) -> str:
    """An amount a month, in what is known of it; empty where it is nothing."""
    billed, estimate = (saving.money(kind) or 0 for kind in ("billed", "estimate"))
    money = [f"{currency.text(billed)} of the bill"] if billed else []
    money += [f"{currency.text(estimate)} of your own estimate"] if estimate else []
    money += [f"{currency.text(saving.other_micro)} of the warehouse's bill"] if saving.other_micro else []
    runs = [f"{saving.runs:,.0f} runs of {saving.minutes:,.0f} minutes"] if saving.runs else []
    said = ", ".join((*money, *runs))
    return f"{said} a month" if said else ""


def _notes(report: AuditReport, width: int | None) -> Iterator[str]:
    for line in (*overlap_lines(report), *not_judged_lines(report.not_judged), *report.remarks):
        yield from sentence_lines(f"note {line}", width, "     ")
