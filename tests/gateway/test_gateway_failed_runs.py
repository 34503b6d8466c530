"""A project whose runs always fail is refused, by its policy."""

import asyncio

import pytest
from gateway_world import World, cache, play

from exporter.config import Failures, Policy
from exporter.simulator.timeline import Timeline

NO_CACHE = {"Cache_Control": "no-cache"}


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
