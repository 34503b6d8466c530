"""How the loop of one workspace is doing, for the page and for people."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """How the loop of one workspace is doing, as of its last step; never changed, safe to read from any thread.

    `clock_skew_seconds` is this machine's clock minus the agreed time, None before it is agreed. `problems` has what
    does not work right now, one sentence each; `is_followed` is False while they keep the whole workspace from being
    followed.
    """

    planned_requests_per_hour: float = 0.0
    allowed_requests_per_hour: int = 0
    overdue_projects: int = 0
    projects_with_older_history: int = 0
    excluded_projects: int = 0
    clock_skew_seconds: float | None = None
    is_followed: bool = True
    problems: tuple[str, ...] = ()
