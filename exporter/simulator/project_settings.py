"""What a version of a simulated project is set to: its compute profile and caches, and what its cells do."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from exporter.simulator.population import SimulatedProject
from exporter.simulator.seeded_random import chance, share

Version = int | str
"""The number of a published version, or `draft`."""

COMPUTE_USD: Mapping[str, tuple[str, float]] = {"Revenue*": ("4XL", 2.58), "Leads*": ("Large", 0.32)}
"""Titles that run on a paid compute profile in every version: as an invoice calls it, and what an hour costs."""

PROFILES = ("xs", "small", "medium", "medium", "medium", "medium", "large")
"""What projects run on whose titles the price list does not name: one in seven pays for it."""

PAID_USD: Mapping[str, float] = {"large": 0.32, "4xl": 2.58}
"""What an hour costs on the profiles that the plan does not include."""

_PROFILE_OF_SORT: Mapping[str, str | None] = {
    "flaky": None,  # no profile in its settings: the workspace's default applies, which nothing names
    "office": "large",  # for runs of a minute: planted
    "six": "large",  # for runs of several minutes: a near miss
    "over_refreshed": "medium",  # nothing but SQL, on compute that is included: a near miss
}

_CHANGES_SHARE = 0.35
"""How many versions come with another compute profile."""

_QUERY_CACHES: tuple[Mapping[str, object] | None, ...] = (
    None,
    {"type": "fixed", "duration": 60, "unit": "minutes"},
    {"type": "fixed", "duration": 1, "unit": "days"},
    {"type": "lastScheduledRun"},
)

WRITEBACK_SORTS = frozenset({"monthly", "on_demand"})
"""The sorts whose runs write to a database."""

SQL_ONLY_SORTS = frozenset({"weekdays", "over_refreshed"})
"""The sorts that have no code."""

COMPONENT_SORT = "twice"
"""The sort that imports a component, all of its projects the same."""

RERUN_SORT = "refresh"
"""The sort whose apps run again for each viewer and keep no result."""

NEITHER_SORT = "office"
"""The sort whose apps keep no result, and run only when somebody wants it."""

UNCACHED_QUERIES = frozenset({"api", "archived"})
"""The sorts whose apps send each query to the warehouse."""

BRIEF_CACHE_SORT = "daily"
"""The sort whose query results are kept for a minute."""

_BRIEF = {"type": "fixed", "duration": 1, "unit": "minutes"}


def profile_at(seed: int, project: SimulatedProject, version: Version) -> str | None:
    """The compute profile of a version, None where the settings name none; the draft has that of version 1 and up."""
    for pattern, (profile, _) in COMPUTE_USD.items():
        if fnmatchcase(project.title, pattern):
            return profile.lower()
    if project.sort in _PROFILE_OF_SORT:
        return _PROFILE_OF_SORT[project.sort]
    latest = version if isinstance(version, int) else 1
    changed = (one for one in range(latest, 1, -1) if share(seed, "profile", project.number, one) < _CHANGES_SHARE)
    return chance(seed, "profile", project.number, next(changed, 1), "drawn").choice(PROFILES)


def writes_on_runs(project: SimulatedProject) -> bool:
    """Whether a run of the project writes to a database."""
    return project.sort in WRITEBACK_SORTS


def settings(seed: int, project: SimulatedProject, version: Version) -> dict[str, object]:
    """The settings of a version, under Hex's names: those that matter for its cost."""
    dice = chance(seed, "settings", project.number)
    sort = project.sort
    caches_app = dice.random() < 0.7 and sort not in (RERUN_SORT, NEITHER_SORT)
    published_cache = dice.choice(_QUERY_CACHES)
    if sort in UNCACHED_QUERIES:
        published_cache = {"type": "disabled"}
    return {
        "prerunApp": dice.random() < 0.5,
        "autoRerunApp": sort == RERUN_SORT or (caches_app and dice.random() < 0.4),
        "cachePublishedAppState": caches_app,
        "refreshStalePublishedApp": caches_app and dice.random() < 0.5,
        "logicQueryCacheTimeout": dice.choice(_QUERY_CACHES),
        "publishedQueryCacheTimeout": _BRIEF if sort == BRIEF_CACHE_SORT else published_cache,
        "kernelImage": dice.choice(("python311", "python312")),
        "kernelSize": profile_at(seed, project, version),
    }


def queried(project: SimulatedProject) -> tuple[str, ...]:
    """What its SQL cells read, one each: tables, of which a sibling wants only a part."""
    place = " where country = 'US'" if project.sort == "sibling" else ""
    return tuple(f"from {table}{place} limit 1000" for table in project.tables)
