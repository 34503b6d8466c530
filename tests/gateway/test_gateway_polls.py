"""Polls of run states: what is remembered, what is requested, and for whom."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from gateway_world import ALICE, BOB, World, bearer, opened, together
from helpers.virtual import LoopClock, in_virtual_time

from exporter.config import Policy


def play(story: Callable[[World, list[str]], Awaitable[None]], **settings: Any) -> None:
    async def live(clock: LoopClock) -> None:
        async with opened(clock, **settings) as world:
            await story(world, world.projects)

    in_virtual_time(live)


def test_a_final_state_is_read_once() -> None:
    async def story(world: World, projects: list[str]) -> None:
        run_id = (await world.run(projects[3])).json()["runId"]
        await asyncio.sleep(30)
        first = await world.status(projects[3], run_id)
        assert first.json()["status"] == "COMPLETED"
        await asyncio.sleep(10)
        again = [await world.status(projects[3], run_id) for _ in range(5)]
        assert {answer.content for answer in again} == {first.content}
        assert again[0].headers["Age"] == "10"
        assert world.requested("run_status") == 1
        assert await world.counted("hex_gateway_saved_calls_total") == {("remembered",): 5}
        assert world.gateway.state.active_runs == 0

    play(story)


@pytest.mark.slow
def test_an_active_run_is_read_no_more_often_than_the_rate_allows() -> None:
    async def story(world: World, projects: list[str]) -> None:
        run_id = (await world.run(projects[3])).json()["runId"]

        async def poll() -> None:
            for _ in range(100):
                answer = await world.status(projects[3], run_id)
                assert answer.status_code == 200
                assert answer.json()["status"] in ("PENDING", "RUNNING")
                assert float(answer.headers.get("Age", 0)) <= 10
                await asyncio.sleep(3)

        await together(*(poll() for _ in range(10)))
        assert world.requested("run_status", "200") <= 30 * 6
        assert world.requested("run_status") == world.requested("run_status", "200")
        saved = await world.counted("hex_gateway_saved_calls_total")
        assert saved.total() == 1000 - world.requested("run_status")

    play(story, run_seconds=10_000)


@pytest.mark.slow
def test_polls_leave_room_for_other_requests() -> None:
    async def story(world: World, projects: list[str]) -> None:
        run_id = (await world.run(projects[3])).json()["runId"]

        async def poll() -> None:
            while True:
                await world.status(projects[3], run_id)
                await asyncio.sleep(0.5)

        polling = asyncio.ensure_future(poll())
        for _ in range(30):
            began = world.clock.monotonic()
            answer = await world.client.get("/api/v1/users/me", headers=bearer(ALICE))
            assert answer.status_code == 200
            assert world.clock.monotonic() - began < 1
            await asyncio.sleep(10)
        polling.cancel()

    play(story, run_seconds=10_000)


@pytest.mark.slow
def test_one_page_serves_all_active_runs_of_a_project() -> None:
    async def story(world: World, projects: list[str]) -> None:
        runs = [
            (await world.run(projects[3], {"viewId": str(number)}, Cache_Control="no-cache")).json()["runId"]
            for number in range(3)
        ]
        for run_id in runs:
            await world.status(projects[3], run_id)
        requested, pages = world.requested("run_status"), world.requested("runs")
        before = await world.counted("hex_gateway_saved_calls_total")
        await asyncio.sleep(20)
        states = [(await world.status(projects[3], run_id)).json() for run_id in runs]
        assert [state["runId"] for state in states] == runs
        assert world.requested("runs") == pages + 1
        assert world.requested("run_status") == requested
        direct = await world.client.get(f"/api/v1/projects/{projects[3]}/runs?limit=3", headers=bearer(ALICE))
        listed = {run["runId"]: run for run in direct.json()["runs"]}
        assert [listed[run_id]["startTime"] for run_id in runs] == [state["startTime"] for state in states]
        saved = await world.counted("hex_gateway_saved_calls_total") - before
        assert saved["shared_page",] == 2

    play(story, run_seconds=10_000)


def test_the_end_that_a_poll_shows_lets_the_next_run_start() -> None:
    async def story(world: World, projects: list[str]) -> None:
        first = await world.run(projects[3])
        waiting = asyncio.ensure_future(world.run(projects[4]))
        await world.ended(projects[3], first.json()["runId"])
        assert (await waiting).headers["X-Hex-Exporter-Cache"] == "miss"
        ended = world.ledger.gateway.run(first.json()["runId"])
        assert ended is not None
        assert (ended.status, ended.duration_ms) == ("completed", 20_000)

    play(story, concurrency=1)


def test_the_end_that_the_exporter_reads_lets_the_next_run_start() -> None:
    async def story(world: World, projects: list[str]) -> None:
        first = await world.run(projects[3])
        waiting = asyncio.ensure_future(world.run(projects[4]))
        assert world.expected_runs == [projects[3]]
        await asyncio.sleep(25)
        world.read_runs(projects[3])
        assert (await waiting).headers["X-Hex-Exporter-Cache"] == "miss"
        assert world.ledger.gateway.run(first.json()["runId"]).status == "completed"

    play(story, concurrency=1)


def test_another_token_polls_in_its_own_name() -> None:
    async def story(world: World, projects: list[str]) -> None:
        run_id = (await world.run(projects[3])).json()["runId"]
        await asyncio.sleep(30)
        await world.status(projects[3], run_id)
        await world.status(projects[3], run_id, token=BOB)
        requested = [headers["authorization"] for _, path, headers in world.sent if path.endswith(run_id)]
        assert requested == [f"Bearer {ALICE}", f"Bearer {BOB}"]

    play(story)


def test_those_who_were_given_a_run_share_what_is_known_of_it() -> None:
    async def story(world: World, projects: list[str]) -> None:
        run_id = (await world.run(projects[3])).json()["runId"]
        assert (await world.run(projects[3], token=BOB)).json()["runId"] == run_id
        await asyncio.sleep(30)
        await world.status(projects[3], run_id)
        before = world.requested("run_status")
        assert (await world.status(projects[3], run_id, token=BOB)).json()["status"] == "COMPLETED"
        assert world.requested("run_status") == before

    play(story, policies=(Policy(shared=True),))


def test_the_rights_of_a_caller_that_was_given_a_run_are_read_each_minute_with_its_own_token() -> None:
    async def story(world: World, projects: list[str]) -> None:
        run_id = (await world.run(projects[3])).json()["runId"]
        assert (await world.run(projects[3], token=BOB)).json()["runId"] == run_id
        await asyncio.sleep(61)
        await world.status(projects[3], run_id)
        seen = len(world.sent)
        for _ in range(10):
            assert (await world.status(projects[3], run_id, token=BOB)).json()["status"] == "COMPLETED"
            await asyncio.sleep(5)
        requested = [headers["authorization"] for _, _, headers in world.sent[seen:]]
        assert requested == [f"Bearer {BOB}"]

    play(story, policies=(Policy(shared=True),))


def test_what_hex_shows_of_one_run_is_a_proof_for_the_others_that_the_caller_was_given() -> None:
    async def story(world: World, projects: list[str]) -> None:
        runs = [
            (await world.run(projects[3], {"viewId": str(number)}, Cache_Control="no-cache")).json()["runId"]
            for number in range(3)
        ]
        await asyncio.sleep(30)
        for run_id in runs:
            await world.status(projects[3], run_id)
        seen = len(world.sent)
        for minute in range(1, 4):
            await asyncio.sleep(61)
            for run_id in runs:
                assert (await world.status(projects[3], run_id)).json()["status"] == "COMPLETED"
            assert len(world.sent) == seen + minute

    play(story)


def test_a_question_for_more_is_passed_on() -> None:
    async def story(world: World, projects: list[str]) -> None:
        run_id = (await world.run(projects[3])).json()["runId"]
        await asyncio.sleep(30)
        plain = await world.status(projects[3], run_id)
        more = await world.client.get(
            f"/api/v1/projects/{projects[3]}/runs/{run_id}",
            headers={**bearer(ALICE), "enable-expanded-stats": "true"},
        )
        assert "stateEvents" in more.json()
        assert "stateEvents" not in plain.json()

    play(story)


def test_an_unknown_run_is_read_each_time() -> None:
    async def story(world: World, projects: list[str]) -> None:
        for _ in range(3):
            answer = await world.status(projects[3], "00000000-0000-4000-8000-000000000000")
            assert answer.status_code == 404
        assert world.requested("run_status", "404") == 3

    play(story)
