"""A run that is seen running keeps its place for longer than its lease."""

import asyncio

import pytest
from gateway_world import World, play

from exporter.ledger import WorkspaceLedger

pytestmark = pytest.mark.usefixtures("all_runs_complete")


RUN_SECONDS = 5_400
"""Longer than five quarters of an hour, which are longer than the lease."""


class TestLeases:
    @pytest.mark.slow
    def test_a_run_that_polls_still_show_running_keeps_its_place(self) -> None:
        async def story(world: World, project: str) -> None:
            run_id = (await world.run(project)).json()["runId"]
            for _ in range(5):
                await asyncio.sleep(900)
                assert (await world.status(project, run_id)).json()["status"] == "RUNNING"
            assert world.gateway.state.active_runs == 1

        play(story, run_seconds=RUN_SECONDS)

    @pytest.mark.slow
    def test_also_after_a_restart(self) -> None:
        async def story(world: World, project: str) -> None:
            run_id = (await world.run(project)).json()["runId"]
            for _ in range(5):
                await asyncio.sleep(900)
                await world.status(project, run_id)
            await world.kill()
            await world.restart()
            await world.status(project, run_id)
            assert world.gateway.state.active_runs == 1
            await asyncio.sleep(5)
            assert world.gateway.state.active_runs == 1
            assert await world.ended(project, run_id, every=60) == "COMPLETED"
            assert world.gateway.state.active_runs == 0

        play(story, run_seconds=RUN_SECONDS)

    @pytest.mark.slow
    def test_also_where_only_the_exporter_reads_the_runs(self) -> None:
        async def story(world: World, project: str) -> None:
            await world.run(project)
            for _ in range(5):
                await asyncio.sleep(900)
                world.read_runs(project)
            await asyncio.sleep(5)
            assert world.gateway.state.active_runs == 1

        play(story, run_seconds=RUN_SECONDS)

    def test_runs_are_not_read_again_until_something_was_read_of_them(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read: list[object] = []
        runs_between = WorkspaceLedger.runs_between
        monkeypatch.setattr(
            WorkspaceLedger, "runs_between", lambda *known: (read.append(known), runs_between(*known))[1]
        )

        async def story(world: World, project: str) -> None:
            await world.run(project)
            await asyncio.sleep(10)
            world.read_runs(project)
            await asyncio.sleep(10)
            del read[:]
            await asyncio.sleep(60)
            assert read == []
            world.read_runs(project)
            await asyncio.sleep(10)
            assert len(read) == 1

        play(story, run_seconds=RUN_SECONDS)
