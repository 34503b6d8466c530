"""The last seven days of runs, read through once: when they started, and how many ran together."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from zoneinfo import ZoneInfo

from exporter.facts import QueriedTable, Run
from exporter.insight import peak

SPAN_MS = 7 * 86_400_000
"""How far back recent is."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

HOURS = tuple(f"{hour:02}" for hour in range(24))

_QUARTER_MS = 900_000  # every zone in use is a multiple of a quarter of an hour from UTC

WeekHour = tuple[str, str]
"""A weekday's name and an hour from 00 to 23."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentRuns:
    """Runs by weekday and hour of their start, and the most runs at one time by connection."""

    hours: Mapping[WeekHour, int]
    peaks: Mapping[str, int]


def recent(
    runs: Iterable[Run], tables: Mapping[str, tuple[QueriedTable, ...]], timezone: str, now_ms: int
) -> RecentRuns:
    """What these runs of the last seven days show; `tables` says which connections a project queries.

    A run in progress lasts until now. Runs without a start are left out.
    """
    starts: list[int] = []
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for run in runs:
        if run.start_ms is None:
            continue
        starts.append(run.start_ms)
        if run.project_id in tables:
            end_ms = run.ended_ms
            spans[run.project_id].append((run.start_ms, now_ms if end_ms is None else end_ms))

    peaks = {
        connection_id: peak(chain.from_iterable(spans[project_id] for project_id in project_ids))
        for connection_id, project_ids in users_of_connections(tables).items()
    }
    return RecentRuns(hours=by_week_hour(starts, timezone), peaks=peaks)


def users_of_connections(tables: Mapping[str, tuple[QueriedTable, ...]]) -> dict[str, set[str]]:
    """The ids of the projects that query each connection, by its id."""
    users: dict[str, set[str]] = defaultdict(set)
    for project_id, queried in tables.items():
        for table in queried:
            users[table.connection_id].add(project_id)
    return users


def by_week_hour(instants_ms: Iterable[int], timezone: str) -> dict[WeekHour, int]:
    """How many of these instants fall on each weekday and hour of the zone; all 168 are there."""
    zone = ZoneInfo(timezone)
    found = dict.fromkeys(((weekday, hour) for weekday in WEEKDAYS for hour in HOURS), 0)
    for quarter, count in Counter(at_ms // _QUARTER_MS for at_ms in instants_ms).items():
        local = datetime.fromtimestamp(quarter * _QUARTER_MS / 1000, zone)
        found[WEEKDAYS[local.weekday()], HOURS[local.hour]] += count
    return found
