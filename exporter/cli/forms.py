"""The forms of a report: a table for people, JSON and CSV for programs, Markdown for a chat or a wiki."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from exporter.cli.weekly import Report, local
from exporter.metrics.summary import Cell, Table

_MOST_ROWS = 20
_PIPE_WIDTH = 160


def _as_table(all_reports: Sequence[Report]) -> str:
    """For a terminal, or as wide as needed for a pipe: the costliest projects alone."""
    console = Console(file=io.StringIO(), highlight=False, width=None if Console().is_terminal else _PIPE_WIDTH)
    for report in all_reports:
        console.print(f"[bold]{escape(report.title)}[/bold]", soft_wrap=True)
        for table in report.tables:
            numeric = {
                index for row in table.rows for index, cell in enumerate(row) if not isinstance(cell, str | None)
            }
            shown = Grid(box=None, pad_edge=False)
            for index, column in enumerate(table.columns):
                is_id = table.name == "project" and column == "project"
                shown.add_column(
                    _heading(column), justify="right" if index in numeric else "left", no_wrap=is_id or index in numeric
                )
            for row in table.rows[:_MOST_ROWS]:
                cells = (_shown(column, cell, report.timezone) for column, cell in zip(table.columns, row, strict=True))
                shown.add_row(*map(escape, cells))
            console.print()
            console.print(shown)
            if len(table.rows) > _MOST_ROWS:
                console.print(f"and {len(table.rows) - _MOST_ROWS} more; the other formats have them all")
        console.print()
        for remark in report.all_remarks:
            console.print(f"[yellow]note[/yellow] {escape(remark)}", soft_wrap=True)
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue().rstrip()


def _grid(table: Table, timezone: str) -> Grid:
    """The first rows, figures to the right."""
    grid = Grid(box=None, pad_edge=False)
    for index, column in enumerate(table.columns):
        has_figures = any(isinstance(row[index], int | float) for row in table.rows)
        grid.add_column(_heading(column), justify="right" if has_figures else "left", no_wrap=has_figures)
    for row in table.rows[:_MOST_ROWS]:
        grid.add_row(*map(escape, _texts(table, row, timezone)))
    return grid


def _as_markdown(all_reports: Sequence[Report]) -> str:
    lines: list[str] = []
    for report in all_reports:
        lines += [f"# {report.title}", ""]
        for table in report.tables:
            lines += [f"## By {table.name}" if table.name != "total" else "## Total", ""]
            lines.append(f"| {' | '.join(map(_heading, table.columns))} |")
            lines.append(f"|{' --- |' * len(table.columns)}")
            for row in table.rows:
                cells = (_shown(column, cell, report.timezone) for column, cell in zip(table.columns, row, strict=True))
                lines.append(
                    f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"
                )
            lines.append("")
        lines += [f"- {remark}" for remark in report.all_remarks]
    return "\n".join(lines).rstrip()


def _as_csv(all_reports: Sequence[Report]) -> str:
    """One figure a row, so that every table fits one file."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(("workspace", "week_start", "table", "row", "figure", "value"))
    for report in all_reports:
        start = local(report.week[0], report.timezone).date().isoformat()
        for table in report.tables:
            for key, *cells in table.rows:
                for column, cell in zip(table.columns[1:], cells, strict=True):
                    if cell is not None:
                        writer.writerow((report.workspace, start, table.name, key, column, cell))
    return written.getvalue().rstrip()


def _as_json(all_reports: Sequence[Report]) -> str:
    def plain(report: Report) -> dict[str, object]:
        return {
            "workspace": report.workspace,
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


FORMS: Mapping[str, Callable[[Sequence[Report]], str]] = {
    "table": _as_table,
    "json": _as_json,
    "csv": _as_csv,
    "markdown": _as_markdown,
}
"""How a report is printed, by the word for it."""


def _texts(table: Table, row: Sequence[Cell], timezone: str) -> list[str]:
    return [_shown(column, cell, timezone) for column, cell in zip(table.columns, row, strict=True)]


def _heading(column: str) -> str:
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
