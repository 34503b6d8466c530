"""Projects that always fail: how often in a row each has failed lately, and where the last error can be read. Pure."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

import msgspec

from exporter.config import Failures
from exporter.ledger import GatewayRun

MOST_PROJECTS = 10_000
"""How many projects are remembered; the one that failed longest ago is evicted."""

_MOST_FAILURES = 100
"""As many as a policy may ask for."""

_NO_FAILURE = frozenset({"completed", "killed", "dry_run"})


@dataclass(slots=True)
class _Row:
    """The failures of one project since its last success: when they ended, and the address of the last."""

    ended_ms: deque[int] = field(default_factory=lambda: deque(maxlen=_MOST_FAILURES))
    address: str = ""


@dataclass(frozen=True, slots=True)
class AlwaysFails:
    """A project is not run for so many seconds; `address` shows why its last run failed, empty if that is not known."""

    retry_after_seconds: float
    address: str


class FailedRuns:
    """Remembers the failures of each project's runs in a row. Times are epoch milliseconds."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, _Row] = OrderedDict()

    def add(self, run: GatewayRun, now_ms: int) -> None:
        """A run has ended: one that completed ends the row, one that was cancelled says nothing."""
        if run.status == "completed":
            self._rows.pop(run.project_id, None)
        if run.status is None or run.status in _NO_FAILURE:
            return
        row = self._rows.setdefault(run.project_id, _Row())
        row.ended_ms.append(now_ms if run.ended_ms is None else run.ended_ms)
        row.address = _address(run)
        self._rows.move_to_end(run.project_id)
        while len(self._rows) > MOST_PROJECTS:
            self._rows.popitem(last=False)

    def judge(self, project_id: str, policy: Failures | None, now_ms: int) -> AlwaysFails | None:
        """Whether the project is not to be run now under this policy."""
        row = self._rows.get(project_id)
        if policy is None or row is None or len(row.ended_ms) < policy.most:
            return None
        until_ms = row.ended_ms[-policy.most] + round(policy.within_seconds * 1000)
        return AlwaysFails((until_ms - now_ms) / 1000, row.address) if now_ms < until_ms else None


def _address(run: GatewayRun) -> str:
    try:
        answer = msgspec.json.decode(run.answer or "{}")
    except msgspec.DecodeError:
        return ""
    found = answer.get("runUrl") if isinstance(answer, dict) else None
    return found if isinstance(found, str) else ""
