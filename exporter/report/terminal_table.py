"""Tables and sentences as wide as a terminal: figures whole, names shortened, the least wanted columns left out."""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from exporter.config import DOLLARS, Currency
from exporter.report.escaping import for_terminal
from exporter.report.table_wording import for_people, heading, texts
from exporter.report.week_tables import Table

MOST_ROWS = 10
"""How many rows of a table are shown: with more, tables push each other off the screen."""

_PIPE_WIDTH = 160  # as wide as a widened window: whoever reads a pipe sees no more columns at once
_LEAST_WIDTH = 40
_GAP = 2

_IDS = frozenset({"project", "consumer"})
_NAMES = {"title": 22, "owner": 14, "user": 20, "name": 20, "which": 18, "description": 20, "subject": 18}
"""Names that may be cut, and to how many cells: enough to tell one from another. Ids and teams are whole or absent."""

_SENTENCES = {"ruled_out": 24, "action": 20, "basis": 14, "made_of": 24, "explained_by": 24, "what": 12, "reason": 20}
"""What is broken into lines, of so many cells at least."""

_SPARED = (
    "basis",
    "made_of",
    "expected",
    "true_up_usd",
    "unused",
    "over",
    "previous_seconds",
    "saving_month_runs",
    "first_gone_timestamp_seconds",
    "previous_estimate_usd",
    "previous_billed_usd",
    "previous_warehouse_usd",
    "previous_usd",
    "owner",
    "seconds",
    "realised_estimate_usd",
    "ignored",
    "findings",
    "previous_used",
    "difference_percent",
    "top_ups",
    "since_timestamp_seconds",
    "seats_usd",
    "period",
    "saving_estimate_usd",
)
"""Columns to be left out where there is no room for all, the least wanted first."""


def terminal_width() -> int | None:
    """The width of the terminal, or that of COLUMNS; None for a pipe, whose lines may be of any length."""
    if os.environ.get("COLUMNS", "").isdecimal() or sys.stdout.isatty():
        return max(_LEAST_WIDTH, shutil.get_terminal_size().columns)
    return None


def sentence_lines(text: str, width: int | None, indent: str = "") -> list[str]:
    """The sentence on lines of that width, those after the first behind `indent`; on one line for a pipe."""
    text = for_terminal(text)
    if width is None:
        return [text]
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def report_lines(
    title: str,
    tables: Iterable[Table],
    remarks: Iterable[str],
    timezone: str,
    width: int | None,
    currency: Currency = DOLLARS,
) -> Iterator[str]:
    """One report: its title, each table that has rows, and its remarks, with an empty line after each part."""
    yield from sentence_lines(title, width)
    for table in tables:
        if table.rows:
            yield from ("", *table_lines(table, timezone, width, currency=currency))
    yield ""
    for remark in remarks:
        yield from sentence_lines(f"note {remark}", width, "     ")
    yield ""


@dataclass(frozen=True, slots=True)
class _Column:
    name: str
    heading: str
    cells: tuple[str, ...]
    is_figure: bool

    @property
    def widest(self) -> int:
        return max(map(cell_len, (self.heading, *self.cells)))

    @property
    def least(self) -> int:
        """The width below which it says nothing: headings are broken at blanks, figures are whole."""
        content = max(map(cell_len, self.cells), default=0)
        if not self.is_figure:
            content = min(content, _NAMES.get(self.name, content), _SENTENCES.get(self.name, content))
        return max(content, *map(cell_len, self.heading.split()))

    def lines(self, text: str, width: int) -> list[str]:
        if self.name in _SENTENCES:
            text_lines = textwrap.wrap(text, width, break_on_hyphens=False) or [""]
        else:
            text_lines = [text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"]
        return [self._aligned(line, width) for line in text_lines]

    def heading_lines(self, width: int) -> list[str]:
        return [self._aligned(line, width) for line in textwrap.wrap(self.heading, width)]

    def _aligned(self, text: str, width: int) -> str:
        missing = " " * (width - cell_len(text))
        return missing + text if self.is_figure else text + missing


def table_lines(
    table: Table, timezone: str, width: int | None, most: int = MOST_ROWS, currency: Currency = DOLLARS
) -> Iterator[str]:
    """The first rows of the table, and how many more there are."""
    table = for_people(table, currency)
    shown = [tuple(map(for_terminal, texts(table, row, timezone))) for row in table.rows[:most]]
    columns = [
        _Column(name, heading(name, currency), tuple(row[index] for row in shown), _has_figures(table, index))
        for index, name in enumerate(table.columns)
    ]
    widths = _widths(columns, _PIPE_WIDTH if width is None else width)
    kept = [column for column in columns if column.name in widths]
    headings = [column.heading_lines(widths[column.name]) for column in kept]
    tallest = max(map(len, headings))
    yield from _joined([[""] * (tallest - len(lines)) + lines for lines in headings], kept, widths)
    for number in range(len(shown)):
        yield from _joined([one.lines(one.cells[number], widths[one.name]) for one in kept], kept, widths)
    if len(table.rows) > most:
        yield f"and {len(table.rows) - most} more; --format markdown has all rows and columns"


def _has_figures(table: Table, index: int) -> bool:
    return any(isinstance(row[index], int | float) for row in table.rows)


def _widths(columns: Sequence[_Column], width: int) -> dict[str, int]:
    """The columns that are shown, each with its width: names and sentences get what room there is before headings."""
    kept = list(columns)

    def needed(sizes: Sequence[int]) -> int:
        return sum(sizes) + _GAP * (len(sizes) - 1)

    has_name = any(column.name in ("title", "name") for column in kept)
    if has_name and needed([column.widest for column in kept]) > width:
        kept = [column for column in kept if column.name not in _IDS]
    for spared in _SPARED:
        if needed([column.least for column in kept]) <= width:
            break
        kept = [column for column in kept if column.name != spared or column is columns[0]]
    widths = {column.name: column.least for column in kept}
    room = width - needed([column.least for column in kept])
    for column in sorted(kept, key=lambda one: (one.is_figure, one.name in _SENTENCES, one.widest - one.least)):
        more = max(0, min(room, column.widest - column.least))
        widths[column.name] += more
        room -= more
    return widths


def _joined(cells: Sequence[Sequence[str]], kept: Sequence[_Column], widths: dict[str, int]) -> Iterator[str]:
    for number in range(max(map(len, cells))):
        parts = [
            lines[number] if number < len(lines) and lines[number] else " " * widths[column.name]
            for column, lines in zip(kept, cells, strict=True)
        ]
        yield (" " * _GAP).join(parts).rstrip()
