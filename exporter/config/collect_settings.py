"""What is read from Hex, of which projects, and how old it may be shown."""

import math

from msgspec import Struct, field

from exporter.config.match import Match
from exporter.facts import Project

LISTINGS_SHARE = 0.5
"""The most that listings may take of the requests so that they come in time: as much is left for runs."""

LISTINGS = ("projects", "users", "connections", "groups", "threads")
"""What is listed where it is on; who the token belongs to always is."""

_HOUR_SECONDS = 3600.0
_MINUTE_SECONDS = 60.0


class Collect(Struct, frozen=True, kw_only=True):
    """What is read from Hex; `queried_tables` None: wherever Hex answers, else by cells. `exports`: each
    published version's settings and cells, once.

    Without `match` every project is polled that matches nothing of `left_out`. A gauge taken from a listing that is
    older than `max_age_seconds` is no longer shown; 0: none is ever. Once Hex shows no runs of `refused_share` of the
    projects, runs count as not read.
    """

    projects: bool = True
    runs: bool = True
    users: bool = True
    connections: bool = True
    groups: bool = True
    threads: bool = True
    queried_tables: bool | None = None
    exports: bool = True
    match: tuple[Match, ...] = ()
    left_out: tuple[Match, ...] = field(default=(), name="except")
    max_age_seconds: float = field(default=6 * _HOUR_SECONDS, name="max_age")
    refused_share: float = 0.1

    def is_polled(self, workspace: str, project: Project) -> bool:
        """Whether the project is followed: its runs are read, and its figures shown."""
        is_wanted = not self.match or any(one.matches(workspace, project) for one in self.match)
        return is_wanted and not any(one.matches(workspace, project) for one in self.left_out)

    def is_fresh(self, at_ms: int | None, now_ms: int) -> bool:
        """Whether what was listed then may still be shown."""
        return at_ms is not None and self.max_age_seconds > 0 and now_ms - at_ms <= self.max_age_seconds * 1000

    @property
    def listings(self) -> int:
        """How many listings are read."""
        return 1 + sum(bool(getattr(self, name)) for name in LISTINGS)


class Exports(Struct, frozen=True, kw_only=True):
    """Files that Hex's git export wrote, `*.hex.yaml`: paths and globs, absolute when read from a file."""

    paths: tuple[str, ...] = ()


def listings_seconds(pages: int, requests_per_hour: float) -> float:
    """How far apart listings of so many pages in all are at the least."""
    return pages * _HOUR_SECONDS / (requests_per_hour * LISTINGS_SHARE)


def shortest_max_age_seconds(pages: int, requests_per_hour: float) -> float:
    """The shortest `max_age` for which listings of so many pages in all come in time, in whole minutes.

    Listings come twice in it, so that one that is late hides nothing.
    """
    return math.ceil(2 * listings_seconds(pages, requests_per_hour) / _MINUTE_SECONDS) * _MINUTE_SECONDS
