"""Which projects each caller asks for, lately: what tells whether one question about all is cheaper than one each."""

from collections import OrderedDict
from dataclasses import dataclass, field

from exporter.clock import Clock

LATELY_SECONDS = 120.0
"""For how long a request counts: a caller that comes each minute is known by what it asked for a minute ago."""

MOST_CALLERS = 1_000
MOST_PROJECTS_EACH = 500

_AVERSE_SECONDS = 600.0


@dataclass(slots=True)
class _Wants:
    """Of one caller: when it last asked for a project, which of them its listing lacks, until when none is asked."""

    asked_at: OrderedDict[str, float] = field(default_factory=OrderedDict)
    unlisted: set[str] = field(default_factory=set)
    averse_until: float = 0.0


class Demand:
    """Remembers what callers ask for, once Hex has shown it to them. Used on one event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._callers: OrderedDict[str, _Wants] = OrderedDict()

    def note(self, caller: str, project_id: str) -> None:
        """The caller, to whom Hex has shown the project, asks for it now."""
        wants = self._of(caller)
        wants.asked_at[project_id] = self._clock.monotonic()
        wants.asked_at.move_to_end(project_id)
        if len(wants.asked_at) > MOST_PROJECTS_EACH:
            oldest, _ = wants.asked_at.popitem(last=False)
            wants.unlisted.discard(oldest)

    def lately(self, caller: str) -> frozenset[str]:
        """The projects that the caller has asked for lately and that a listing can hold."""
        wants = self._callers.get(caller)
        if wants is None:
            return frozenset()
        since = self._clock.monotonic() - LATELY_SECONDS
        return frozenset(one for one, at in wants.asked_at.items() if at >= since and one not in wants.unlisted)

    def may_list(self, caller: str, project_id: str) -> bool:
        """Whether a listing for the caller can be expected to be given and to hold the project."""
        wants = self._callers.get(caller)
        return wants is None or (self._clock.monotonic() >= wants.averse_until and project_id not in wants.unlisted)

    def lacks(self, caller: str, project_id: str) -> None:
        """The project is shown to the caller, but its whole listing lacks it."""
        self.note(caller, project_id)
        self._of(caller).unlisted.add(project_id)

    def avoid(self, caller: str) -> None:
        """List nothing for the caller for ten minutes, as Hex would not or could not; of strangers nothing is kept."""
        wants = self._callers.get(caller)
        if wants is not None:
            wants.averse_until = self._clock.monotonic() + _AVERSE_SECONDS

    def _of(self, caller: str) -> _Wants:
        wants = self._callers.setdefault(caller, _Wants())
        self._callers.move_to_end(caller)
        while len(self._callers) > MOST_CALLERS:
            self._callers.popitem(last=False)
        return wants
