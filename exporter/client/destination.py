"""Where a run is started: at which gateway, with which token."""

from dataclasses import dataclass, field

from exporter.config import Route
from exporter.hexapi import TokenSource


@dataclass(frozen=True, slots=True)
class Destination:
    """A gateway's address, without `/api/v1`, the token for it and the way to it."""

    url: str
    token: TokenSource
    route: Route = field(default_factory=Route)
