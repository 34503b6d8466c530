"""How long the runs of each project usually last, of those whose end was seen. Pure."""

from collections import OrderedDict, deque

MOST_PROJECTS = 10_000
"""How many projects are remembered; the one whose run ended longest ago is evicted."""

FIRST_GUESS_SECONDS = 600.0
"""What runs are taken to last at most before one was seen to end."""

SHORTEST_SECONDS = 60.0
"""A run of a project that takes seconds may wait for a kernel for a minute."""

_REMEMBERED_RUNS = 20


class UsualDurations:
    """The longest of a project's last 20 runs is what its runs usually last at most."""

    def __init__(self) -> None:
        self._seconds: OrderedDict[str, deque[float]] = OrderedDict()

    def add(self, project_id: str, seconds: float) -> None:
        """A run of the project has lasted so long."""
        self._seconds.setdefault(project_id, deque(maxlen=_REMEMBERED_RUNS)).append(seconds)
        self._seconds.move_to_end(project_id)
        while len(self._seconds) > MOST_PROJECTS:
            self._seconds.popitem(last=False)

    def longest(self, project_id: str) -> float:
        """Seconds that a run of the project usually lasts at most."""
        return max(SHORTEST_SECONDS, *self._seconds.get(project_id, (FIRST_GUESS_SECONDS,)))
