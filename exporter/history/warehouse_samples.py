"""What queries cost in the warehouses, hour by hour, as far back as their logs were read."""

from collections.abc import Callable, Iterator, Mapping

from exporter.history.past import Past
from exporter.history.query_money import HourlyMoney, QueryMoney
from exporter.history.series import Track, track
from exporter.history.week_sums import week_dollars

_Series = Callable[[QueryMoney], Mapping[tuple[str, ...], HourlyMoney]]
"""The money by what follows the workspace in a series' labels."""


def project_week(past: Past) -> Iterator[Track]:
    """What the queries of each project cost in the week so far."""
    return _weekly(past, "hex_project_warehouse_week_usd", lambda money: money.projects, is_previous=False)


def project_previous_week(past: Past) -> Iterator[Track]:
    """What they cost in the week before."""
    return _weekly(past, "hex_project_warehouse_previous_week_usd", lambda money: money.projects, is_previous=True)


def warehouse_week(past: Past) -> Iterator[Track]:
    """What each part of a warehouse's bill was in the week so far."""
    return _weekly(past, "hex_warehouse_week_usd", lambda money: money.parts, is_previous=False)


def warehouse_previous_week(past: Past) -> Iterator[Track]:
    """What each part was in the week before."""
    return _weekly(past, "hex_warehouse_previous_week_usd", lambda money: money.parts, is_previous=True)


def _weekly(past: Past, metric: str, series: _Series, *, is_previous: bool) -> Iterator[Track]:
    queries = past.queries
    if queries is None:
        return
    for labels, money in series(queries).items():
        values = week_dollars(past, queries.known, money.start_ms, money.micro_usd, is_previous=is_previous)
        yield track(metric, (past.name, *labels), past.span.hours, values)
