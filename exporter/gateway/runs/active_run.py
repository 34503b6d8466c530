"""A run of the gateway, from the request for it to its end: its state is changed by the registry only. No I/O."""

import asyncio
import math
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from exporter.gateway.access.caller import Caller
from exporter.gateway.cache.idempotency import IdempotencyKey
from exporter.gateway.cache.run_key import RunKey
from exporter.gateway.routing.answers import Answer
from exporter.gateway.runs.queue import Place
from exporter.ledger import GatewayRun

LEASE_SECONDS = 3600.0
"""After so long a run whose end was not seen gives up its place: longer than nearly all runs last."""

DOUBT_SECONDS = 30.0
"""So long a run in doubt keeps its place at most, where no listing shows a run that it may be."""

MOST_GIVEN = 1_000
"""How many callers of one run are remembered: its later ones poll Hex themselves, and cancels go to Hex."""


class RunState(StrEnum):
    """Where a run is in its life."""

    QUEUED = "queued"
    """It waits for its turn."""
    SENDING = "sending"
    """It is its turn: it is looked at once more, and sent."""
    IN_DOUBT = "in_doubt"
    """It was sent, and it is not known whether Hex has started it."""
    RUNNING = "running"
    """Hex has started it, and its end has not been seen."""
    OVER = "over"
    """It has ended, was given up, or has never been started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """What is to be sent to Hex: for whom, what body, and the headers that the caller sent it with.

    `bypass` says why no other run may answer it, None if one may. `is_exclusive`: no two requests share its run.
    """

    caller: Caller
    url: str = field(repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes = field(repr=False)
    bypass: str | None = None
    is_dry: bool = False
    is_exclusive: bool = False


class WaitingRequests:
    """The requests that wait for one run, all of one caller. `reason` says why the run is needed.

    `arrived_at` is when the last of them came, by the steady clock; `keys` are their idempotency keys.
    """

    def __init__(self, key: RunKey, order: RunOrder, reason: str, since: float) -> None:
        loop = asyncio.get_running_loop()
        self.key = key
        self.order = order
        self.reason = reason
        self.since = since
        self.arrived_at = since
        self.keys: set[IdempotencyKey] = set()
        self.count = 0
        self.is_claimed = False
        self.outcome: asyncio.Future[Outcome] = loop.create_future()
        self.woken: asyncio.Future[None] = loop.create_future()

    def settle(self, outcome: "Outcome") -> None:
        """Give those who wait the outcome: a run, an earlier one that answers them too, or a refusal."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def wake(self) -> None:
        """Have those who wait look whether they can be answered in another way."""
        if not self.woken.done():
            self.woken.set_result(None)

    def rest(self) -> None:
        """Wait to be woken again."""
        if self.woken.done():
            self.woken = asyncio.get_running_loop().create_future()

    def claim(self) -> bool:
        """Whether this request is the first to be given the run, so that it is its miss; later ones join."""
        is_first, self.is_claimed = not self.is_claimed, True
        return is_first


@dataclass(slots=True, eq=False, kw_only=True)
class ActiveRun:
    """One run.

    `place` is its place in the queue, None once it has been given up. `requests` wait for it; a run of an earlier
    process has none. `record` is what the ledger has of it, None until it is sent. `attached` counts the requests by
    caller that hold it; `given` are the callers who were given it. `is_cancelling`: its cancellation is on the way to
    Hex. Times are of the steady clock: `seen_running_at` is when Hex has last shown a caller that it runs, `leased_at`
    when that was last known from anywhere. `is_cleared`: of a run in doubt, Hex has shown that there is none.
    """

    state: RunState
    place: Place | None = None
    requests: WaitingRequests | None = None
    record: GatewayRun | None = None
    sent_at: float = -math.inf
    started_at: float = 0.0
    seen_running_at: float = -math.inf
    leased_at: float = -math.inf
    doubted_at: float = 0.0
    is_cleared: bool = False
    has_failed: bool = False
    is_cancelling: bool = False
    attached: Counter[str] = field(default_factory=Counter)
    given: set[str] = field(default_factory=set)

    @property
    def sent(self) -> GatewayRun:
        """What the ledger has of a run that was sent."""
        assert self.record is not None
        return self.record

    @property
    def waiting(self) -> WaitingRequests:
        """The requests of a run that is queued or being sent."""
        assert self.requests is not None
        return self.requests

    @property
    def run_id(self) -> str:
        """Hex's id of the run, empty until it is known."""
        return (self.record.run_id if self.record is not None else None) or ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state is RunState.OVER

    @property
    def is_joinable(self) -> bool:
        """Whether another request may be given this run."""
        return self.state is RunState.RUNNING and not self.is_cancelling

    @property
    def is_intended(self) -> bool:
        """Whether the ledger has it as a run that is about to be sent."""
        return self.record is not None and self.record.state == "intended"

    @property
    def was_lost(self) -> bool:
        """Whether it was given up without its end being seen."""
        return self.is_over and self.sent.status is None

    def give(self, caller: str, count: int = 1) -> None:
        """Note that so many more requests of the caller hold the run; 0: it was given it and has released it."""
        if not self.is_over:
            self.attached[caller] += count
        if len(self.given) < MOST_GIVEN:
            self.given.add(caller)


Outcome: TypeAlias = ActiveRun | GatewayRun | Answer
"""What requests that wait for a run are given: a run, an earlier run whose result answers them, or a refusal."""
