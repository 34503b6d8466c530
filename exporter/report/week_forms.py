"""The forms of a report: a table for people, JSON for programs, CSV for bills, Markdown for a chat or a wiki."""

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from exporter.report.escaping import for_markdown, for_terminal
from exporter.report.focus_csv import focus_csv
from exporter.report.week_report import WeekReport, local
from exporter.report.week_tables import Cell, Table

_MOST_ROWS = 20
_PIPE_WIDTH = 160


def _as_table(all_reports: Sequence[WeekReport]) -> str:
    """For a terminal, or as wide as needed for a pipe: only the costliest projects."""
    console = Console(file=io.StringIO(), highlight=False, width=None if Console().is_terminal else _PIPE_WIDTH)
    for report in all_reports:
        console.print(f"[bold]{escape(for_terminal(report.title))}[/bold]", soft_wrap=True)
        for table in report.tables:
            console.print()
            console.print(grid(table, report.timezone))
            if len(table.rows) > _MOST_ROWS:
                console.print(f"and {len(table.rows) - _MOST_ROWS} more; the other formats have them all")
        console.print()
        for remark in report.all_remarks:
            console.print(f"[yellow]note[/yellow] {escape(for_terminal(remark))}", soft_wrap=True)
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue().rstrip()


def grid(table: Table, timezone: str, most: int = _MOST_ROWS) -> Grid:
    """The first rows for a terminal, figures to the right, whatever the cells say."""
    shown = Grid(box=None, pad_edge=False)
    table = for_people(table)
    for index, column in enumerate(table.columns):
        has_figures = any(isinstance(row[index], int | float) for row in table.rows)
        is_id = table.name == "project" and column == "project"
        justify: Literal["left", "right"] = "right" if has_figures else "left"
        shown.add_column(heading(column), justify=justify, no_wrap=has_figures or is_id)
    for row in table.rows[:most]:
        shown.add_row(*(escape(for_terminal(text)) for text in _texts(table, row, timezone)))
    return shown


def _as_markdown(all_reports: Sequence[WeekReport]) -> str:
    lines: list[str] = []
    for report in all_reports:
        lines += [f"# {for_markdown(report.title)}", ""]
        for table in report.tables:
            lines += [f"## By {table.name}" if table.name != "total" else "## Total", ""]
            lines += markdown_table(table, report.timezone)
            lines.append("")
        lines += [f"- {for_markdown(remark)}" for remark in report.all_remarks]
    return "\n".join(lines).rstrip()


def markdown_table(table: Table, timezone: str) -> Iterator[str]:
    """The lines of one table, whatever its cells say."""
    table = for_people(table)
    yield f"| {' | '.join(map(heading, table.columns))} |"
    yield f"|{' --- |' * len(table.columns)}"
    for row in table.rows:
        yield f"| {' | '.join(map(for_markdown, _texts(table, row, timezone)))} |"


def _as_csv(all_reports: Sequence[WeekReport]) -> str:
    """The bill of the week in FOCUS's columns; budgets and comparisons are in the other forms."""
    return focus_csv((report.workspace, report.org_id, report.charges) for report in all_reports)


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
            **{
                table.name: [dict(zip(table.columns, row, strict=True)) for row in table.rows]
                for table in report.tables
            },
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


def for_people(table: Table) -> Table:
    """The table without columns for programs, and without kinds of money in which nothing has a price."""
    kept = [
        index
        for index, column in enumerate(table.columns)
        if column not in table.for_programs
        and not (column.endswith("billed_usd") and all(row[index] is None for row in table.rows))
        and not (column.endswith("estimate_usd") and not any(row[index] for row in table.rows))
    ]
    rows = tuple(tuple(row[index] for index in kept) for row in table.rows)
    return Table(table.name, tuple(table.columns[index] for index in kept), rows)


def _texts(table: Table, row: Sequence[Cell], timezone: str) -> list[str]:
    return [_shown(column, cell, timezone) for column, cell in zip(table.columns, row, strict=True)]


def heading(column: str) -> str:
    """What a column is called for people."""
    return column.removesuffix("_timestamp_seconds").replace("previous_", "last ").replace("_", " ")


def _shown(column: str, cell: Cell, timezone: str) -> str:
    """A figure for people: to the hundredth, whole seconds, the local time."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if column.endswith("_timestamp_seconds"):
        return local(round(cell * 1000), timezone).strftime("%a %d %b %H:%M")
    if column.endswith("usd"):
        return f"{cell:,.2f}"
    if column.endswith("seconds"):
        return f"{cell:,.0f}"
    return f"{cell:,.2f}".removesuffix(".00")
