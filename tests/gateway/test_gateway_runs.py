"""Run requests through the gateway: which start a run, which are answered by one that is there."""

from gateway_world import ALICE, opened
from virtual import LoopClock, in_virtual_time


def test_a_first_request_is_a_miss_and_an_identical_one_after_its_end_a_hit() -> None:
    async def live(clock: LoopClock) -> None:
        from gateway_world import file_source

        source = file_source()
        async with opened(clock, sources=(source,)) as world:
            project = world.projects[0]
            world.probe(source, project, "state-1")
            first = await world.run(project, {"inputParams": {"a": 1, "b": 2}})
            assert first.status_code == 201, first.text
            assert first.headers["X-Hex-Exporter-Cache"] == "miss"
            assert first.json()["runStatusUrl"].startswith("https://gateway.test/api/v1/projects/")
            assert await world.ended(project, first.json()["runId"]) == "COMPLETED"
            second = await world.run(project, {"inputParams": {"b": 2.0, "a": 1}})
            assert second.status_code == 201
            assert second.headers["X-Hex-Exporter-Cache"] == "hit"
            assert second.json() == first.json()
            assert world.started() == 1
            assert await world.counted("hex_cache_lookups_total") == {(project,): 2}

    in_virtual_time(live)


def test_a_read_is_forwarded() -> None:
    async def live(clock: LoopClock) -> None:
        async with opened(clock) as world:
            answer = await world.client.get("/api/v1/projects?limit=2", headers={"Authorization": f"Bearer {ALICE}"})
            assert answer.status_code == 200
            assert len(answer.json()["values"]) == 2

    in_virtual_time(live)
