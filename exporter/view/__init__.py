"""One workspace at one moment, read from the ledger: what is known, how complete it is, and what it costs."""

from exporter.view.accounts import Accounts, WeekAccount
from exporter.view.ai_credits import MOST_KINDS, MOST_USERS, OTHER_USERS, CreditAccount, CreditKind
from exporter.view.app_sessions import sessions_of_7d
from exporter.view.bookkeeping import Bookkeeper, Span
from exporter.view.closed_period import Adjustment, Books, ClosedPeriod
from exporter.view.closer import PeriodCloser, as_closed
from exporter.view.completeness import (
    awaited,
    can_run,
    complete_since_ms,
    complete_until_ms,
    is_mostly_unreadable,
    unreadable,
)
from exporter.view.compute_profiles import all_project_profiles, project_profiles, run_time_by_basis
from exporter.view.credit_people import credits_by_person
from exporter.view.daily_usage import RunKind, Total
from exporter.view.excluded_projects import polled
from exporter.view.features import FEATURES, FeatureState
from exporter.view.owner_labels import OwnerLabel, owner_label
from exporter.view.reader import Reader
from exporter.view.recent_runs import SPAN_MS, WeekHour, by_week_hour, users_of_connections
from exporter.view.rolling_runs import FAILED_STATUSES, RollingRuns
from exporter.view.shown_names import cell_url, project_url, subject_name, workspace_address, workspace_url
from exporter.view.snapshot import Snapshot
from exporter.view.status import ClusterState, GatewayState, LeaseState, ProcessStatus, Status, WorkspaceStatus
from exporter.view.teams import team_of_person
from exporter.view.version_settings import published_settings
from exporter.view.warehouse_book import (
    PARTS,
    WarehouseTotal,
    WarehouseTotals,
    WarehouseUse,
    adds_to_budget,
    span_of_logs,
    trigger_of,
)
from exporter.view.week_hours import WeekCurve

__all__ = [
    "FAILED_STATUSES",
    "FEATURES",
    "MOST_KINDS",
    "MOST_USERS",
    "OTHER_USERS",
    "PARTS",
    "SPAN_MS",
    "Accounts",
    "Adjustment",
    "Bookkeeper",
    "Books",
    "ClosedPeriod",
    "ClusterState",
    "CreditAccount",
    "CreditKind",
    "FeatureState",
    "GatewayState",
    "LeaseState",
    "OwnerLabel",
    "PeriodCloser",
    "ProcessStatus",
    "Reader",
    "RollingRuns",
    "RunKind",
    "Snapshot",
    "Span",
    "Status",
    "Total",
    "WarehouseTotal",
    "WarehouseTotals",
    "WarehouseUse",
    "WeekAccount",
    "WeekCurve",
    "WeekHour",
    "WorkspaceStatus",
    "adds_to_budget",
    "all_project_profiles",
    "as_closed",
    "awaited",
    "by_week_hour",
    "can_run",
    "cell_url",
    "complete_since_ms",
    "complete_until_ms",
    "credits_by_person",
    "is_mostly_unreadable",
    "owner_label",
    "polled",
    "project_profiles",
    "project_url",
    "published_settings",
    "run_time_by_basis",
    "sessions_of_7d",
    "span_of_logs",
    "subject_name",
    "team_of_person",
    "trigger_of",
    "unreadable",
    "users_of_connections",
    "workspace_address",
    "workspace_url",
]
