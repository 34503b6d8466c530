"""What the ledger keeps of a warehouse: sums by key, hours, the queries of runs, and how its log is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class WarehouseKey(NamedTuple):
    """What a sum is about. `part`: query, unattributed, idle or other; all but `query` have no project."""

    hour_ms: int
    part: str
    project_id: str = ""
    context: str = ""
    cell_id: str = ""
    connection: str = ""


@dataclass(slots=True)
class WarehouseSums:
    """What was used: money in millionths, credits in millionths.

    `cache_judged` are the queries of which the log says whether the warehouse's cache answered, `unpriced` those
    whose dollars are not known, `repeated` those that were billed although an equal text, but for Hex's comment, had
    been answered in the day before.
    """

    queries: int = 0
    elapsed_ms: int = 0
    cache_hits: int = 0
    cache_judged: int = 0
    credits_micro: int = 0
    bytes_billed: int = 0
    slot_ms: int = 0
    usd_micro: int = 0
    unpriced: int = 0
    repeated: int = 0
    repeated_bytes: int = 0
    repeated_usd_micro: int = 0


REPLACED_BACK_MS = 3 * 86_400_000
"""How far before a log's watermark its hours may still be replaced; older ones stay as they are."""


class WarehouseHour(NamedTuple):
    """What one hour of a warehouse used for a project and context; money in millionths of a dollar."""

    warehouse: str
    hour_ms: int
    part: str
    project_id: str
    context: str
    queries: int
    usd_micro: int
    unpriced: int


class RunQuery(NamedTuple):
    """Queries of one cell from one instant to another, for a run; without a project their comment cannot be read."""

    project_id: str
    cell_id: str
    start_ms: int
    end_ms: int


Sums = Mapping[tuple[str, WarehouseKey], WarehouseSums]
"""By warehouse and key, whose hour is 0."""


class WarehouseState(NamedTuple):
    """How the log of a warehouse is read: since and until when it is complete, and why the last look failed, if it did.

    `read_ms` is when hours of it were last replaced: while it stays, so do the sums.
    """

    complete_until_ms: int | None = None
    failure: str | None = None
    read_ms: int | None = None
    complete_since_ms: int | None = None
