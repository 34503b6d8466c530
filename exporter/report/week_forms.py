"""The forms of a report: a table for people, JSON for programs, CSV for bills, Markdown for a chat or a wiki."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain

from exporter.config import DOLLARS, Currency
from exporter.report.escaping import for_markdown
from exporter.report.focus_csv import focus_csv
from exporter.report.table_wording import for_people, heading, local, texts
from exporter.report.terminal_table import report_lines, terminal_width
from exporter.report.week_report import WeekReport
from exporter.report.week_tables import Table


def _as_table(all_reports: Sequence[WeekReport]) -> str:
    """For a terminal, or for a pipe: what fits, with the costliest projects only."""
    width = terminal_width()
    lines = (
        report_lines(one.title, one.tables, one.all_remarks, one.timezone, width, one.currency) for one in all_reports
    )
    return "\n".join(chain.from_iterable(lines)).rstrip()


def _as_markdown(all_reports: Sequence[WeekReport]) -> str:
    lines: list[str] = []
    for report in all_reports:
        lines += [f"# {for_markdown(report.title)}", ""]
        for table in report.tables:
            lines += [f"## By {table.name}" if table.name != "total" else "## Total", ""]
            lines += markdown_table(table, report.timezone, report.currency)
            lines.append("")
        lines += [f"- {for_markdown(remark)}" for remark in report.all_remarks]
    return "\n".join(lines).rstrip()


def markdown_table(table: Table, timezone: str, currency: Currency = DOLLARS) -> Iterator[str]:
    """The lines of one table, whatever its cells say."""
    table = for_people(table, currency)
    yield f"| {' | '.join(heading(column, currency) for column in table.columns)} |"
    yield f"|{' --- |' * len(table.columns)}"
    for row in table.rows:
        yield f"| {' | '.join(map(for_markdown, texts(table, row, timezone)))} |"


def _as_csv(all_reports: Sequence[WeekReport]) -> str:
    """The bill of the week in FOCUS's columns; budgets and comparisons are in the other forms."""
    return focus_csv((report.workspace, report.org_id, report.charges, report.currency) for report in all_reports)


def _as_json(all_reports: Sequence[WeekReport]) -> str:
    def plain(report: WeekReport) -> dict[str, object]:
        return {
            "workspace": report.workspace,
            "period": report.noun,
            "start": local(report.week[0], report.timezone).isoformat(),
            "end": local(report.week[1], report.timezone).isoformat(),
            "week_start": local(report.week[0], report.timezone).isoformat(),
            "week_end": local(report.week[1], report.timezone).isoformat(),
            "timezone": report.timezone,
            "runs_complete_until": None
            if report.known_until_ms is None
            else datetime.fromtimestamp(report.known_until_ms / 1000, UTC).isoformat(),
            **{table.name: table.records for table in report.tables},
            "remarks": list(report.all_remarks),
        }

    return json.dumps([plain(report) for report in all_reports], indent=2, ensure_ascii=False)


WEEK_FORMS: Mapping[str, Callable[[Sequence[WeekReport]], str]] = {
    "table": _as_table,
    "json": _as_json,
    "csv": _as_csv,
    "markdown": _as_markdown,
}
"""How a report is printed, by the word for it."""
