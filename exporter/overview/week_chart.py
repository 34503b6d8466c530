"""The week's curve and a budget's bar as the coordinates of small SVG pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 168
"""One unit of the picture is an hour of the week."""

HEIGHT = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekChart:
    """Points of the two lines as SVG writes them, the height of the budget's line (None: none), and the top value."""

    this: str
    previous: str
    limit_y: float | None
    highest: float


def week_chart(this: Sequence[int], previous: Sequence[int], limit: float | None) -> WeekChart:
    """The curves of this week and the last, under one scale; `limit` is drawn where it is not far above both."""
    most = max((*this, *previous, 1))
    highest = limit if limit is not None and most < limit <= 3 * most else float(most)
    return WeekChart(
        this=_points(this, highest),
        previous=_points(previous, highest),
        limit_y=round(_y(limit, highest), 2) if limit is not None and limit <= highest else None,
        highest=highest,
    )


def _points(values: Sequence[int], highest: float) -> str:
    if not values:
        return ""
    return " ".join(["0,60", *(f"{hour},{_y(value, highest):.2f}" for hour, value in enumerate(values, start=1))])


def _y(value: float, highest: float) -> float:
    return HEIGHT * (1 - value / highest)


@dataclass(frozen=True, slots=True)
class Bar:
    """Parts of a bar in percent of its width: used, what is expected on top of that, and where the limit is."""

    used: float
    expected: float
    limit: float


def budget_bar(limit: float, used: float | None, forecast: float | None) -> Bar:
    """The bar of a budget; it is as wide as the largest of the three."""
    whole = max(limit, used or 0, forecast or 0) or 1.0
    filled = 100 * (used or 0) / whole
    end = 100 * max(forecast or 0, used or 0) / whole
    return Bar(used=round(filled, 2), expected=round(end - filled, 2), limit=round(100 * limit / whole, 2))
