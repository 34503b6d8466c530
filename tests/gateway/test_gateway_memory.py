"""What the gateway keeps in memory: bounded, and written down as soon as it can be."""

import asyncio
from typing import Any

from gateway_world import opened
from helpers.virtual import LoopClock, in_virtual_time

from exporter.errors import LedgerError
from exporter.gateway.cache import results as results_module
from exporter.gateway.cache.results import Results
from exporter.gateway.journal import Journal
from exporter.gateway.runs import active_run, run_index
from exporter.ledger import GatewayRun


def run(number: int, **more: Any) -> GatewayRun:
    known: dict[str, Any] = {
        "intent_id": f"i{number}",
        "project_id": "p",
        "fingerprint": f"f{number}",
        "request": f"r{number}",
        "caller": "c",
        "version": "1",
        "sent_ms": 1_000 * number,
        "state": "started",
        "run_id": f"run{number}",
        "answer": "{}",
        "status": "completed",
    }
    return GatewayRun(**known | more)


class TestResults:
    def test_the_request_that_came_longest_ago_is_evicted(self) -> None:
        results = Results(most=2)
        for number in (1, 2):
            results.add(run(number))
        assert results.of("r1")
        results.add(run(3))
        assert [bool(results.of(request)) for request in ("r1", "r2", "r3")] == [True, False, True]

    def test_only_runs_with_a_result_are_kept_the_latest_first_and_few_of_them(self) -> None:
        results = Results()
        for number in range(10):
            results.add(run(number, request="r"))
        results.add(run(11, request="r", status="errored"))
        results.add(run(12, request="r", answer=None))
        results.add(run(9, request="r"))
        assert [one.run_id for one in results.of("r")] == ["run9", "run8", "run7", "run6"]
        assert results_module.MOST_REQUESTS <= 10_000


class TestRegistry:
    def test_runs_that_are_over_are_evicted_and_running_ones_never(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(run_index, "MOST_RUNS", 3)

        async def live(clock: LoopClock) -> None:
            async with opened(clock) as world:
                runs = world.gateway._registry
                for number in range(2):
                    runs.restore(run(number, status=None, sent_ms=world.now_ms), {})
                for number in range(2, 10):
                    runs.give_result(run(number), "c")
                assert runs.run_ids() == {"run0", "run1", "run9"}
                assert len(runs.running()) == 2

        in_virtual_time(live)

    def test_those_who_were_given_a_run_are_bounded(self, monkeypatch: Any) -> None:
        monkeypatch.setattr(active_run, "MOST_GIVEN", 2)

        async def live(clock: LoopClock) -> None:
            async with opened(clock) as world:
                runs = world.gateway._registry
                for caller in ("a", "b", "c"):
                    runs.give_result(run(1), caller)
                given = [runs.was_given(caller, "run1") for caller in ("a", "b", "c")]
                assert given == [True, True, False]

        in_virtual_time(live)


class StandInLedger:
    """Fails so many times; keeps what was written."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.amounts: dict[Any, int] = {}
        self.exchanges: list[Any] = []

    def count_many(self, amounts: dict[Any, int], now_ms: int) -> None:
        self._fail()
        for key, amount in amounts.items():
            self.amounts[key] = self.amounts.get(key, 0) + amount

    def record_caller_exchanges(self, exchanges: list[Any]) -> None:
        self._fail()
        self.exchanges.extend(exchanges)

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise LedgerError("the disk is full")


def test_what_cannot_be_written_now_is_written_later_and_once() -> None:
    async def live(clock: LoopClock) -> None:
        for failures in range(4):
            ledger = StandInLedger(failures)
            journal = Journal(ledger, clock)  # type: ignore[arg-type]
            for _ in range(6):
                journal.count("m", ("a",))
                journal.exchange("run_project", "201", 0.1, 1)
                await journal.flush()
                await asyncio.sleep(1)
            await journal.aclose()
            assert ledger.amounts == {("m", ("a",)): 6}
            assert len(ledger.exchanges) == 6

    in_virtual_time(live)
