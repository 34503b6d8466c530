"""Where a run is started: at which gateway, with which token."""

from dataclasses import dataclass

from exporter.hexapi import TokenSource


@dataclass(frozen=True, slots=True)
class Destination:
    """A gateway's address, without `/api/v1`, and the token for it."""

    url: str
    token: TokenSource
