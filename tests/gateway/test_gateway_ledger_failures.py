"""A ledger that fails for a while: no run is called off, lost or counted twice."""

import asyncio
import threading
from typing import Any

import pytest
from gateway_world import (
    ALICE,
    World,
    bearer,
    play,
)

from exporter.clock import SystemClock
from exporter.errors import LedgerError
from exporter.gateway.journal import Journal
from exporter.ledger import open_ledger
from exporter.ledger.histograms import Amounts
from exporter.simulator import Fault


class TestLedgersThatFail:
    def test_a_run_that_hex_started_is_not_called_off_by_a_cool_down_that_cannot_be_written(self) -> None:
        async def story(world: World, project: str) -> None:
            def broken(*_: object) -> None:
                raise LedgerError("disk full")

            world.ledger.set_value = broken  # type: ignore[method-assign]
            # The answer is a 201 that says that it was the last request of a window that is that of all requests.
            send = world.gateway._context.upstream._exchange

            async def announced(request: Any) -> Any:
                reply = await send(request)
                if request.method != "POST":
                    return reply
                more = ((b"ratelimit-limit", b"1800"), (b"ratelimit-remaining", b"0"), (b"ratelimit-reset", b"30"))
                return type(reply)(reply.status, (*reply.headers, *more), reply.body, reply.at)

            world.gateway._context.upstream._exchange = announced  # type: ignore[method-assign]
            answer = await world.run(project)
            assert (answer.status_code, world.started()) == (201, 1)
            assert world.gateway.state.active_runs == 1
            read = ("GET", "/api/v1/users/me")
            began = world.clock.monotonic()
            assert (await world.client.request(*read, headers=bearer(ALICE))).status_code == 200
            assert world.clock.monotonic() - began > 25

        play(story, run_seconds=10_000)

    def test_a_cool_down_that_cannot_be_written_is_waited_out_all_the_same(self) -> None:
        async def story(world: World, project: str) -> None:
            def broken(*_: object) -> None:
                raise LedgerError("disk full")

            world.ledger.set_value = broken  # type: ignore[method-assign]
            world.faults.add(Fault(kind="429", count=1, retry_after=20))
            answer = await world.client.get("/api/v1/users/me", headers=bearer(ALICE))
            assert answer.status_code == 200

        play(story)

    @pytest.mark.slow
    def test_an_unknown_run_is_given_up_though_the_ledger_failed_once(self) -> None:
        async def story(world: World, project: str) -> None:
            world.faults.add(Fault(kind="slow", endpoint="run_project", count=1, seconds=100))
            assert (await world.run(project)).status_code in (429, 504)
            await asyncio.sleep(60)
            assert len(world.gateway._registry.in_doubt()) == 1
            book, right = world.ledger.gateway, world.ledger.gateway.not_started
            failures: list[str] = []

            def once(intent_id: str, state: Any) -> None:
                book.not_started = right  # type: ignore[method-assign]
                failures.append(intent_id)
                raise LedgerError("database is locked")

            book.not_started = once  # type: ignore[method-assign]
            await asyncio.sleep(600)
            world.read_runs(project)
            await asyncio.sleep(30)
            assert failures
            assert world.gateway._registry.in_doubt() == []
            assert await world.counted("hex_gateway_unknown_runs_total") == {(): 1}

        play(story)

    def test_what_was_sent_is_counted_though_the_flush_is_cancelled(self) -> None:
        async def story() -> None:
            book = open_ledger("sqlite://", clock=SystemClock())
            ledger = book.workspace("w")
            journal = Journal(ledger, SystemClock())
            now_ms = round(SystemClock().now() * 1000)
            for _ in range(3):
                journal.exchange("other", "200", 0.1, now_ms)
            journal.count("hex_gateway_requests_total", ("miss",))
            held, counted = threading.Event(), ledger.count_many

            def slow(amounts: Amounts, now_ms: int) -> None:
                held.wait(10)
                counted(amounts, now_ms)

            ledger.count_many = slow  # type: ignore[method-assign]
            flushing = asyncio.ensure_future(journal.flush())
            await asyncio.sleep(0)
            flushing.cancel()
            await asyncio.gather(flushing, return_exceptions=True)
            held.set()
            await journal.aclose()
            requested = sum(count for _, count in ledger.requests_by_minute(now_ms - 600_000))
            assert requested == 3
            book.close()

        asyncio.run(story())


def test_without_a_durable_ledger_no_run_starts(tmp_path: Any) -> None:
    folder = tmp_path / "full"
    folder.write_text("a file where the folder of the ledger belongs")

    async def story(world: World, project: str) -> None:
        assert world.book.problem is not None
        answer = await world.run(project)
        assert answer.status_code == 503
        assert "no run was started" in answer.text
        assert world.started() == 0
        read = await world.client.get(f"/api/v1/projects/{project}", headers=bearer(ALICE))
        assert read.status_code == 200

    play(story, url=f"sqlite:///{folder}/ledger.db")
