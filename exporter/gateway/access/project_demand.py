"""Which projects each caller has requested lately, so that one listing is read where it is cheaper than one each."""

from collections import OrderedDict
from dataclasses import dataclass, field

from exporter.clock import Clock

LATELY_SECONDS = 120.0
"""How long a request is remembered: a caller that comes each minute is known by what it requested last time."""

MOST_CALLERS = 1_000
"""How many callers are remembered; the one that came longest ago is evicted."""

MOST_PROJECTS_EACH = 500
"""The pages that are read of a caller's listing hold as many."""

_NO_LISTING_SECONDS = 600.0
"""After a listing that was refused or too long none is tried for so long."""


@dataclass(slots=True)
class _CallerDemand:
    """Of one caller: when it last requested a project, which its listing lacks, until when no listing is read."""

    requested_at: OrderedDict[str, float] = field(default_factory=OrderedDict)
    unlisted: set[str] = field(default_factory=set)
    no_listing_until: float = 0.0


class ProjectDemand:
    """Remembers what callers request, once Hex has shown it to them. Used on one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._callers: OrderedDict[str, _CallerDemand] = OrderedDict()

    def note(self, caller: str, project_id: str) -> None:
        """The caller, to whom Hex has shown the project, requests it now."""
        demand = self._of(caller)
        demand.requested_at[project_id] = self._clock.monotonic()
        demand.requested_at.move_to_end(project_id)
        if len(demand.requested_at) > MOST_PROJECTS_EACH:
            oldest, _ = demand.requested_at.popitem(last=False)
            demand.unlisted.discard(oldest)

    def lately(self, caller: str) -> frozenset[str]:
        """The projects that the caller has requested lately and that a listing can hold."""
        demand = self._callers.get(caller)
        if demand is None:
            return frozenset()
        since = self._clock.monotonic() - LATELY_SECONDS
        return frozenset(one for one, at in demand.requested_at.items() if at >= since and one not in demand.unlisted)

    def may_list(self, caller: str, project_id: str) -> bool:
        """Whether a listing for the caller can be expected to be given and to hold the project."""
        demand = self._callers.get(caller)
        return demand is None or (
            self._clock.monotonic() >= demand.no_listing_until and project_id not in demand.unlisted
        )

    def lacks(self, caller: str, project_id: str) -> None:
        """The project is shown to the caller, but its whole listing lacks it."""
        self.note(caller, project_id)
        self._of(caller).unlisted.add(project_id)

    def avoid(self, caller: str) -> None:
        """Read no listing for ten minutes: it was refused or too long. Nothing is kept of strangers."""
        demand = self._callers.get(caller)
        if demand is not None:
            demand.no_listing_until = self._clock.monotonic() + _NO_LISTING_SECONDS

    def _of(self, caller: str) -> _CallerDemand:
        demand = self._callers.setdefault(caller, _CallerDemand())
        self._callers.move_to_end(caller)
        while len(self._callers) > MOST_CALLERS:
            self._callers.popitem(last=False)
        return demand
