"""What is known, durable: the only room with SQL. One writer of each workspace, any number of readers."""

from exporter.insight.savings import KnownFinding
from exporter.ledger.closings import ClosingRepository, StoredAdjustment, StoredClosing
from exporter.ledger.copying import Copied, copy_ledger
from exporter.ledger.engines import WriterLock
from exporter.ledger.findings import FindingRepository
from exporter.ledger.gateway_requests import KEEP_KEYS_MS, MOST_KEYS, GatewayDecision, RequestKey
from exporter.ledger.gateway_runs import KEEP_MS, GatewayRun, GatewayRunRepository
from exporter.ledger.held_counters import HOLD_MS, CounterValue
from exporter.ledger.histograms import BOUNDS_MS, Amounts, observed
from exporter.ledger.lease_plan import (
    BEAT_SECONDS,
    HELD_SECONDS,
    Board,
    Lease,
    Move,
    Replica,
    hand_overs,
    move,
    strays,
    takes,
)
from exporter.ledger.leases import Leases
from exporter.ledger.ledger import Ledger, open_ledger
from exporter.ledger.listings import CollectorState, Listing
from exporter.ledger.opening import refusal as storage_refusal
from exporter.ledger.project_records import ORDER_MARGIN_MS, KnownProject, RunProgress
from exporter.ledger.project_versions import LATEST, KnownVersion, RunVersion, newest_version
from exporter.ledger.run_counting import is_given_up
from exporter.ledger.run_records import QUARTER_MS
from exporter.ledger.run_sums import RunAmount
from exporter.ledger.schema import SCHEMA_VERSION
from exporter.ledger.series_limit import OTHER, PROJECT_METRICS, SOURCE_METRICS
from exporter.ledger.source_states import SourceRepository, SourceState, Span
from exporter.ledger.trigger_states import TriggerRepository, TriggerState
from exporter.ledger.unreadable_runs import UnreadableRuns
from exporter.ledger.unreadable_runs import bounded as bounded_unreadable_runs
from exporter.ledger.warehouse_records import (
    REPLACED_BACK_MS,
    RunQuery,
    WarehouseHour,
    WarehouseKey,
    WarehouseState,
    WarehouseSums,
)
from exporter.ledger.workspace import WorkspaceLedger

__all__ = [
    "BEAT_SECONDS",
    "BOUNDS_MS",
    "HELD_SECONDS",
    "HOLD_MS",
    "KEEP_KEYS_MS",
    "KEEP_MS",
    "LATEST",
    "MOST_KEYS",
    "ORDER_MARGIN_MS",
    "OTHER",
    "PROJECT_METRICS",
    "QUARTER_MS",
    "REPLACED_BACK_MS",
    "SCHEMA_VERSION",
    "SOURCE_METRICS",
    "Amounts",
    "Board",
    "ClosingRepository",
    "CollectorState",
    "Copied",
    "CounterValue",
    "FindingRepository",
    "GatewayDecision",
    "GatewayRun",
    "GatewayRunRepository",
    "KnownFinding",
    "KnownProject",
    "KnownVersion",
    "Lease",
    "Leases",
    "Ledger",
    "Listing",
    "Move",
    "Replica",
    "RequestKey",
    "RunAmount",
    "RunProgress",
    "RunQuery",
    "RunVersion",
    "SourceRepository",
    "SourceState",
    "Span",
    "StoredAdjustment",
    "StoredClosing",
    "TriggerRepository",
    "TriggerState",
    "UnreadableRuns",
    "WarehouseHour",
    "WarehouseKey",
    "WarehouseState",
    "WarehouseSums",
    "WorkspaceLedger",
    "WriterLock",
    "bounded_unreadable_runs",
    "copy_ledger",
    "hand_overs",
    "is_given_up",
    "move",
    "newest_version",
    "observed",
    "open_ledger",
    "storage_refusal",
    "strays",
    "takes",
]
