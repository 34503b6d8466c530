"""What each project was doing, hour by hour."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate
from math import nan

from exporter.history.past import Past, Started
from exporter.history.series import Track, track
from exporter.history.week_sums import week_counts, week_dollars
from exporter.insight import Money
from exporter.metrics import project_families

Cost = Callable[[Started], Iterable[int]]
"""From the runs of a project, by start, to what each cost in millionths of a dollar."""


def project_infos(past: Past) -> Iterator[Track]:
    """What the projects are called today, since each was created; without it, nothing of the past has a name."""
    created = {known.project.project_id: known.project.created_ms or 0 for known in past.snapshot.stored.projects}
    for family in project_families(past.snapshot):
        if family.metric.name == "hex_project_info":
            for labels, _ in family.samples:
                hours = past.span.hours[bisect_left(past.span.hours, created[labels[1]]) :]
                yield track("hex_project_info", labels, hours, [1] * len(hours))


def week_runs(past: Past) -> Iterator[Track]:
    """Runs in the week so far."""
    return _by_week(past, "hex_project_week_runs", is_previous=False)


def previous_week_runs(past: Past) -> Iterator[Track]:
    """Runs in the week before."""
    return _by_week(past, "hex_project_previous_week_runs", is_previous=True)


def week_costs(past: Past) -> Iterator[Track]:
    """What the runs of the week so far cost, where runs cost anything."""
    return _costs(past, "hex_project_cost_week_usd", is_previous=False)


def previous_week_costs(past: Past) -> Iterator[Track]:
    """What the runs of the week before cost."""
    return _costs(past, "hex_project_cost_previous_week_usd", is_previous=True)


def week_money(past: Past) -> Iterator[Track]:
    """The same by kind of money."""
    return _money(past, "hex_project_cost_week_money_usd", is_previous=False)


def previous_week_money(past: Past) -> Iterator[Track]:
    """What the runs of the week before cost, by kind of money."""
    return _money(past, "hex_project_cost_previous_week_money_usd", is_previous=True)


def last_runs(past: Past) -> Iterator[Track]:
    """When the last run that had ended with each status started."""
    runs: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for (series, _, status), ended in past.ended.items():
        if series in past.snapshot.members:
            runs[series, status].extend(zip(ended.end_ms, ended.start_ms, strict=True))
    for (project_id, status), found in runs.items():
        found.sort()
        ends = [end_ms for end_ms, _ in found]
        latest = list(accumulate((start_ms for _, start_ms in found), max))
        values = [latest[count - 1] / 1000 if (count := bisect_left(ends, at_ms)) else nan for at_ms in past.span.hours]
        labels = (past.name, project_id, status)
        yield track("hex_project_last_run_timestamp_seconds", labels, past.span.hours, values)


def _costs(past: Past, metric: str, *, is_previous: bool) -> Iterator[Track]:
    def both(started: Started) -> Iterator[int]:
        return map(int.__add__, started.compute_micro_usd, started.own_micro_usd)

    return _by_week(past, metric, is_previous=is_previous, cost=both) if past.run_money else iter(())


def _money(past: Past, metric: str, *, is_previous: bool) -> Iterator[Track]:
    amounts: Mapping[Money, Cost] = {
        "billed": lambda started: started.compute_micro_usd,
        "estimate": lambda started: started.own_micro_usd,
    }
    for kind in past.run_money:
        yield from _by_week(past, metric, kind, is_previous=is_previous, cost=amounts[kind])


def _by_week(past: Past, metric: str, *labels: str, is_previous: bool, cost: Cost | None = None) -> Iterator[Track]:
    """Of each project what `cost` gives for each of its runs, in dollars; without it, how many there were."""
    since_ms = past.known_since_ms()
    if since_ms is None:
        return
    known = since_ms, past.span.end_ms
    for series, started in past.started.items():
        starts = started.start_ms
        values = (
            week_counts(past, known, starts, is_previous=is_previous)
            if cost is None
            else week_dollars(past, known, starts, cost(started), is_previous=is_previous)
        )
        yield track(metric, (past.name, series, *labels), past.span.hours, values)
