"""Places are by caller: caps by token and by address, and limits of runs that are configured."""

import asyncio
import json

import httpx
import pytest
from gateway_world import ALICE, BOB, World, bearer, cache, opened, play, play_all, together
from helpers.virtual import LoopClock, in_virtual_time

from exporter.config import Policy, RunLimits


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
