"""Which projects have series of their own when there are more than may have: a pure choice with inertia."""

from collections.abc import Iterable
from dataclasses import dataclass

DAY_MS = 86_400_000
ACTIVITY_MS = 28 * DAY_MS
"""How far back runs count as activity."""

FORGET_GONE_MS = 30 * DAY_MS
"""How long a project that Hex no longer lists keeps its series."""

_MARGIN_RUNS = 5
_MARGIN_RATIO = 1.2


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
