"""Three replicas on PostgreSQL by a virtual clock, killed, stopped and cut off at seeded points of their work.

Each has a connection and a machine's clock of its own; the leases go by the clock of the database. What is killed in
the middle of a transaction leaves it to the server to undo, as a process does.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from helpers.manual_clock import ManualClock
from helpers.postgres import PostgresLedgers
from helpers.sizes import size
from sqlalchemy import literal

from exporter.errors import LeaseLostError, LedgerError
from exporter.facts import Run
from exporter.hexapi import Pace
from exporter.ledger import HELD_SECONDS, Ledger, Replica, RunProgress, takes
from exporter.ledger.lease_plan import GONE_MS
from exporter.ledger.opening import open_store

NAMES = ("acme", "labs")
STEP_SECONDS = 2  # a beat
PER_MINUTE = 20
SHARE = 0.5
KINDS = ("before sending", "after sending", "in a write", "after a write", "stopped", "stopped in a write", "backend")
SPACING_STEPS = 7  # a take-over has ended by the next fault, and now and then it has not


class KilledError(Exception):
    """The process ends here."""


class Hex:
    """What ran and was requested in each workspace, in seconds of true time."""

    def __init__(self) -> None:
        self.runs: dict[str, list[Run]] = {name: [] for name in NAMES}
        self.requested: dict[str, list[float]] = {name: [] for name in NAMES}

    def run(self, name: str, at_ms: int) -> None:
        seen = Run(
            run_id=f"{name}-{len(self.runs[name])}",
            project_id="p",
            status="completed",
            trigger="scheduled",
            start_ms=at_ms - 1_000,
            end_ms=at_ms,
            elapsed_ms=1_000,
        )
        self.runs[name].append(seen)

    def most_in_a_minute(self, name: str) -> int:
        requested = self.requested[name]
        return max(sum(at <= other < at + 60 for other in requested) for at in requested)


class Process:
    """One `serve`, as far as it has to do with the ledger: a machine's clock that is off, leases, a pace for each."""

    def __init__(self, game: "Game", number: int, url: str) -> None:
        self.game, self.number, self.lives = game, number, 0
        self.clock = ManualClock(game.clock.now() + (0, 3600, -3600)[number])
        self.store = open_store(url, clock=self.clock)
        self.store.database_clock = lambda: literal(game.now_ms)
        self.begin()

    def begin(self) -> None:
        """A process that remembers nothing but what is in the ledger."""
        self.lives += 1
        self.silent_until = 0.0
        self.ledger = Ledger(self.store)
        self.me = Replica(name=f"{'abc'[self.number]}{self.lives}", workspaces=frozenset(NAMES))
        leases = self.ledger.leases(self.me.name)
        assert leases is not None
        self.leases = leases
        self.epochs: dict[str, int] = {}
        self.paces: dict[str, Pace] = {}
        self.renewed_at = float("-inf")

    def beat(self) -> None:
        began = self.clock.monotonic()
        board = self.leases.beat(self.me)
        owned = {one.workspace: one.epoch for one in board.owned_by(self.me.name)}
        for lease in takes(board, self.me.name):
            if (epoch := self.leases.take(lease)) is not None:
                owned[lease.workspace] = epoch
        for name in self.epochs.keys() - owned.keys():
            self.leases.fence.shut(name)
        for name, epoch in owned.items():
            if self.epochs.get(name) != epoch:
                self.follow(name, epoch)
        self.epochs, self.renewed_at = owned, began

    def follow(self, name: str, epoch: int) -> None:
        self.leases.fence.open(name, epoch)
        known = self.ledger.workspace(name)
        known.refresh()
        self.paces[name] = Pace(
            per_minute=PER_MINUTE,
            per_hour=100_000,
            share=SHARE,
            clock=self.game.clock,  # the time that all agree on
            rng=random.Random(0),
            may_send=lambda: self.renewed_at + HELD_SECONDS - self.clock.monotonic(),
        )
        since_ms = self.game.now_ms - 3_600_000
        self.paces[name].restore(0, known.requests_by_minute(since_ms))

    def poll(self, name: str, fault: str | None = None) -> None:
        """Ask Hex as often as may be, and write down what it has."""
        game, known = self.game, self.ledger.workspace(name)
        if fault == "before sending":
            raise KilledError
        while self.paces[name].take_or_wait() == 0:
            game.hex.requested[name].append(game.clock.now())
            if fault == "after sending":
                game.unwritten[name] += 1
                raise KilledError
            known.record_exchange("ListRuns", "200", 0.1, game.now_ms)
            game.written[name] += 1
        self.write(name, fault)
        game.followed(name)
        if fault == "after a write":
            raise KilledError

    def write(self, name: str, fault: str | None = None) -> None:
        known, now_ms = self.ledger.workspace(name), self.game.now_ms
        known.record_runs("p", self.listed(name, fault), RunProgress(known_until_ms=now_ms), now_ms)
        known.release_holds(self.ledger.now_ms)

    def listed(self, name: str, fault: str | None) -> Iterator[Run]:
        """The last runs; it is read in the middle of a transaction."""
        yield from self.game.hex.runs[name][-25:]
        if fault == "in a write":
            raise KilledError
        if fault == "stopped in a write":
            # The owner's row is locked: no other waits for it, and none takes it before this has ended.
            self.game.pass_by(GONE_MS / 1000 + 1, without=self)
        if fault == "backend":
            self.game.ledgers.end_connections()

    def sums(self) -> Counter[tuple[str, str]]:
        """What the page counts."""
        found: Counter[tuple[str, str]] = Counter()
        for name in NAMES:
            known = self.ledger.workspace(name)
            if name not in self.epochs:
                known.refresh()
            for one in known.counters():
                if one.metric in ("hex_runs_total", "hex_api_requests_total"):
                    found[name, one.metric] += one.value
        return found


class Game:
    """The replicas, the time that is true, and what should be known."""

    def __init__(self, ledgers: PostgresLedgers, url: str, seed: int) -> None:
        self.rng = random.Random(seed)
        self.ledgers = ledgers
        self.clock = ManualClock()
        self.hex = Hex()
        self.written: Counter[str] = Counter()
        self.unwritten: Counter[str] = Counter()
        self.lost_at: dict[str, float] = {}
        self.took_seconds: list[float] = []
        self.refused = 0
        self.processes = [Process(self, number, url) for number in range(3)]
        self.shown = [Counter[tuple[str, str]]() for _ in self.processes]

    @property
    def now_ms(self) -> int:
        return round(self.clock.now() * 1000)

    def followed(self, name: str) -> None:
        if name in self.lost_at:
            self.took_seconds.append(self.clock.now() - self.lost_at.pop(name))

    def pass_by(self, seconds: float, without: Process | None = None) -> None:
        """Time goes on, and those that are not stopped renew themselves."""
        for one in (self, *self.processes):
            one.clock.advance(seconds)
        for one in self.processes:
            if one is not without and one.silent_until <= self.clock.now():
                one.beat()

    def step(self, fault: str | None = None) -> None:
        for name in NAMES:
            self.hex.run(name, self.now_ms)
        self.pass_by(STEP_SECONDS)
        name = self.rng.choice(NAMES)
        victim = next((one for one in self.running() if name in one.epochs), None)
        for one in self.rng.sample(self.running(), len(self.running())):
            for owned in sorted(one.epochs):
                is_hit = one is victim and owned == name
                if not self.survives(
                    lambda one=one, owned=owned, is_hit=is_hit: one.poll(owned, fault if is_hit else None)
                ):
                    self.lose(one)
                    one.begin()
                    break
        if fault == "stopped" and victim is not None:
            self.lose(victim)
            victim.silent_until = self.clock.now() + self.rng.choice((4, 10, 30))

    def running(self) -> list[Process]:
        return [one for one in self.processes if one.silent_until <= self.clock.now()]

    def survives(self, work: Callable[[], None]) -> bool:
        """Whether the process still runs after the work; what the database refuses is tried again later."""
        try:
            work()
        except KilledError:
            return False
        except LedgerError:
            """Its next step is the next attempt."""
        return True

    def lose(self, process: Process) -> None:
        for name in process.epochs:
            self.lost_at.setdefault(name, self.clock.now())

    def wake(self) -> None:
        """Whoever was stopped goes on where it stood, before it renews itself: it may write what it still owns."""
        for one in self.processes:
            if 0 < one.silent_until <= self.clock.now() + STEP_SECONDS:
                one.silent_until = 0.0
                owners = {lease.workspace: lease.owner for lease in one.leases.board().leases}
                for name in one.epochs:
                    if owners[name] == one.me.name:
                        one.write(name)
                        continue
                    with pytest.raises(LeaseLostError):
                        one.write(name)
                    self.refused += 1
                    assert one.paces[name].wait_seconds() > 0

    def look(self) -> None:
        """No counter of any page has fallen."""
        for number, one in enumerate(self.processes):
            now = one.sums()
            assert all(now[key] >= value for key, value in self.shown[number].items())
            self.shown[number] = now

    def play(self, faults: int) -> None:
        self.step()
        for number in range(faults):
            for _ in range(self.rng.randrange(SPACING_STEPS - 3, SPACING_STEPS + 3)):
                self.wake()
                self.step()
            self.step(KINDS[number % len(KINDS)])
            self.look()
        for _ in range(47):  # longer than a new counter is held, and than the longest stop
            self.wake()
            self.step()

    def expected(self) -> Counter[tuple[str, str]]:
        return Counter(
            {(name, "hex_runs_total"): len(self.hex.runs[name]) - 1 for name in NAMES}
            | {(name, "hex_api_requests_total"): self.written[name] for name in NAMES}
        )


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "faults"), [(1, 7), *((seed, size(14, 50)) for seed in range(2, size(3, 6)))])
def test_sums_are_exact_and_hex_is_not_asked_too_often_whatever_is_killed(
    postgres_ledgers: PostgresLedgers, seed: int, faults: int
) -> None:
    """Seven faults are each kind once."""
    game = Game(postgres_ledgers, postgres_ledgers.empty(), seed)
    game.play(faults)

    assert [one.sums() for one in game.processes] == [game.expected()] * 3
    assert not game.lost_at
    took = sorted(game.took_seconds)
    assert took[int(len(took) * 0.95)] < 15
    assert game.refused > 0
    for name in NAMES:
        assert game.hex.most_in_a_minute(name) <= PER_MINUTE
        assert game.hex.most_in_a_minute(name) <= PER_MINUTE * SHARE + game.unwritten[name]
    for one in game.processes:
        one.store.close()
