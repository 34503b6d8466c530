"""The forms of an audit: a table for people, JSON and CSV for programs, Markdown for a chat or a wiki."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from exporter.insight.savings import Fact, KnownFinding, Saving
from exporter.report.audit_report import AuditReport, ShownFinding
from exporter.report.audit_tables import (
    evidence_text,
    finding_table,
    kind_table,
    known_days,
    not_judged_lines,
    overlap_lines,
    paste_lines,
    summary,
    team_table,
    title,
    usd,
)
from exporter.report.audit_terminal import as_details, as_table
from exporter.report.escaping import for_markdown, for_spreadsheet
from exporter.report.week_forms import markdown_table
from exporter.report.week_tables import WITHOUT_TEAM

_COLUMNS = (
    "workspace",
    "kind",
    "subject",
    "subject_type",
    "name",
    "team",
    "owner",
    "saving_month_usd",
    "saving_month_billed_usd",
    "saving_month_estimate_usd",
    "saving_month_runs",
    "saving_month_minutes",
    "counted_month_usd",
    "counted_month_billed_usd",
    "counted_month_estimate_usd",
    "counted_month_runs",
    "counted_month_minutes",
    "counted_by",
    "cost_month_usd",
    "cost_month_billed_usd",
    "cost_month_estimate_usd",
    "saving_at_renewal_month_usd",
    "confidence",
    "basis",
    "evidence",
    "why",
    "action",
    "where",
    "first_seen",
    "days",
    "ignored",
    "ignored_until",
)


def markdown_lines(report: AuditReport, *, most: int | None = None) -> Iterator[str]:
    """One audit below a heading that is not part of it; the first `most` findings, None: all."""
    yield for_markdown(summary(report))
    yield ""
    if report.findings:
        yield from markdown_table(finding_table(report, report.findings[:most]), report.timezone, report.currency)
        yield ""
    if report.ignored and most is None:
        yield from ("Ignored, and in no total:", "")
        yield from markdown_table(
            finding_table(report, report.ignored, is_ignored=True), report.timezone, report.currency
        )
        yield ""
    for table in (kind_table(report), team_table(report)):
        if table is not None and most is None:
            yield from markdown_table(table, report.timezone, report.currency)
            yield ""
    if most is None and (pasted := [*paste_lines(report)]):
        _, heading, _, *text = pasted
        yield from (heading, "", "```yaml", *text, "```", "")
    for line in (*overlap_lines(report), *not_judged_lines(report.not_judged), *report.remarks):
        yield f"- {for_markdown(line)}"


def _as_markdown(reports: Sequence[AuditReport]) -> str:
    lines: list[str] = []
    for report in reports:
        lines += [f"# Savings: {for_markdown(title(report))}", "", *markdown_lines(report), ""]
    return "\n".join(lines).rstrip()


def _as_csv(reports: Sequence[AuditReport]) -> str:
    """One finding a row, ignored ones last."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for report in reports:
        for one in (*report.findings, *report.ignored):
            plain = {**_finding(report, one), "evidence": evidence_text(report, one.finding.evidence)}
            cells = ({"workspace": report.workspace} | plain).get
            writer.writerow(for_spreadsheet(cell) if isinstance(cell, str) else cell for cell in map(cells, _COLUMNS))
    return written.getvalue().rstrip()


def _as_json(reports: Sequence[AuditReport]) -> str:
    def plain(report: AuditReport) -> dict[str, object]:
        audit = report.audit
        return {
            "workspace": report.workspace,
            "as_of": _instant(audit.now_ms),
            "runs_since": None if audit.since_ms is None else _instant(audit.since_ms),
            "saving": _saving("saving", report.saving),
            "spent": _saving("spent", audit.spent),
            **_money("realised", report.realised),
            "findings": [_finding(report, one) for one in report.findings],
            "ignored": [_finding(report, one) for one in report.ignored],
            "kinds": [
                {
                    "kind": total.kind,
                    "findings": total.findings,
                    "ignored": total.ignored,
                    "counted_elsewhere": dict(total.counted_elsewhere),
                    **_saving("saving", total.saving),
                    **_money("realised", total.realised),
                }
                for total in report.totals
            ],
            "teams": [
                {
                    "team": row.team or WITHOUT_TEAM,
                    "findings": row.findings,
                    **_saving("saving", row.saving),
                    **_saving("cost", row.cost),
                }
                for row in report.teams
            ],
            "not_judged": [
                {"kind": one.kind, "why": one.why, "needs": one.needs, "is_partial": one.is_partial}
                for one in report.not_judged
            ],
            "gone": [_gone(one) for one in report.gone],
            "remarks": list(report.remarks),
        }

    return json.dumps([plain(report) for report in reports], indent=2, ensure_ascii=False)


AUDIT_FORMS: Mapping[str, Callable[[Sequence[AuditReport]], str]] = {
    "table": as_table,
    "details": as_details,
    "json": _as_json,
    "csv": _as_csv,
    "markdown": _as_markdown,
}
"""How an audit is printed, by the word for it; `details` is the table with all that is known of each finding."""


def _finding(report: AuditReport, shown: ShownFinding) -> dict[str, object]:
    finding = shown.finding
    return {
        "kind": finding.kind,
        "subject": shown.subject,
        "subject_type": finding.subject_type,
        "name": shown.name,
        "team": finding.team,
        "owner": shown.owner,
        **_saving("saving", finding.saving),
        **_saving("counted", finding.counted),
        "counted_by": None if finding.counted_by is None else finding.counted_by[0],
        **_money("cost_month", finding.cost),
        "saving_at_renewal_month_usd": None if finding.at_renewal is None else usd(finding.at_renewal.micro),
        "confidence": finding.confidence,
        "basis": shown.basis,
        "evidence": {fact.name: _value(fact) for fact in finding.evidence},
        "why": finding.why,
        "action": finding.action,
        "where": finding.where,
        "paste": finding.paste,
        "moves": [
            {"project": move.project_id, "from": move.cron, "to": move.to_cron, "timezone": move.timezone}
            for move in finding.moves
        ],
        "first_seen": None if shown.first_seen_ms is None else _instant(shown.first_seen_ms),
        "days": known_days(report, shown),
        "ignored": finding.ignored,
        "ignored_until": None if finding.ignored_until is None else finding.ignored_until.isoformat(),
    }


def _gone(known: KnownFinding) -> dict[str, object]:
    return {
        "kind": known.kind,
        "subject": known.subject,
        "first_seen": _instant(known.first_seen_ms),
        "gone_since": None if known.gone_ms is None else _instant(known.gone_ms),
        **_money("realised", Saving(micro=known.realised_micro, estimate_micro=known.realised_estimate_micro)),
    }


def _money(name: str, saving: Saving) -> dict[str, object]:
    """Both kinds of money apart, and together: for programs that rank by it. Other bills where there is any."""
    return {
        f"{name}_usd": usd(saving.micro),
        f"{name}_billed_usd": usd(saving.money("billed")),
        f"{name}_estimate_usd": usd(saving.money("estimate")),
        **({f"{name}_other_usd": usd(saving.other_micro)} if saving.other_micro else {}),
    }


def _saving(name: str, saving: Saving) -> dict[str, object]:
    return {
        **_money(f"{name}_month", saving),
        f"{name}_month_runs": round(saving.runs, 3),
        f"{name}_month_minutes": round(saving.minutes, 3),
    }


def _value(fact: Fact) -> object:
    return _instant(fact.value) if fact.unit == "ms" and isinstance(fact.value, int) else fact.value


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
