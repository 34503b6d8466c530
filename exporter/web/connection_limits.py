"""Who is connected: how long each may take for what it does, and who goes when there are too many."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What a client may take: connections at once, bytes of a request's head, and seconds for each phase.

    A request must have come whole `request_seconds` after its first byte (a connection's first: after it was
    accepted), an answer must have been taken `answer_seconds` after that. `stop_seconds` is the grace for answers
    under way when the server stops. Every `look_seconds` those that are overdue are closed.
    """

    connections: int = 512
    head_bytes: int = 16 * 1024
    handshake_seconds: float = 10.0
    request_seconds: float = 10.0
    answer_seconds: float = 60.0
    idle_seconds: float = 180.0
    stop_seconds: float = 0.2
    look_seconds: float = 0.25


class Phase(Enum):
    """What a connection is waiting for."""

    HANDSHAKE = "handshake"
    REQUEST = "request"
    ANSWER = "answer"
    IDLE = "idle"


class ConnectedClient(Protocol):
    """One connection."""

    def dismiss(self) -> None:
        """Close it once an answer under way has been taken, at once without one."""

    def abort(self) -> None:
        """Close it now, whatever is under way."""


@dataclass(frozen=True, slots=True)
class _Stay:
    phase: Phase
    since: float


class Connections:
    """The open connections and their phases. Used on the event loop."""

    def __init__(self, limits: ConnectionLimits, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._most = limits.connections
        self._seconds = {
            Phase.HANDSHAKE: limits.handshake_seconds,
            Phase.REQUEST: limits.request_seconds,
            Phase.ANSWER: limits.answer_seconds,
            Phase.IDLE: limits.idle_seconds,
        }
        self._stays: dict[ConnectedClient, _Stay] = {}
        self._without_connections = asyncio.Event()
        self._without_connections.set()

    def __len__(self) -> int:
        return len(self._stays)

    def enter(self, client: ConnectedClient, phase: Phase) -> None:
        """Note that a phase begins. A newcomer in a full house takes the place of whoever has been quiet longest.

        So a crowd of silent clients never keeps a scraper out: it asks as soon as it is in. An answer under way goes
        last.
        """
        if client not in self._stays and len(self._stays) >= self._most:
            self.make_room()
        self._stays[client] = _Stay(phase, self._monotonic())
        self._without_connections.clear()

    def leave(self, client: ConnectedClient) -> None:
        """Note that a connection is closed."""
        self._stays.pop(client, None)
        if not self._stays:
            self._without_connections.set()

    def make_room(self) -> bool:
        """Close the connection that has been quiet longest; whether there was one."""
        if not self._stays:
            return False
        self._drop(min(self._stays, key=self._worth))
        return True

    def drop_overdue(self) -> None:
        """Close the connections that took longer for their phase than it may take."""
        now = self._monotonic()
        for client, stay in list(self._stays.items()):
            if now - stay.since > self._seconds[stay.phase]:
                self._drop(client)

    async def dismiss_all(self, seconds: float) -> None:
        """Close every connection; answers under way have so many seconds."""
        for client in list(self._stays):
            client.dismiss()
        try:
            await asyncio.wait_for(self._without_connections.wait(), seconds)
        except TimeoutError:
            for client in list(self._stays):
                client.abort()

    def _drop(self, client: ConnectedClient) -> None:
        self.leave(client)
        client.abort()

    def _worth(self, client: ConnectedClient) -> tuple[bool, float]:
        stay = self._stays[client]
        return stay.phase is Phase.ANSWER, stay.since
