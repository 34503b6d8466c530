"""Why a request is worth sending: what the planner gives beside each one, and what the debug log shows."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a request was chosen, in the words of the log event `poll_planned`."""

    LISTING_DUE = "listing_due"
    NEXT_PAGE = "next_page"
    NEVER_READ = "never_read"
    TURN = "turn"
    ACTIVE_RUN = "active_run"
    STARTED_RUN = "started_run"
    SCHEDULE = "schedule"
    PROJECT_CHANGED = "project_changed"
    PROJECT_VIEWED = "project_viewed"
    HISTORY_THIS_WEEK = "history_this_week"
    HISTORY_LAST_WEEK = "history_last_week"
    HISTORY_REST = "history_rest"
    DETAILS_UNKNOWN = "details_unknown"
    VERSION_REQUESTED = "version_requested"
    VERSION_UNKNOWN = "version_unknown"
