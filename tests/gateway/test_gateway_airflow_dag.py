"""An Airflow DAG "load, then run the notebook": it never goes green with figures from before its load."""

import asyncio
import random
from typing import Any

import pytest
from gateway_world import ALICE, BOB, EVE, World, file_source, opened
from helpers.sizes import size
from helpers.virtual import LoopClock, in_virtual_time

from exporter.simulator import Fault

pytestmark = pytest.mark.usefixtures("all_runs_complete", "quiet")

DAGS = {True: size(35, 200), False: size(10, 50)}
"""How many, with a source and without."""

PAUSES = {0.0: 5, 1.0: 5, 10.0: 5, 40.0: 5, 400.0: 1}
"""Seconds between two DAGs, and how often of 21 times: the longest, in which a probe grows old, takes long to live."""

SOURCE = file_source(every_seconds=300)


class Dag:
    """One load and one notebook, as airflow-provider-hex runs it: a POST, polls each three seconds, retries."""

    def __init__(self, world: World, project: str) -> None:
        self.world = world
        self.project = project
        self.loaded = 0
        self.read: dict[str, int] = {}
        self.green = 0
        self.old: list[tuple[int, int, str]] = []
        start = world.simulation.start_run

        def started(*known: Any, **more: Any) -> Any:
            run = start(*known, **more)
            self.read[run.run_id] = self.loaded
            return run

        world.simulation.start_run = started  # type: ignore[method-assign]

    async def run(self) -> None:
        self.loaded += 1
        self.world.data[SOURCE.key(self.project)] = f"load {self.loaded}"
        for _ in range(6):
            answer = await self.world.run(self.project, {"inputParams": {"region": "north"}})
            if answer.status_code == 201:
                run_id = answer.json()["runId"]
                if await self.world.ended(self.project, run_id) == "COMPLETED":
                    self.green += 1
                    if self.read[run_id] < self.loaded:
                        reason = answer.headers["X-Hex-Exporter-Reason"]
                        self.old.append((self.read[run_id], self.loaded, reason))
                return
            await asyncio.sleep(float(answer.headers.get("Retry-After", 5)))


@pytest.mark.slow
@pytest.mark.parametrize("has_source", [True, False])
def test_a_dag_is_never_green_with_old_figures(has_source: bool) -> None:
    async def live(clock: LoopClock) -> None:
        rng = random.Random(7)
        more: dict[str, Any] = {"sources": (SOURCE,), "has_monitor": True} if has_source else {}
        async with opened(clock, run_seconds=12.0, **more) as world:
            project = world.projects[3]
            dag = Dag(world, project)

            async def others() -> None:
                """Others run the same notebook, where its source is known; and a stranger tries."""
                while True:
                    await asyncio.sleep(rng.uniform(1, 60))
                    if has_source:
                        await world.run(project, {"inputParams": {"region": "north"}}, token=rng.choice([ALICE, BOB]))
                    await world.run(project, token=EVE + "00")

            async def breaks() -> None:
                while True:
                    await asyncio.sleep(rng.uniform(20, 100))
                    kind, endpoint = rng.choice(["500", "429", "slow"]), rng.choice(["run_status", "project"])
                    world.faults.add(Fault(kind=kind, endpoint=endpoint, count=1, seconds=3, retry_after=2))

            beside = [asyncio.ensure_future(others()), asyncio.ensure_future(breaks())]
            for _ in range(DAGS[has_source]):
                await dag.run()
                await asyncio.sleep(rng.choices(list(PAUSES), list(PAUSES.values()))[0])
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            assert (dag.old, dag.green) == ([], DAGS[has_source])

    in_virtual_time(live)
