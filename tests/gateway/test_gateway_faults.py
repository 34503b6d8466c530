"""One fault stops one caller: what goes wrong for one, or is slow, costs the others nothing."""

import asyncio

import httpx
import pytest
from gateway_world import ALICE, BOB, World, cache, play_all, together

from exporter.config import Queue
from exporter.gateway.runs.active_run import DOUBT_SECONDS
from exporter.hexapi import Exchanger
from exporter.simulator import Fault, Token, Tokens

NO_CACHE = {"Cache_Control": "no-cache"}


def break_starts(world: World, *, reaches_hex: bool) -> list[int]:
    """From now on connections break after a run request was sent, which Hex receives or not; how many have broken."""
    broken = [0]
    inner = world.transport

    class Breaking(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.method != "POST":
                return await inner.handle_async_request(request)
            broken[0] += 1
            if reaches_hex:
                await inner.handle_async_request(request)
            raise httpx.ReadError("connection reset")

    world.gateway._context.upstream._http = Exchanger(transport=Breaking())
    return broken


def mend_starts(world: World) -> None:
    world.gateway._context.upstream._http = Exchanger(transport=world.transport)


class TestRunsInDoubt:
    def test_places_in_doubt_are_free_as_soon_as_a_listing_shows_no_such_run(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            assert (await world.status(projects[0], "none")).status_code == 404
            broken = break_starts(world, reaches_hex=False)
            answers = await together(*(world.run(project) for project in projects[:3]))
            assert [answer.status_code for answer in answers] == [504] * 3
            assert broken == [3]
            mend_starts(world)
            began = world.clock.monotonic()
            assert cache(await world.run(projects[4], token=BOB)) == "miss"
            assert world.clock.monotonic() - began < 5
            listings = [headers for method, path, headers in world.sent if path.endswith("/runs") and method == "GET"]
            assert {one["authorization"] for one in listings} == {f"Bearer {ALICE}"}

        play_all(story)

    @pytest.mark.slow
    def test_while_hex_shows_a_run_that_it_may_be_the_place_is_kept(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            break_starts(world, reaches_hex=True)
            await together(*(world.run(project) for project in projects[:3]))
            mend_starts(world)
            began = world.clock.monotonic()
            assert cache(await world.run(projects[4], token=BOB)) == "miss"
            assert 85 < world.clock.monotonic() - began < 140

        play_all(story, run_seconds=100, queue=Queue(wait_seconds=300))

    def test_a_short_run_whose_answer_was_lost_holds_its_place_little_longer_than_it_lasts(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            break_starts(world, reaches_hex=True)
            await together(*(world.run(project) for project in projects[:3]))
            mend_starts(world)
            began = world.clock.monotonic()
            assert cache(await world.run(projects[4], token=BOB)) == "miss"
            assert world.clock.monotonic() - began < 10

        play_all(story, run_seconds=4)

    @pytest.mark.slow
    def test_without_a_listing_it_is_free_after_half_a_minute_and_retry_after_says_so(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[9])
            await asyncio.sleep(60)
            world.faults.add(Fault(kind="500", endpoint="runs"))
            break_starts(world, reaches_hex=False)
            began = world.clock.monotonic()
            await together(*(world.run(project) for project in projects[:3]))
            mend_starts(world)
            refused = await world.run(projects[4], token=BOB, Prefer="wait=2")
            assert refused.status_code == 429
            assert 20 <= int(refused.headers["Retry-After"]) <= DOUBT_SECONDS
            assert cache(await world.run(projects[4], token=BOB)) == "miss"
            assert world.clock.monotonic() - began == pytest.approx(DOUBT_SECONDS, abs=6)

        play_all(story)

    @pytest.mark.slow
    def test_after_a_restart_too(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[9])
            break_starts(world, reaches_hex=False)
            await together(*(world.run(project) for project in projects[:3]))
            await world.kill()
            await world.restart()
            await asyncio.sleep(DOUBT_SECONDS + 10)
            began = world.clock.monotonic()
            assert cache(await world.run(projects[4], token=BOB)) == "miss"
            assert world.clock.monotonic() - began < 5

        play_all(story)


class TestRunsThatNoOnePolls:
    def test_their_ends_are_asked_with_the_starters_token_while_places_are_short(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            for project in projects[:3]:
                assert cache(await world.run(project)) == "miss"
            await asyncio.sleep(25)
            assert world.requested("run_status") == 0
            began = world.clock.monotonic()
            assert cache(await world.run(projects[4], token=BOB)) == "miss"
            assert world.clock.monotonic() - began < 15
            requested = [headers["authorization"] for method, path, headers in world.sent if "/runs/" in path]
            assert requested
            assert set(requested) == {f"Bearer {ALICE}"}

        play_all(story)

    @pytest.mark.slow
    def test_a_run_whose_end_cannot_be_seen_yields_its_place_past_the_usual_duration(self) -> None:
        known = {name: Token(account=name, is_workspace=True) for name in (ALICE, BOB)}

        async def story(world: World, projects: list[str]) -> None:
            for project in projects[:3]:
                run_id = (await world.run(project)).json()["runId"]
                await world.ended(project, run_id)
                world.gateway._usual.add(project, 20.0)
            for project in projects[:3]:
                await world.run(project, **NO_CACHE)
            del known[ALICE]
            began = world.clock.monotonic()
            while (answer := await world.run(projects[4], token=BOB)).status_code == 429:  # noqa: ASYNC110
                await asyncio.sleep(int(answer.headers["Retry-After"]))
            assert cache(answer) == "miss"
            assert world.clock.monotonic() - began < 120
            assert world.gateway.state.active_runs <= 3

        play_all(story, tokens=Tokens(known), run_seconds=20)

    @pytest.mark.slow
    def test_a_run_that_hex_shows_as_running_keeps_its_place_however_long(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            for project in projects[:3]:
                world.gateway._usual.add(project, 20.0)
                await world.run(project)
            await asyncio.sleep(300)
            refused = await world.run(projects[4], token=BOB)
            assert refused.status_code == 429
            assert world.started() == 3

        play_all(story, run_seconds=10_000)
