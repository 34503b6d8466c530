"""What tables say to people: headings, figures with their units, words for what labels write with underscores."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from exporter.config import DOLLARS, Currency
from exporter.report.week_tables import Cell, Table

_HEADINGS = {
    "saving_billed_usd": "monthly saving, billed USD",
    "saving_estimate_usd": "monthly saving, own estimate USD",
    "saving_month_runs": "monthly saving, runs",
}

_LABELS = frozenset({"trigger", "status", "unit", "component", "plan", "source", "thread_type", "money"})
"""Columns whose cells are values of labels; all others have names, which are shown as they are."""

_WORDS = {"ai": "AI", "api": "API", "usd": "USD", "mcp": "MCP"}


_TEN_MINUTES = 600


def for_people(table: Table, currency: Currency = DOLLARS) -> Table:
    """The table without columns for programs, and without kinds of money in which nothing has a price.

    A project that has no title is called by its id. Money is in the currency, whatever its column is called.
    """

    def shown(column: str, cell: Cell) -> Cell:
        is_money = column.endswith("usd") and isinstance(cell, int | float)
        return cell * currency.per_usd_micro / 1e6 if is_money and isinstance(cell, int | float) else cell

    kept = [
        index
        for index, column in enumerate(table.columns)
        if column not in table.for_programs
        and not (column.endswith("billed_usd") and all(row[index] is None for row in table.rows))
        and not (column.endswith("estimate_usd") and not any(row[index] for row in table.rows))
    ]
    title = table.columns.index("title") if "title" in table.columns else None
    rows = tuple(
        tuple((row[index] or row[0]) if index == title else shown(table.columns[index], row[index]) for index in kept)
        for row in table.rows
    )
    return Table(table.name, tuple(table.columns[index] for index in kept), rows)


def heading(column: str, currency: Currency = DOLLARS) -> str:
    """What a column is called for people, and in which unit it is shown."""
    return _heading(column).replace(DOLLARS.code, currency.code)


def _heading(column: str) -> str:
    if column in _HEADINGS:
        return _HEADINGS[column]
    name = column.removesuffix("_timestamp_seconds").replace("seconds", "minutes").replace("previous_", "last_")
    if name.endswith("estimate_usd") and "own" not in name:
        name = name.replace("estimate_usd", "own_estimate_usd")
    return words(name)


def words(label: str) -> str:
    """A label's value, or the name of a column, as a person writes it."""
    return " ".join(_WORDS.get(word, word) for word in label.split("_"))


def texts(table: Table, row: Sequence[Cell], timezone: str) -> Iterator[str]:
    """The cells of a row for people."""
    for column, cell in zip(table.columns, row, strict=True):
        yield _shown(column, cell, timezone)


def _shown(column: str, cell: Cell, timezone: str) -> str:
    """A figure to the hundredth, whole minutes, the local time."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        if column == "money" and cell == "estimate":
            return "own estimate"
        return words(cell) if column in _LABELS else cell
    if column.endswith("_timestamp_seconds"):
        return local(round(cell * 1000), timezone).strftime("%a %d %b %H:%M")
    if column.endswith("usd"):
        return f"{cell:,.2f}"
    if column.endswith("seconds"):
        return f"{cell / 60:,.1f}" if 0 < cell < _TEN_MINUTES else f"{cell / 60:,.0f}"
    return f"{cell:,.2f}".removesuffix(".00")


def local(at_ms: int, timezone: str) -> datetime:
    """An instant in the zone's time."""
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(timezone))
