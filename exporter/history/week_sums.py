"""Sums over the week of each hour of a span, or over the week before it."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import nan

from exporter.history.past import Past
from exporter.insight import MICRO, Period


def week_counts(past: Past, known: Period, at_ms: Sequence[int], *, is_previous: bool) -> list[float]:
    """How many of these instants, which are in order, are in the week so far; NaN where that is not known."""
    return _in_weeks(past, known, at_ms, range(len(at_ms) + 1), is_previous=is_previous)


def week_dollars(
    past: Past, known: Period, at_ms: Sequence[int], micro_usd: Iterable[int], *, is_previous: bool
) -> list[float]:
    """What was spent at these instants, which are in order, in the week so far; NaN where that is not known."""
    sums = list(accumulate(micro_usd, initial=0))
    return [amount / MICRO for amount in _in_weeks(past, known, at_ms, sums, is_previous=is_previous)]


def _in_weeks(
    past: Past, known: Period, at_ms: Sequence[int], sums: Sequence[int], *, is_previous: bool
) -> list[float]:
    values: list[float] = []
    for hour_ms, (week, before) in zip(past.span.hours, past.hours_by_week, strict=True):
        start_ms, end_ms = before if is_previous else (week[0], hour_ms)
        is_known = known[0] <= start_ms and end_ms <= known[1]
        values.append(sums[bisect_left(at_ms, end_ms)] - sums[bisect_left(at_ms, start_ms)] if is_known else nan)
    return values
