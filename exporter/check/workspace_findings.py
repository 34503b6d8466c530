"""What the probe of a workspace found."""

from dataclasses import dataclass, field

from exporter.errors import ApiError, UnauthorizedError
from exporter.facts import Connection, Group, Identity, Project, Seat, Thread
from exporter.hexapi import Endpoint
from exporter.polling import FirstRead

_SECONDS_PER_HOUR = 3600


@dataclass(slots=True)
class Findings:
    """What the probe of one workspace found; `refusals` has the error of each endpoint that did not answer.

    `flaws` says in a phrase why a listing that was answered was not read to its end, `unreadable` how many of its items
    cannot be read.
    """

    workspace: str
    identity: Identity = field(default_factory=Identity)
    projects: tuple[Project, ...] = ()
    polled: tuple[Project, ...] = ()
    seats: tuple[Seat, ...] = ()
    connections: tuple[Connection, ...] = ()
    groups: tuple[Group, ...] = ()
    threads: tuple[Thread, ...] = ()
    pages: dict[Endpoint, int] = field(default_factory=dict)
    refusals: dict[Endpoint, ApiError] = field(default_factory=dict)
    flaws: dict[Endpoint, str] = field(default_factory=dict)
    unreadable: dict[Endpoint, int] = field(default_factory=dict)
    answered: set[Endpoint] = field(default_factory=set)
    allowed_per_hour: int = 0
    allowed_per_minute: int = 0
    planned_per_hour: float = 0.0
    first_read: FirstRead = field(default_factory=FirstRead)
    series: int = 0

    @property
    def is_locked(self) -> bool:
        """Whether Hex does not accept the token at all."""
        return any(isinstance(error, UnauthorizedError) for error in self.refusals.values())

    def seconds_for(self, requests: int) -> float:
        """How long so many requests take at the allowed pace."""
        if requests <= self.allowed_per_minute:
            return 0.0
        per_minute = requests / self.allowed_per_minute * 60
        return max(per_minute, (requests - self.allowed_per_hour) / self.allowed_per_hour * _SECONDS_PER_HOUR)
