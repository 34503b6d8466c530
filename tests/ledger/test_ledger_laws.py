"""Laws of counting that hold for every order, overlap, repetition, restart, pruning and change of membership."""

from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from exporter.facts import TERMINAL_STATUSES, Project, Run
from exporter.ledger import RunProgress, open_ledger

pytestmark = pytest.mark.slow

CONTACT_MS = 1_795_000_000_000
DAY_MS = 86_400_000
PROJECTS = ("p", "q", "r")
NUMBERS = range(30)


class Clock:
    """As much of a clock as the ledger asks for."""

    def __init__(self) -> None:
        self.now_ms = CONTACT_MS

    def now(self) -> float:
        return self.now_ms / 1000

    def monotonic(self) -> float:
        return self.now()

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError


@dataclass
class Truth:
    """A run as Hex knows it."""

    project_id: str
    start_ms: int
    end_ms: int
    status: str

    def as_of(self, run_id: str, now_ms: int) -> Run | None:
        if now_ms < self.start_ms:
            return None
        is_over = now_ms >= self.end_ms
        return Run(
            run_id=run_id,
            project_id=self.project_id,
            status=self.status if is_over else "running",
            trigger="api",
            start_ms=self.start_ms,
            end_ms=self.end_ms if is_over else None,
        )


class Ledgers(RuleBasedStateMachine):
    """A workspace whose runs start and end while pages of them are read in any fashion."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.clock = Clock()
        self.ledger: Any = None
        self.truths: dict[str, Truth] = {}
        self.seen_ended: set[str] = set()
        self.seen: set[str] = set()
        self.pruned_before_ms = 0
        self.served: dict[Any, int] = {}

    @property
    def workspace(self) -> Any:
        return self.ledger.workspace("acme")

    @initialize(rng=st.randoms(use_true_random=False))
    def begin(self, rng: Random) -> None:
        for number in NUMBERS:
            start_ms = CONTACT_MS + rng.randint(-3_600_000, 3 * 3_600_000)
            end_ms = start_ms + rng.randint(0, 3_600_000)
            self.truths[f"run {number}"] = Truth(PROJECTS[number % 3], start_ms, end_ms, rng.choice(TERMINAL_STATUSES))
        self.open()
        self.workspace.first_contact(CONTACT_MS)
        self.workspace.record_projects([Project(project_id=one, published_ms=1) for one in PROJECTS], CONTACT_MS)
        self.workspace.choose_members(2, CONTACT_MS)

    def open(self) -> None:
        self.ledger = open_ledger(f"sqlite:///{Path(self.folder.name) / 'ledger.db'}", clock=self.clock)

    @rule(minutes=st.integers(1, 90))
    def time_passes(self, minutes: int) -> None:
        self.clock.now_ms += minutes * 60_000

    @rule(project_id=st.sampled_from(PROJECTS), data=st.data(), lag_ms=st.integers(0, 600_000))
    def read_a_page(self, project_id: str, data: st.DataObject, lag_ms: int) -> None:
        """Some of a project's runs in any order, repeated or not, from a listing that may be minutes old."""
        as_of_ms = max(CONTACT_MS, self.clock.now_ms - lag_ms)
        mine = [run_id for run_id, truth in self.truths.items() if truth.project_id == project_id]
        chosen = data.draw(st.lists(st.sampled_from(mine), max_size=12))
        page = [run for run_id in chosen if (run := self.truths[run_id].as_of(run_id, as_of_ms))]
        for run in page:
            is_forgotten = run.run_id not in self.seen and (run.end_ms or run.start_ms) < self.pruned_before_ms
            if not is_forgotten:
                self.seen.add(run.run_id)
                if not run.is_active:
                    self.seen_ended.add(run.run_id)
        self.workspace.record_runs(project_id, page, RunProgress(known_until_ms=as_of_ms), self.clock.now_ms)

    @rule(run_id=st.sampled_from([f"run {number}" for number in NUMBERS]), status=st.sampled_from(TERMINAL_STATUSES))
    def hex_corrects_a_status(self, run_id: str, status: str) -> None:
        self.truths[run_id].status = status

    @rule(age_ms=st.integers(0, 7_200_000))
    def prune(self, age_ms: int) -> None:
        line_ms = self.clock.now_ms - age_ms
        self.workspace.prune(line_ms)
        self.pruned_before_ms = max(self.pruned_before_ms, line_ms)

    @rule(limit=st.integers(0, 3), days=st.integers(0, 2))
    def membership_changes(self, limit: int, days: int) -> None:
        self.workspace.choose_members(limit, self.clock.now_ms + days * DAY_MS)

    @rule()
    def restart(self) -> None:
        self.ledger.close()
        self.open()

    @rule()
    def release(self) -> None:
        self.workspace.release_holds(self.clock.now_ms)

    @precondition(lambda self: self.ledger is not None)
    @invariant()
    def every_run_that_ended_after_contact_and_was_seen_is_counted_once(self) -> None:
        expected = sum(self.truths[run_id].end_ms >= CONTACT_MS for run_id in self.seen_ended)
        rows = self.sums()
        for metric in ("hex_runs_total", "hex_run_duration_seconds_count"):
            assert sum(value for (name, _), value in rows.items() if name == metric) == expected

    @precondition(lambda self: self.ledger is not None)
    @invariant()
    def no_counter_falls_and_none_appears_above_0(self) -> None:
        now_served = {(one.metric, one.labels): one.value for one in self.workspace.counters()}
        for series, value in now_served.items():
            assert value >= self.served.get(series, 0)
            if series not in self.served:
                assert value == 0
        self.served |= now_served

    def sums(self) -> dict[tuple[str, str], int]:
        with self.workspace._store.reading() as connection:
            rows = connection.exec_driver_sql("SELECT metric, labels, value FROM counters")
            return {(metric, labels): value for metric, labels, value in rows}

    def teardown(self) -> None:
        if self.ledger is not None:
            self.ledger.close()
        self.folder.cleanup()


TestLedgers = Ledgers.TestCase
TestLedgers.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.generate],  # shrinking a machine that opens files takes minutes; the steps are printed anyway
)
