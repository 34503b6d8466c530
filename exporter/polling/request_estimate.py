"""How many requests following a workspace costs: an hour in steady state, and until its past is read."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.facts import Project
from exporter.hexapi import Endpoint
from exporter.insight import WEEK_MS, scheduled_week_runs
from exporter.polling.due_times import HOUR_MS, rest_intervals_ms
from exporter.polling.listings import listing_intervals_ms

REST_SHARE = 0.6
"""The share of the allowed requests that listings, schedules and turns take until this week and the last are known."""

PAST_SHARE = 0.75
"""The same from then on, while older history is read."""

SETTLED_SHARE = 0.9
"""The same once nothing is left to be read; the rest is for changes, active runs and a gateway's runs."""

SHORTEST_REST_MS = 30_000
"""No project is read more often in turn: a run takes about as long, and a schedule or a request foretells most."""

_LEAST_TURNS_SHARE = 0.2
_REQUESTS_PER_SCHEDULED_RUN = 1.3
_RUNS_PER_PAGE = 100
_HISTORY_WEEKS = 90 / 7
_DAY_MS = 24 * HOUR_MS


def scheduled_requests_per_hour(projects: Iterable[Project], now_ms: int) -> float:
    """What following scheduled runs costs: one request sees the end of most, one in three takes a second one."""
    today_ms = now_ms - now_ms % _DAY_MS
    runs = sum(scheduled_week_runs(project, today_ms) for project in projects)
    return runs * _REQUESTS_PER_SCHEDULED_RUN * HOUR_MS / WEEK_MS


def turn_requests_per_hour(
    allowed_per_hour: int,
    listings_per_hour: float,
    scheduled_per_hour: float,
    *,
    is_settled: bool,
    are_weeks_known: bool = False,
) -> float:
    """What is left for asking every project in turn, at least a fifth of what is allowed.

    `is_settled`: nothing of the past is left to be read; `are_weeks_known`: this week and the last are known of every
    project.
    """
    share = SETTLED_SHARE if is_settled else PAST_SHARE if are_weeks_known else REST_SHARE
    spare = allowed_per_hour * share - listings_per_hour - scheduled_per_hour
    return max(spare, allowed_per_hour * _LEAST_TURNS_SHARE)


def settled_requests_per_hour(
    projects: Iterable[Project], allowed_per_hour: int, listings_per_hour: float, now_ms: int
) -> float:
    """What following these projects costs an hour once all is read, as it is planned before any habits are known."""
    followed = list(projects)
    running = [project for project in followed if project.state == "published"]
    scheduled = scheduled_requests_per_hour(running, now_ms)
    turns = turn_requests_per_hour(allowed_per_hour, listings_per_hour, scheduled, is_settled=True)
    rests = rest_intervals_ms({project.project_id: 0.0 for project in running}, turns, SHORTEST_REST_MS)
    daily = (len(followed) - len(running)) * HOUR_MS / _DAY_MS
    return listings_per_hour + scheduled + sum(HOUR_MS / rest for rest in rests.values() if rest) + daily


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRead:
    """What the first contact costs, in requests: until this week is known, and until all history is."""

    week_requests: int = 0
    history_requests: int = 0


def first_read(projects: Iterable[Project], pages: Mapping[Endpoint, int], now_ms: int) -> FirstRead:
    """The estimate from schedules only: runs that nothing foretells are known only when they have been read."""
    listings = sum(pages.values())
    week = history = 0
    for project in projects:
        if project.published_ms is None:
            continue
        runs = scheduled_week_runs(project, now_ms - now_ms % _DAY_MS)
        week += max(1, math.ceil(runs / _RUNS_PER_PAGE))
        history += max(1, math.ceil(runs * _HISTORY_WEEKS / _RUNS_PER_PAGE))
    return FirstRead(week_requests=listings + week, history_requests=listings + history)


def listing_requests_per_hour(pages: Mapping[Endpoint, int], allowed_per_hour: int, max_age_seconds: float) -> float:
    """What reading listings of so many pages at their intervals costs."""
    intervals_ms = listing_intervals_ms(pages, allowed_per_hour, max_age_seconds)
    return sum(count * HOUR_MS / intervals_ms[endpoint] for endpoint, count in pages.items())
