"""The mixture of the simulated workspace: which sorts of project there are, and why in these numbers.

Forty projects have about 390 runs a week, most of the usual budget of 500, and 336 more from two hourly schedules
that are not needed: enough to break the budget, and visible at first sight on a board.
"""

from dataclasses import dataclass

ZONES_MINUTES = (60, 60, 60, 60, 0, -300, 480, 330)
"""Offsets of schedules: half the team sits in Zurich, the rest in London, New York, Singapore and Mumbai."""

LATE_MEAN_SECONDS = 25.0
LATE_MOST_SECONDS = 600.0
"""A schedule starts within seconds as a rule, and up to ten minutes late as documented."""

VERY_LATE_SHARE = 0.05
"""How many scheduled runs are spread over the whole ten minutes."""

MISSED_SHARE = 0.002
"""How many firings start no run at all."""

NO_KERNEL_SHARE = 0.004
"""How many runs wait for a kernel in vain."""

KILLED_SHARE = 0.008
"""How many runs are stopped by somebody, or by a limit."""

NO_END_SHARE = 0.004
"""How many completed runs Hex lists without an end, which clients have seen."""

SPREAD = 0.35
"""Sigma of the logarithm of a project's run times: a run in twenty takes twice the median."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """One sort of project. Rates are a week; `seconds` is the median run time.

    `views` 0 means that no one ever comes; `waste` names what was planted with it, `near` what it only looks like.
    """

    schedules: str = ""
    views: float = 6.0
    api: float = 0.0
    refreshes: float = 0.0
    edits: float = 0.3
    seconds: float = 90.0
    failures: float = 0.02
    state: str = "published"
    waste: str = ""
    near: str = ""
    connection: str = "main"
    source_changes: float = 7.0


SORTS: dict[str, Sort] = {
    "daily": Sort(schedules="daily", views=16.0),
    "six": Sort(
        schedules="daily@06:00", views=14.0, seconds=240.0, connection="collision", waste="colliding_schedules"
    ),
    "weekly": Sort(schedules="weekly", views=5.0, seconds=400.0, source_changes=3.0),
    "monthly": Sort(schedules="monthly", views=2.0, seconds=1500.0, source_changes=1.0),
    "office": Sort(
        schedules="cron:0 8-18 * * 1-5", views=140.0, seconds=45.0, near="over_refreshed", source_changes=200.0
    ),
    "twice": Sort(schedules="daily@07:15;daily@13:15", views=40.0, near="over_scheduled", source_changes=28.0),
    "weekdays": Sort(schedules="cron:30 6 * * 1-5", views=18.0, seconds=150.0),
    "api": Sort(api=25.0, views=8.0, seconds=60.0, failures=0.05),
    "refresh": Sort(refreshes=15.0, views=45.0, seconds=20.0),
    "over_refreshed": Sort(schedules="cron:20 */3 * * *", views=1.0, waste="over_refreshed", source_changes=1.0),
    "over_scheduled": Sort(schedules="cron:45 */6 * * *", views=2.0, waste="over_scheduled", source_changes=90.0),
    "abandoned": Sort(
        schedules="hourly", views=0.0, edits=0.0, seconds=130.0, waste="abandoned_project", source_changes=0.5
    ),
    "failing": Sort(schedules="daily", views=14.0, seconds=35.0, failures=1.0, waste="failing_schedule"),
    "flaky": Sort(schedules="daily", views=14.0, failures=0.3, near="failing_schedule"),
    "unviewed": Sort(schedules="daily", views=0.0, waste="unviewed_schedule"),
    "original": Sort(schedules="daily@05:40", views=16.0),
    "copy": Sort(schedules="daily@05:40", views=14.0, waste="duplicate_projects"),
    "sibling": Sort(schedules="weekly", views=5.0, source_changes=3.0, near="duplicate_projects"),
    "inherited": Sort(schedules="daily", views=16.0, near="abandoned_project"),
    "disabled": Sort(schedules="!daily", views=3.0, near="unviewed_schedule"),
    "on_demand": Sort(api=1.0, views=4.0, near="abandoned_project"),
    "unlisted": Sort(schedules="weekly", views=4.0, state="unlisted"),
    "draft": Sort(state="unpublished", views=0.0, edits=2.0),
    "archived": Sort(schedules="daily", views=0.0, edits=0.0, state="archived"),
    "trashed": Sort(state="trashed", views=0.0, edits=0.0),
    "component": Sort(state="component", views=0.0, edits=0.2),
    "plant": Sort(views=10.0, seconds=8.0, failures=0.0, edits=0.0),  # what a person tries first completes
}

MIXTURE: tuple[str, ...] = (
    *("daily", "abandoned", "api", "weekly", "refresh", "six", "failing", "original", "copy", "office"),
    *("draft", "over_refreshed", "twice", "archived", "six", "weekdays", "api", "daily", "unviewed", "weekly"),
    *("abandoned", "six", "refresh", "disabled", "flaky", "monthly", "six", "unlisted", "on_demand", "trashed"),
    *("inherited", "api", "weekly", "refresh", "twice", "component", "weekdays", "sibling", "over_scheduled", "draft"),
)
"""Project number n is of sort n modulo 40; a small workspace gets the telling ones first."""
