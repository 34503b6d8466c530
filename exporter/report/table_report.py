"""Tables about a workspace in every form: a table for people, JSON and CSV for programs, Markdown for a wiki."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from exporter.report.escaping import for_markdown, for_spreadsheet
from exporter.report.table_wording import heading
from exporter.report.terminal_table import report_lines, terminal_width
from exporter.report.week_forms import markdown_table
from exporter.report.week_tables import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReport:
    """What is printed of one workspace. `facts` are what JSON says of the whole; CSV has the table `main` and no other.

    `remarks` are sentences on what the figures are made of, and what they leave out.
    """

    workspace: str
    title: str
    timezone: str
    facts: Mapping[str, object]
    main: str
    tables: tuple[Table, ...]
    remarks: tuple[str, ...] = ()


def _as_table(reports: Sequence[TableReport]) -> str:
    width = terminal_width()
    lines = (report_lines(one.title, one.tables, one.remarks, one.timezone, width) for one in reports)
    return "\n".join(chain.from_iterable(lines)).rstrip()


def _as_markdown(reports: Sequence[TableReport]) -> str:
    def lines() -> Iterator[str]:
        for report in reports:
            yield from (f"# {for_markdown(report.title)}", "")
            for table in report.tables:
                yield from (f"## By {heading(table.name)}" if table.name != "total" else "## Total", "")
                yield from (*markdown_table(table, report.timezone), "")
            yield from (f"- {for_markdown(remark)}" for remark in report.remarks)

    return "\n".join(lines()).rstrip()


def _as_csv(reports: Sequence[TableReport]) -> str:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    has_header = False
    for report in reports:
        for table in report.tables:
            if table.name == report.main:
                if not has_header:
                    writer.writerow(("workspace", *table.columns))
                    has_header = True
                for row in table.rows:
                    cells = (report.workspace, *row)
                    writer.writerow(for_spreadsheet(cell) if isinstance(cell, str) else cell for cell in cells)
    return written.getvalue().rstrip()


def _as_json(reports: Sequence[TableReport]) -> str:
    def plain(report: TableReport) -> dict[str, object]:
        tables = {table.name: table.records for table in report.tables}
        return {"workspace": report.workspace, **report.facts, **tables, "remarks": list(report.remarks)}

    return json.dumps([plain(report) for report in reports], indent=2, ensure_ascii=False)


TABLE_FORMS: Mapping[str, Callable[[Sequence[TableReport]], str]] = {
    "table": _as_table,
    "json": _as_json,
    "csv": _as_csv,
    "markdown": _as_markdown,
}
"""How such a report is printed, by the word for it."""
