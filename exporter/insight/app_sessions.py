"""What sessions of apps may cost, of which Hex's API shows nothing: an estimate from above, pure."""

from collections.abc import Iterable
from typing import NamedTuple

from exporter.insight.tariffs import Tariff

APP_IDLE_MS = 15 * 60_000
"""Hex's default: an app's kernel stops when no one has used it for so long, and is billed until then."""

_HOUR_MS = 3_600_000


class ViewedApp(NamedTuple):
    """An app that runs again for each viewer: its views, the mean time of its runs if known, and its profile."""

    views: int
    run_ms: int | None
    profile: str


class AppSessions(NamedTuple):
    """Sessions of so many views of so many apps, in millionths of a dollar; `untimed` apps have views and no runs."""

    apps: int = 0
    views: int = 0
    micro_usd: int = 0
    untimed: int = 0


def sessions_cost(viewed: Iterable[ViewedApp], tariff: Tariff) -> AppSessions:
    """Each view as long as a usual run and the idle timeout after it, as if no two people shared a session.

    Apps whose runs have no known time are left out of the money and counted as `untimed`.
    """
    apps = views = micro_usd = untimed = 0
    for one in viewed:
        if one.views <= 0:
            continue
        if one.run_ms is None:
            untimed += 1
            continue
        apps += 1
        views += one.views
        micro_usd += tariff.compute_hour_micro_usd(one.profile) * one.views * (one.run_ms + APP_IDLE_MS) // _HOUR_MS
    return AppSessions(apps, views, micro_usd, untimed)
