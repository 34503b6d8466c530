"""Run requests on their way and runs under way: who waits for which, and who has been given which. No I/O."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from exporter.gateway.access.authorizer import Caller
from exporter.gateway.cache.hits import RunKey
from exporter.gateway.routing.answers import Answer
from exporter.gateway.runs.queue import Place
from exporter.ledger import GatewayRun

MOST_RUNS = 10_000
"""How many runs that are over are remembered with those who were given them; the oldest give way."""

MOST_GIVEN = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be sent to Hex: for whom, what body, and the headers that the caller sent it with."""

    caller: Caller
    url: str = field(repr=False)
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    body: bytes = field(repr=False)
    bypass: str | None = None
    is_dry: bool = False


@dataclass(slots=True, eq=False)
class ActiveRun:
    """A run that Hex has started, and who has been given it.

    `attached` counts the requests by caller that were given the run while it was on and have not cancelled it.
    `is_leaving`: its cancellation is on the way to Hex. `started_at` is of the steady clock.
    """

    run: GatewayRun
    started_at: float
    place: Place | None = None
    is_over: bool = False
    is_leaving: bool = False
    attached: Counter[str] = field(default_factory=Counter)
    given: set[str] = field(default_factory=set)

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.run_id or ""

    @property
    def is_joinable(self) -> bool:
        """Whether another request may be given this run."""
        return not self.is_over and not self.is_leaving and bool(self.run.answer)

    def give(self, caller: str) -> None:
        """Note that a request of this caller has been given the run."""
        self.take_up(caller, 1)

    def take_up(self, caller: str, count: int) -> None:
        """Note that so many more requests of this caller hold the run; 0: it was given it and has let go."""
        if not self.is_over:
            self.attached[caller] += count
        if len(self.given) < MOST_GIVEN:
            self.given.add(caller)


class Flight:
    """A place in the queue and the requests that wait at it, all of one caller."""

    def __init__(self, place: Place, wish: RunKey, order: Order, at: float) -> None:
        self.place = place
        self.wish = wish
        self.order = order
        self.offered_at = at
        self.waiting = 0
        self.was_sent = False
        self.is_claimed = False
        self.outcome: asyncio.Future[ActiveRun | GatewayRun | Answer] = asyncio.get_running_loop().create_future()
        self.stirred: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, outcome: ActiveRun | GatewayRun | Answer) -> None:
        """Tell those who wait what came of it: a run, one that is over and answers them too, or a refusal."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def wake(self) -> None:
        """Have those who wait look whether they can be answered in another way."""
        if not self.stirred.done():
            self.stirred.set_result(None)

    def calm(self) -> None:
        """Wait for the next time that somebody stirs."""
        if self.stirred.done():
            self.stirred = asyncio.get_running_loop().create_future()


class Board:
    """All flights and runs. Used on one event loop."""

    def __init__(self) -> None:
        self.flights: dict[Place, Flight] = {}
        self._runs: OrderedDict[str, ActiveRun] = OrderedDict()
        self._active: dict[str, ActiveRun] = {}
        self._by_fingerprint: dict[str, ActiveRun] = {}

    def active(self) -> tuple[ActiveRun, ...]:
        """The runs that are not known to be over."""
        return tuple(self._active.values())

    def run(self, run_id: str) -> ActiveRun | None:
        """A run of the gateway, None if it is not known (any more)."""
        return self._runs.get(run_id)

    def run_ids(self) -> frozenset[str]:
        """The ids of all runs that are known to be the gateway's."""
        return frozenset(self._runs)

    def joinable(self, fingerprint: str) -> ActiveRun | None:
        """The run that is on with this fingerprint, None if there is none that can be joined."""
        found = self._by_fingerprint.get(fingerprint)
        return found if found is not None and found.is_joinable else None

    def add(self, underway: ActiveRun) -> None:
        """Take in a run, and stir those who wait for the same."""
        self._runs[underway.run_id] = underway
        if not underway.is_over:
            self._active[underway.run_id] = underway
            self._by_fingerprint[underway.run.fingerprint] = underway
            for flight in self._waiting_for(underway.run.fingerprint):
                flight.wake()
        while len(self._runs) > MOST_RUNS and (oldest := self._oldest_over()) is not None:
            del self._runs[oldest]

    def over(self, underway: ActiveRun) -> None:
        """Note that a run is over: nobody joins it any more."""
        underway.is_over = True
        underway.attached.clear()
        self._active.pop(underway.run_id, None)
        if self._by_fingerprint.get(underway.run.fingerprint) is underway:
            del self._by_fingerprint[underway.run.fingerprint]

    def given(self, run: GatewayRun, caller: str, at: float) -> None:
        """Note that a caller has been given the result of a run that is over."""
        run_id = run.run_id or ""
        if run_id not in self._runs:
            self.add(ActiveRun(run=run, started_at=at, is_over=True))
        self._runs[run_id].give(caller)

    def was_given(self, caller: str, run_id: str) -> bool:
        """Whether a request of the caller has been given the run."""
        found = self._runs.get(run_id)
        return found is not None and caller in found.given

    def _waiting_for(self, fingerprint: str) -> Iterator[Flight]:
        return (
            flight
            for place, flight in self.flights.items()
            if place.fingerprint == fingerprint and not place.is_alone and not flight.outcome.done()
        )

    def _oldest_over(self) -> str | None:
        return next((run_id for run_id, one in self._runs.items() if one.is_over), None)
