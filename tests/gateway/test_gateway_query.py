"""A run request with a query: it is not known what it changes, so it runs."""

from gateway_world import ALICE, bearer, file_source, opened
from helpers.virtual import LoopClock, in_virtual_time


def test_a_run_request_with_a_query_bypasses_results_that_are_there() -> None:
    async def live(clock: LoopClock) -> None:
        source = file_source()
        async with opened(clock, sources=(source,)) as world:
            project = world.projects[0]
            world.probe(source, project, "state-1")
            first = await world.run(project)
            await world.ended(project, first.json()["runId"])
            path = f"/api/v1/project/{project}/run?inputParams=a&updateCache=True"

            second = await world.client.post(path, headers=bearer(ALICE))
            without = await world.run(project)

            assert second.status_code == 201
            assert second.headers["X-Hex-Exporter-Cache"] == "bypass"
            assert without.headers["X-Hex-Exporter-Cache"] == "hit"
            assert world.started() == 2

    in_virtual_time(live)
