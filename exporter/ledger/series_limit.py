"""Which projects have series of their own when there are more than may have, and what the rest share: `other`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from exporter.ledger.histograms import Amounts, combined

OTHER = "other"
"""The project_id of the series that projects without their own share."""

CACHE_METRICS = ("hex_cache_lookups_total", "hex_cache_hits_total", "hex_cache_saved_seconds_total")
"""What the gateway counts of each project."""

SOURCE_METRICS = ("hex_source_checked_runs_total", "hex_source_unchanged_runs_total")
"""What is counted of each project whose source is watched."""

TRIGGER_METRICS = ("hex_triggers_total", "hex_trigger_replaced_runs_total")
"""What is counted of each project that is run when its source has changed."""

WAREHOUSE_METRICS = (
    "hex_warehouse_queries_total",
    "hex_warehouse_seconds_total",
    "hex_warehouse_result_cache_hits_total",
    "hex_warehouse_result_cache_judged_total",
)
"""What is counted of each project's queries in a warehouse."""

SQL_CELL_METRICS = (
    "hex_sql_cells_expected_total",
    "hex_sql_cells_seen_total",
    "hex_sql_cells_unjudged_runs_total",
)
"""What is counted of each project's SQL cells, of runs whose queries were joined to them."""

PROJECT_METRICS = frozenset(
    {
        "hex_runs_total",
        "hex_run_seconds_total",
        "hex_unviewed_runs_total",
        "hex_missed_schedules_total",
        *CACHE_METRICS,
        *SOURCE_METRICS,
        *TRIGGER_METRICS,
        *WAREHOUSE_METRICS,
        *SQL_CELL_METRICS,
    }
)
"""Counters whose first label is project_id: a project without its own series adds to `other`."""

DAY_MS = 86_400_000
ACTIVITY_MS = 28 * DAY_MS
"""How far back runs count as activity."""

FORGET_GONE_MS = 30 * DAY_MS
"""How long a project that Hex no longer lists keeps its series."""

_MARGIN_RUNS = 5
_MARGIN_RATIO = 1.2


def by_series(amounts: Amounts, has_series: Callable[[str], bool]) -> Amounts:
    """The same amounts with each project under the series that it adds to: its own, or `other`."""

    def labels_of(metric: str, labels: tuple[str, ...]) -> tuple[str, ...]:
        return (OTHER, *labels[1:]) if metric in PROJECT_METRICS and not has_series(labels[0]) else labels

    return combined({(metric, labels_of(metric, labels)): amount} for (metric, labels), amount in amounts.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A project that may have series: the runs it started in the last 28 days, and what breaks a tie."""

    project_id: str
    is_member: bool
    runs: int
    is_published: bool
    viewed_ms: int

    @property
    def rank(self) -> tuple[int, bool, int, str]:
        """Sorts the most active first, the same way every time."""
        return (-self.runs, not self.is_published, -self.viewed_ms, self.project_id)


def choose_series(candidates: Iterable[Candidate], limit: int, *, may_displace: bool) -> frozenset[str]:
    """The ids of at most `limit` projects: who is in stays in while there is room, the rest by activity.

    With `may_displace`, a project takes a member's place if it is clearly more active: by 20 % and 5 runs.
    """
    ranked = sorted(candidates, key=lambda candidate: candidate.rank)
    inside = [candidate for candidate in ranked if candidate.is_member][:limit]
    outside = [candidate for candidate in ranked if not candidate.is_member]
    room = limit - len(inside)
    inside, outside = sorted(inside + outside[:room], key=lambda candidate: candidate.rank), outside[room:]
    if may_displace:
        # The least active member against the most active outsider, until the margin is not met.
        for place, newcomer in zip(range(len(inside) - 1, -1, -1), outside, strict=False):
            if not _is_clearly_more_active(newcomer, inside[place]):
                break
            inside[place] = newcomer
    return frozenset(candidate.project_id for candidate in inside)


def _is_clearly_more_active(newcomer: Candidate, member: Candidate) -> bool:
    return newcomer.runs >= max(member.runs + _MARGIN_RUNS, member.runs * _MARGIN_RATIO)
