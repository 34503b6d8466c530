"""One fault stops one caller: what goes wrong for one, or is slow, costs the others nothing."""

import asyncio
import json

import httpx
import pytest
from gateway_world import ALICE, BOB, EVE, HangUp, World, bearer, cache, file_source, opened, play, play_all, together
from helpers.virtual import LoopClock, in_virtual_time

from exporter.config import Failures, Policy, Queue, RunLimits
from exporter.gateway.runs.active_run import DOUBT_SECONDS
from exporter.hexapi import Exchanger
from exporter.simulator import Fault, Token, Tokens
from exporter.simulator.timeline import Timeline
from exporter.simulator.tokens import ALL_SCOPES

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
            assert world.asked("run_status") == 0
            began = world.clock.monotonic()
            assert cache(await world.run(projects[4], token=BOB)) == "miss"
            assert world.clock.monotonic() - began < 15
            asked = [headers["authorization"] for method, path, headers in world.sent if "/runs/" in path]
            assert asked
            assert set(asked) == {f"Bearer {ALICE}"}

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


class TestRunLimits:
    def test_they_are_configured(self) -> None:
        async def live(clock: LoopClock) -> None:
            async with opened(clock, run_seconds=1, run_limits=RunLimits(per_minute=2, per_hour=100)) as world:
                began = clock.monotonic()
                for project in world.projects[:3]:
                    answer = await world.run(project)
                    while answer.status_code == 429:
                        await asyncio.sleep(int(answer.headers["Retry-After"]))
                        answer = await world.run(project)
                assert clock.monotonic() - began >= 60

        in_virtual_time(live)


class TestPlacesByCaller:
    def test_another_tokens_identical_request_runs_beside_it(self) -> None:
        async def story(world: World, project: str) -> None:
            first = await world.run(project)
            began = world.clock.monotonic()
            second = await world.run(project, token=BOB)
            assert cache(second) == "miss"
            assert world.clock.monotonic() - began < 2
            assert second.json()["runId"] != first.json()["runId"]
            # Each joins its own.
            assert (await world.run(project, token=BOB)).json()["runId"] == second.json()["runId"]
            assert (await world.run(project)).json()["runId"] == first.json()["runId"]

        play(story)

    def test_under_shared_it_joins(self) -> None:
        async def story(world: World, project: str) -> None:
            answers = await together(world.run(project), world.run(project, token=BOB))
            assert sorted(cache(answer) for answer in answers) == ["joined", "miss"]
            assert world.started(project) == 1

        play(story, policies=(Policy(shared=True),))

    @pytest.mark.slow
    def test_one_token_from_five_addresses_has_the_places_of_one(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            for project in projects[:3]:
                await world.run(project)
            waiting = []
            for number in range(50):
                client = httpx.AsyncClient(
                    transport=httpx.ASGITransport(app=world.app, client=(f"10.0.0.{number % 5}", 1)),
                    base_url="http://gateway",
                    timeout=None,
                )
                path = f"/api/v1/projects/{projects[5]}/runs"
                body = json.dumps({"inputParams": {"n": number}}).encode()
                headers = {**bearer(ALICE), "Content-Type": "application/json"}
                waiting.append(asyncio.ensure_future(client.post(path, content=body, headers=headers)))
            await asyncio.sleep(5)
            assert world.gateway.state.queue_length == 20
            refused = [one for one in waiting if one.done()]
            assert {one.result().status_code for one in refused} == {429}
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

        play_all(story, run_seconds=10_000)

    def test_one_address_with_many_tokens_leaves_places_to_others(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            tokens = [f"hxtp_{number:096x}" for number in range(6)]
            for token in (*tokens, BOB):
                world.gateway._callers.accept(world.gateway._callers.name(token.encode()))
            await together(*(world.run(project) for project in projects[:3]))
            crowd = [
                asyncio.ensure_future(world.run(projects[5], {"inputParams": {"n": number}}, token=token))
                for token in tokens
                for number in range(10)
            ]
            await asyncio.sleep(20)
            assert world.gateway.state.queue_length == 50
            for one in crowd:
                one.cancel()
            await asyncio.gather(*crowd, return_exceptions=True)

        play_all(story, run_seconds=10_000)


class TestFailures:
    @pytest.mark.slow
    def test_a_project_that_always_fails_is_refused_with_the_last_errors_address(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        planned = Timeline.plan
        monkeypatch.setattr(Timeline, "plan", lambda *known: planned(*known)._replace(outcome="errored"))

        async def story(world: World, project: str) -> None:
            for _ in range(2):
                run = (await world.run(project)).json()
                assert await world.ended(project, run["runId"]) == "ERRORED"
            refused = await world.run(project)
            assert refused.status_code == 429
            assert run["runUrl"] in refused.json()["message"]
            assert 500 < int(refused.headers["Retry-After"]) <= 600
            assert world.started(project) == 2
            bypass = await world.run(project, **NO_CACHE)
            assert cache(bypass) == "bypass"
            await world.ended(project, bypass.json()["runId"])
            assert cache(await world.run(world.projects[7])) == "miss"
            await asyncio.sleep(700)
            assert cache(await world.run(project)) == "miss"

        play(story, policies=(Policy(failures=Failures(most=2, within_seconds=600)),))

    def test_they_are_known_after_a_restart_and_forgotten_after_a_success(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        outcome = ["errored"]
        planned = Timeline.plan
        monkeypatch.setattr(Timeline, "plan", lambda *known: planned(*known)._replace(outcome=outcome[0]))

        async def story(world: World, project: str) -> None:
            run = (await world.run(project)).json()
            await world.ended(project, run["runId"])
            await world.gateway._registry.settled()
            await world.kill()
            await world.restart()
            assert (await world.run(project)).status_code == 429
            outcome[0] = "completed"
            run = (await world.run(project, **NO_CACHE)).json()
            await world.ended(project, run["runId"])
            assert cache(await world.run(project)) == "miss"

        play(story, policies=(Policy(failures=Failures(most=1, within_seconds=3600)),))


class TestCallsAndWaits:
    @pytest.mark.slow
    def test_ten_projects_missed_in_one_second_take_one_listing_and_ten_starts(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            answers = await together(*(world.run(project) for project in projects[:10]))
            assert [cache(answer) for answer in answers] == ["miss"] * 10
            rights = world.asked("project") + world.asked("projects")
            assert world.asked("run_project") == 10
            assert rights <= 3

        play_all(story, run_seconds=5)

    def test_hex_toolkit_is_answered_before_it_gives_up(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await together(*(world.run(project) for project in projects[:3]))
            for headers, seconds in (({"User_Agent": "hex-python-sdk/0.1.0"}, 25), ({"Prefer": "wait=7"}, 7)):
                began = world.clock.monotonic()
                answer = await world.run(projects[4], token=BOB, **headers)
                assert answer.status_code == 429
                assert world.clock.monotonic() - began == pytest.approx(seconds, abs=1)

        play_all(story, run_seconds=10_000)

    def test_an_answer_of_hex_that_takes_longer_than_the_client_waits_is_a_504_in_time(self) -> None:
        async def story(world: World, project: str) -> None:
            run_id = (await world.run(project)).json()["runId"]
            world.faults.add(Fault(kind="slow", endpoint="run_status", count=1, seconds=50))
            began = world.clock.monotonic()
            headers = {**bearer(ALICE), "User-Agent": "hex-python-sdk/0.1.0"}
            answer = await world.client.get(f"/api/v1/projects/{project}/runs/{run_id}", headers=headers)
            assert answer.status_code == 504
            assert world.clock.monotonic() - began < 30

        play(story)

    @pytest.mark.slow
    def test_cancels_come_before_all_that_waits_for_the_rate(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            run_id = (await world.run(projects[0])).json()["runId"]
            crowd = [
                asyncio.ensure_future(world.client.get(f"/api/v1/users?limit={number}", headers=bearer(ALICE)))
                for number in range(1, 60)
            ]
            await asyncio.sleep(1)
            before = len(world.sent)
            assert (await world.cancel(projects[0], run_id)).status_code == 204
            assert world.sent[before][0] == "DELETE"
            for one in crowd:
                one.cancel()
            await asyncio.gather(*crowd, return_exceptions=True)

        play_all(story, queue=Queue(wait_seconds=100), run_seconds=10_000)

    def test_a_dry_run_waits_for_no_place(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await together(*(world.run(project) for project in projects[:3]))
            began = world.clock.monotonic()
            assert cache(await world.run(projects[4], {"dryRun": True})) == "bypass"
            assert world.clock.monotonic() - began < 2

        play_all(story, run_seconds=10_000)

    def test_a_client_that_hangs_up_holds_no_turn_and_no_place_that_others_need(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[0])
            gone = HangUp(world, projects[1])
            await asyncio.sleep(1)
            assert world.gateway.state.queue_length == 1
            gone.hang_up()
            await gone.task
            waiting = asyncio.ensure_future(world.run(projects[2], token=BOB))
            await asyncio.sleep(1)
            assert not waiting.done()
            assert world.gateway.state.queue_length == 1
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)

        play_all(story, concurrency=1, run_seconds=10_000, queue=Queue(length=1))

    def test_what_waits_for_the_rate_on_behalf_of_no_one_is_given_up(self) -> None:
        async def story(world: World, projects: list[str]) -> None:
            await world.run(projects[0])
            crowd = [
                asyncio.ensure_future(world.client.get(f"/api/v1/users?limit={number}", headers=bearer(ALICE)))
                for number in range(1, 60)
            ]
            await asyncio.sleep(1)
            gone = [HangUp(world, project) for project in projects[1:4]]
            await asyncio.sleep(1)
            for one in (*crowd, *gone):
                one.hang_up() if isinstance(one, HangUp) else one.cancel()
            await asyncio.gather(*crowd, *(one.task for one in gone), return_exceptions=True)
            before = len(world.sent)
            await asyncio.sleep(100)
            assert [path for _, path, _ in world.sent[before:]] == []

        play_all(story, queue=Queue(wait_seconds=100))


class TestRights:
    def test_a_token_whose_right_to_run_was_taken_away_gets_no_hit_after_the_rights_ttl(self) -> None:
        known = {ALICE: Token(account=ALICE, is_workspace=True)}
        source = file_source(every_seconds=86_400)

        async def story(world: World, project: str) -> None:
            world.probe(source, project, "state")
            run = (await world.run(project)).json()
            assert await world.ended(project, run["runId"]) == "COMPLETED"
            scopes = frozenset(one for one in ALL_SCOPES if "run" not in one)
            known[ALICE] = Token(account=ALICE, is_workspace=True, scopes=scopes)
            assert cache(await world.run(project)) == "hit"
            await asyncio.sleep(901)
            answer = await world.run(project)
            assert (answer.status_code, "X-Hex-Exporter-Cache" in answer.headers) == (403, False)

        play(story, sources=(source,), tokens=Tokens(known))

    @pytest.mark.slow
    def test_the_proof_is_renewed_by_a_dry_run_with_the_callers_token(self) -> None:
        source = file_source(every_seconds=86_400)

        async def story(world: World, project: str) -> None:
            world.probe(source, project, "state")
            run = (await world.run(project)).json()
            await world.ended(project, run["runId"])
            for _ in range(3):
                await asyncio.sleep(901)
                assert cache(await world.run(project)) == "hit"
                assert cache(await world.run(project)) == "hit"
            assert world.started(project) == 1
            assert world.asked("run_project") == 4

        play(story, sources=(source,))

    def test_eve_stays_out(self) -> None:
        async def story(world: World, project: str) -> None:
            assert (await world.run(project, token=EVE)).status_code == 401

        play(story, tokens=Tokens({ALICE: Token(account=ALICE, is_workspace=True)}))
