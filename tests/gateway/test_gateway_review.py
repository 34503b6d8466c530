"""The gateway where things go wrong at once: refused tokens, cancels, broken ledgers, slow disks, odd answers."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from gateway_world import ALICE, BOB, World, bearer, file_source, opened
from helpers.virtual import LoopClock, in_virtual_time

from exporter.clock import SystemClock
from exporter.config import Policy
from exporter.errors import LedgerError
from exporter.gateway.journal import Journal
from exporter.gateway.routing.target import parse_target
from exporter.gateway.runs.polls import Poll
from exporter.hexapi import Exchanger
from exporter.ledger import open_ledger
from exporter.ledger.histograms import Amounts
from exporter.simulator import Fault, Tokens
from exporter.simulator.tokens import Token

SOURCE = file_source()
SHARED = (Policy(shared=True),)


def tell(story: Callable[[World, str], Awaitable[None]], **settings: Any) -> None:
    async def live(clock: LoopClock) -> None:
        async with opened(clock, **settings) as world:
            await story(world, world.projects[3])

    in_virtual_time(live)


def cache(answer: Any) -> str:
    return str(answer.headers.get("X-Hex-Exporter-Cache"))


def both_tokens() -> dict[str, Token]:
    return {
        ALICE: Token(account="alice", is_workspace=True),
        BOB: Token(account="bob", is_workspace=True),
    }


class TestTokensThatHexRefuses:
    def test_a_token_that_hex_has_just_refused_is_told_no_state_of_a_run_that_it_was_given(self) -> None:
        known = both_tokens()

        async def story(world: World, project: str) -> None:
            run_id = (await world.run(project)).json()["runId"]
            assert cache(await world.run(project, token=BOB)) == "joined"
            del known[BOB]
            await asyncio.sleep(61)
            assert (await world.status(project, run_id, token=BOB)).status_code == 401
            assert (await world.status(project, run_id)).status_code == 200
            assert (await world.status(project, run_id, token=BOB)).status_code == 401

        tell(story, policies=SHARED, tokens=Tokens(known), run_seconds=10_000)

    def test_a_token_that_hex_refuses_is_told_no_final_state_an_hour_long(self) -> None:
        known = both_tokens()

        async def story(world: World, project: str) -> None:
            run_id = (await world.run(project)).json()["runId"]
            await world.ended(project, run_id)
            del known[ALICE]
            await asyncio.sleep(61)
            assert (await world.run(project)).status_code == 401
            assert (await world.status(project, run_id)).status_code == 401

        tell(story, tokens=Tokens(known))

    def test_what_holds_a_token_does_not_show_it(self) -> None:
        target = parse_target("GET", b"/api/v1/projects/p/runs/r", b"")
        poll = Poll(caller="c", target=target, headers=((b"authorization", b"Bearer hxtp_secret"),))
        assert "hxtp_secret" not in repr(poll)


class TestCancels:
    def test_nobody_joins_a_run_that_somebody_else_has_stopped(self) -> None:
        async def story(world: World, project: str) -> None:
            run_id = (await world.run(project)).json()["runId"]
            assert (await world.cancel(project, run_id, token=BOB)).status_code == 204
            again = await world.run(project)
            assert cache(again) == "miss"
            assert again.json()["runId"] != run_id

        tell(story, run_seconds=10_000)

    def test_a_last_cancel_whose_caller_hangs_up_stops_the_run_for_all(self) -> None:
        async def story(world: World, project: str) -> None:
            run_id = (await world.run(project)).json()["runId"]
            world.faults.add(Fault(kind="drip", endpoint="cancel_run", count=1, seconds=1))
            world.faults.add(Fault(kind="slow", endpoint="cancel_run", count=1, seconds=5))
            stopping = asyncio.ensure_future(world.cancel(project, run_id))
            await asyncio.sleep(2)
            stopping.cancel()
            await asyncio.sleep(10)
            assert world.asked("cancel_run", "204") == 1
            again = await world.run(project)
            assert cache(again) == "miss"
            assert again.json()["runId"] != run_id
            assert world.gateway.state.active_runs == 1

        tell(story, run_seconds=10_000)


class TestLedgersThatFail:
    def test_a_run_that_hex_started_is_not_called_off_by_a_cool_down_that_cannot_be_written(self) -> None:
        async def story(world: World, project: str) -> None:
            def broken(until_ms: int) -> None:
                raise LedgerError("disk full")

            world.pace._on_cool_down = broken
            # The answer is a 201 that says that it was the window's last request.
            send = world.gateway._context.upstream._exchange

            async def announced(request: Any) -> Any:
                reply = await send(request)
                if request.method != "POST":
                    return reply
                more = ((b"ratelimit-remaining", b"0"), (b"ratelimit-reset", b"30"))
                return type(reply)(reply.status, (*reply.headers, *more), reply.body, reply.at)

            world.gateway._context.upstream._exchange = announced  # type: ignore[method-assign]
            answer = await world.run(project)
            assert (answer.status_code, world.started()) == (201, 1)
            assert world.gateway.state.active_runs == 1
            assert world.gateway._context.upstream.wait_seconds() > 25

        tell(story, run_seconds=10_000)

    def test_a_cool_down_that_cannot_be_written_is_waited_out_all_the_same(self) -> None:
        async def story(world: World, project: str) -> None:
            def broken(until_ms: int) -> None:
                raise LedgerError("disk full")

            world.pace._on_cool_down = broken
            world.faults.add(Fault(kind="429", count=1, retry_after=20))
            answer = await world.client.get("/api/v1/users/me", headers=bearer(ALICE))
            assert answer.status_code == 200

        tell(story)

    def test_an_unknown_run_keeps_nothing_for_ever_because_the_ledger_failed_once(self) -> None:
        async def story(world: World, project: str) -> None:
            world.faults.add(Fault(kind="slow", endpoint="run_project", count=1, seconds=100))
            assert (await world.run(project)).status_code in (429, 504)
            await asyncio.sleep(60)
            assert world.gateway.state.active_runs == 1
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
            assert world.gateway.state.active_runs == 0
            assert await world.counted("hex_gateway_unknown_runs_total") == {(): 1}

        tell(story)

    def test_what_was_asked_is_counted_though_the_flush_is_cancelled(self) -> None:
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
            asked = sum(count for _, count in ledger.requests_by_minute(now_ms - 600_000))
            assert asked == 3
            book.close()

        asyncio.run(story())


class TestFraming:
    @pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 304)])
    def test_an_answer_without_a_body_may_name_an_encoding(self, method: str, status: int) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(status, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b""))

        async def story(clock: LoopClock) -> None:
            async with opened(clock) as world:
                world.gateway._context.upstream._http = Exchanger(transport=httpx.MockTransport(answer))
                got = await world.client.request(method, "/api/v1/users/me", headers=bearer(ALICE))
                assert got.status_code == status

        in_virtual_time(story)

    def test_bodies_of_others_refuse_no_request_without_one(self) -> None:
        async def story(world: World, project: str) -> None:
            world.app._held_bytes = 65 * 1024 * 1024
            refused = await world.run(project, {"inputParams": {}})
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
            read = await world.client.get("/api/v1/users/me", headers=bearer(ALICE))
            assert read.status_code == 200

        tell(story)

    def test_a_request_with_two_lengths_is_refused_and_its_connection_closed(self) -> None:
        async def story(world: World, project: str) -> None:
            both = {"Content-Length": "2", "Transfer-Encoding": "chunked"}
            answer = await world.client.post("/api/v1/users/me", content=b"{}", headers=bearer(ALICE) | both)
            assert (answer.status_code, answer.headers["Connection"]) == (400, "close")
            assert world.sent == []

        tell(story)


class TestClocks:
    @pytest.mark.parametrize("seconds", [-7_200, -60, 90_000])
    def test_a_clock_that_was_put_gives_nobody_an_older_result(self, seconds: float) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await world.run(project)
            await world.ended(project, first.json()["runId"])
            world.clock.step(seconds)
            assert cache(await world.run(project)) == "miss"

        tell(story, sources=(SOURCE,), policies=(Policy(min_interval_seconds=3_600),))

    def test_runs_that_are_on_keep_their_places_though_the_clock_is_put_back_and_the_process_restarted(self) -> None:
        async def story(world: World, project: str) -> None:
            for one in world.projects[3:6]:
                await world.run(one)
            await world.kill()
            world.clock.step(-3 * 3_600)
            await world.restart()
            assert world.gateway.state.active_runs == 3
            waiting = asyncio.ensure_future(world.run(world.projects[6]))
            await asyncio.sleep(10)
            assert world.started() == 3
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

        tell(story, run_seconds=10_000)


class TestOddAnswers:
    @pytest.mark.parametrize("value", [None, 0, "", "false"])
    def test_only_a_dry_run_takes_no_place(self, value: object) -> None:
        async def story(world: World, project: str) -> None:
            # Hex may take these for no dry run at all.
            answer = await world.run(project, {"dryRun": value})
            if answer.status_code == 201 and world.started():
                assert world.gateway.state.active_runs == 1

        tell(story, run_seconds=10_000)

    @pytest.mark.parametrize("kind", ["garbage", "truncation"])
    def test_a_start_that_names_no_run_may_have_started_one_and_keeps_its_place(self, kind: str) -> None:
        async def story(world: World, project: str) -> None:
            world.faults.add(Fault(kind=kind, endpoint="run_project", count=1))
            await world.run(project)
            assert world.gateway.state.active_runs == 1
            await asyncio.sleep(700)
            started = world.started()
            world.read_runs(project)
            await asyncio.sleep(10)
            (sent,) = world.ledger.gateway.runs(0)
            assert sent.state == ("started" if started else "unknown")
            assert world.gateway.state.active_runs == 0
            assert world.asked("run_project") == 1

        tell(story)


class TestUnchangedFor:
    def test_a_run_that_was_sent_while_a_probe_saw_a_change_counts_as_older_than_it(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await asyncio.sleep(400)  # not fresh: nothing is known
            first = await world.run(project)
            await world.ended(project, first.json()["runId"])
            # This probe began before that run was sent and ended after it.
            world.probe(SOURCE, project, "state-2", seconds=40)
            world.ledger.sources.record_failure(SOURCE.key(project), "no answer", world.now_ms)
            assert cache(await world.run(project)) == "miss"

        tell(story, sources=(SOURCE,), policies=(Policy(unchanged_for_seconds=3_600),), run_seconds=20)


class TestVersions:
    def test_a_version_published_after_the_first_look_runs_again(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await world.run(project)
            await world.ended(project, first.json()["runId"])
            assert cache(await world.run(project)) == "hit"
            await asyncio.sleep(12)
            published_ms = world.now_ms - 1_000
            world.simulation.published_ms = lambda item, now_ms: published_ms  # type: ignore[method-assign]
            assert cache(await world.run(project)) == "miss"

        tell(story, sources=(SOURCE,))

    def test_what_is_known_of_a_project_serves_while_hex_has_no_answer(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await world.run(project)
            await world.ended(project, first.json()["runId"])
            world.faults.add(Fault(kind="500", endpoint="project", count=1))
            assert cache(await world.run(project)) == "hit"

        tell(story, sources=(SOURCE,))

    def test_requests_that_a_change_of_the_source_has_made_the_same_start_one_run(self) -> None:
        async def story(world: World, project: str) -> None:
            others = world.projects[4:6]
            world.probe(SOURCE, project, "state-1")
            before = [(one, (await world.run(one)).json()["runId"]) for one in others]
            first = asyncio.ensure_future(world.run(project))
            await asyncio.sleep(5)
            world.probe(SOURCE, project, "state-2")
            second = asyncio.ensure_future(world.run(project))
            await asyncio.sleep(1)
            world.faults.add(Fault(kind="slow", endpoint="run_project", count=1, seconds=5))
            for one, run_id in before:
                await world.ended(one, run_id)
            answers = [await first, await second]
            assert sorted(cache(one) for one in answers) == ["joined", "miss"]
            assert world.started(project) == 1

        tell(story, sources=(SOURCE,), concurrency=2)
