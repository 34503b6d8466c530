"""What an earlier process left: running runs, runs in doubt, and places that waited."""

import asyncio
from typing import Any

import pytest
from gateway_world import ALICE, BOB, World, cache, completed, file_source, play, play_all

from exporter.config import Policy, Queue
from exporter.facts import Run
from exporter.gateway.runs.recovery import SKEW_MS, WINDOW_MS, Verdict, verdict
from exporter.ledger import GatewayRun
from exporter.simulator import Fault, RateLimits

SENT_MS = 1_795_392_000_000
SOURCE = file_source(every_seconds=300)


def intent(**more: Any) -> GatewayRun:
    known: dict[str, Any] = {
        "intent_id": "i1",
        "project_id": "p",
        "fingerprint": "f",
        "request": "r",
        "caller": "c",
        "version": "1",
        "sent_ms": SENT_MS,
    }
    return GatewayRun(**known | more)


def run(run_id: str, after_ms: int | None, trigger: str = "api") -> Run:
    start_ms = None if after_ms is None else SENT_MS + after_ms
    return Run(run_id=run_id, project_id="p", status="running", trigger=trigger, start_ms=start_ms)


class TestVerdict:
    def test_the_only_run_that_matches_is_it(self) -> None:
        runs = [run("a", 1_500)]
        assert verdict(intent(), runs, (), SENT_MS + 61_000, SENT_MS + 61_000) == Verdict(runs[0])

    @pytest.mark.parametrize("after_ms", [-SKEW_MS, 0, None, WINDOW_MS - 1])
    def test_the_window_begins_before_and_ends_after_it_was_sent(self, after_ms: int | None) -> None:
        known_ms = SENT_MS + WINDOW_MS
        assert verdict(intent(), [run("a", after_ms)], (), known_ms, known_ms).run is not None

    @pytest.mark.parametrize(
        "others",
        [
            [],
            [run("a", -SKEW_MS - 1)],
            [run("a", WINDOW_MS)],
            [run("a", 1_000, "scheduled")],
            [run("claimed", 1_000)],
            [run("a", 1_000), run("b", 2_000)],
        ],
    )
    def test_of_none_or_several_it_cannot_be_known(self, others: list[Run]) -> None:
        known_ms = SENT_MS + WINDOW_MS
        found = verdict(intent(), others, {"claimed"}, known_ms, known_ms)
        assert found is not None
        assert found.run is None
        assert found.why

    @pytest.mark.parametrize("known_ms", [None, SENT_MS, SENT_MS + WINDOW_MS - 1])
    def test_before_the_window_is_known_nothing_is_said_of_none(self, known_ms: int | None) -> None:
        assert verdict(intent(), [], (), known_ms, SENT_MS + WINDOW_MS) is None

    def test_a_project_whose_runs_are_not_read_is_given_up_after_an_hour(self) -> None:
        found = verdict(intent(), [], (), None, SENT_MS + 3_600_001)
        assert found is not None
        assert "not known" in found.why


async def crashed_while_sending(world: World, project: str, *, is_received: bool) -> None:
    """Kill the gateway after it has sent a run and before Hex has answered."""
    if is_received:
        world.faults.add(Fault(kind="drip", endpoint="run_project", count=1, seconds=1))
    else:
        world.faults.add(Fault(kind="slow", endpoint="run_project", count=1, seconds=30))
    asking = asyncio.ensure_future(world.run(project))
    await asyncio.sleep(5)
    asking.cancel()
    await world.kill()
    (sent,) = world.ledger.gateway.runs(0)
    assert sent.state == "intended"
    assert world.started() == int(is_received)


def test_a_run_that_hex_has_started_is_found_and_not_sent_again() -> None:
    async def story(world: World, projects: list[str]) -> None:
        await crashed_while_sending(world, projects[3], is_received=True)
        await world.restart()
        assert world.gateway.state.active_runs == 1
        assert projects[3] in world.expected_runs
        await asyncio.sleep(70)
        world.read_runs(projects[3])
        await asyncio.sleep(10)
        (sent,) = world.ledger.gateway.runs(0)
        assert (sent.state, sent.status) == ("started", "completed")
        assert world.simulation.find_run(projects[3], sent.run_id) is not None
        assert world.gateway.state.active_runs == 0
        assert world.requested("run_project") <= 1
        assert await world.counted("hex_gateway_unknown_runs_total") == {}

    play_all(story)


@pytest.mark.slow
def test_a_run_that_cannot_be_found_is_unknown_and_not_sent_again() -> None:
    async def story(world: World, projects: list[str]) -> None:
        await crashed_while_sending(world, projects[3], is_received=False)
        await world.restart()
        await asyncio.sleep(300)
        world.read_runs(projects[3])
        await asyncio.sleep(10)
        assert len(world.gateway._registry.in_doubt()) == 1, "the window is not over"
        assert world.gateway.state.active_runs == 0
        await asyncio.sleep(400)
        world.read_runs(projects[3])
        await asyncio.sleep(10)
        (sent,) = world.ledger.gateway.runs(0)
        assert sent.state == "unknown"
        assert world.gateway.state.active_runs == 0
        assert world.started() == 0
        assert await world.counted("hex_gateway_unknown_runs_total") == {(): 1}
        await world.kill()
        await world.restart()
        assert world.gateway.state.active_runs == 0

    play_all(story)


def test_running_runs_keep_their_places_across_a_crash() -> None:
    async def story(world: World, projects: list[str]) -> None:
        runs = [(one, (await world.run(one)).json()["runId"]) for one in projects[3:6]]
        waiting = asyncio.ensure_future(world.run(projects[6]))
        await asyncio.sleep(1)
        waiting.cancel()
        await world.kill()
        await world.restart()
        assert world.gateway.state.active_runs == 3
        assert world.gateway.state.queue_length == 0
        again = asyncio.ensure_future(world.run(projects[6]))
        await asyncio.sleep(5)
        assert world.started() == 3
        for project, run_id in runs:
            await world.ended(project, run_id)
        assert (await again).headers["X-Hex-Exporter-Cache"] == "miss"
        assert world.started() == 4

    play_all(story, run_seconds=20)


def test_who_has_started_a_project_is_known_after_a_crash() -> None:
    async def story(world: World, projects: list[str]) -> None:
        for token in (ALICE, BOB):
            answer = await world.run(projects[3], token=token, Cache_Control="no-cache")
            await world.ended(projects[3], answer.json()["runId"], token=token)
        running = await world.run(projects[3])
        await world.kill()
        await world.restart()
        joined = await world.run(projects[3], token=BOB)
        assert joined.headers["X-Hex-Exporter-Cache"] == "joined"
        assert joined.json() == running.json()

    play_all(story)


def test_runproject_s_own_limits_hold_across_a_crash() -> None:
    async def story(world: World, projects: list[str]) -> None:
        for number in range(20):
            answer = await world.run(projects[3], {"dryRun": True, "viewId": str(number)})
            assert answer.status_code == 201
        await world.kill()
        await world.restart()
        assert world.gateway._dispatcher.held_seconds("another") > 0

    play_all(story)


def test_running_runs_keep_their_places_though_the_clock_is_put_back_and_the_process_restarted() -> None:
    async def story(world: World, projects: list[str]) -> None:
        for one in projects[3:6]:
            await world.run(one)
        await world.kill()
        world.clock.step(-3 * 3_600)
        await world.restart()
        assert world.gateway.state.active_runs == 3
        waiting = asyncio.ensure_future(world.run(projects[6]))
        await asyncio.sleep(10)
        assert world.started() == 3
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

    play_all(story, run_seconds=10_000)


@pytest.mark.usefixtures("all_runs_complete")
class TestRunsFoundAfterACrash:
    async def _crashed(self, world: World, project: str, body: object) -> str:
        """Killed after Hex has started a run and before its answer was written; the run's id."""
        world.faults.add(Fault(kind="drip", endpoint="run_project", count=1, seconds=1))
        asking = asyncio.ensure_future(world.run(project, body))
        await asyncio.sleep(0.5)
        asking.cancel()
        await world.kill()
        await world.restart()
        return str(next(iter(world.simulation.newest(project))).run_id)

    def test_it_is_joined_and_its_answer_is_made_of_what_hex_shows(self) -> None:
        async def story(world: World, project: str) -> None:
            usual = (await world.run(world.projects[4])).json()
            run_id = await self._crashed(world, project, {"inputParams": {"x": 1}})
            await asyncio.sleep(70)
            world.read_runs(project)
            await asyncio.sleep(5)
            again = await world.run(project, {"inputParams": {"x": 1}})
            assert cache(again) == "joined"
            assert world.started(project) == 1
            found = again.json()
            assert found["runId"] == run_id
            assert found.keys() >= {"projectId", "runId", "runUrl", "runStatusUrl", "traceId", "projectVersion"}
            for name, value in usual.items():
                assert type(found[name]) is type(value)
            assert found["runStatusUrl"] == f"https://gateway.test/api/v1/projects/{project}/runs/{run_id}"
            assert found["runUrl"].endswith(f"/app/{project}/runs/{run_id}")

        play(story, run_seconds=300, policies=(Policy(join="always", shared=True),))

    def test_a_request_that_waits_for_it_is_given_it(self) -> None:
        async def story(world: World, project: str) -> None:
            run_id = await self._crashed(world, project, None)
            again = asyncio.ensure_future(world.run(project))
            await asyncio.sleep(65)
            world.read_runs(project)
            answer = await again
            if answer.status_code == 429:
                answer = await world.run(project)
            assert (cache(answer), answer.json()["runId"]) == ("joined", run_id)
            assert world.started(project) == 1

        play(story, run_seconds=300, queue=Queue(wait_seconds=100.0))

    def test_its_result_is_a_hit(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project, {"inputParams": {"other": 1}})
            run_id = await self._crashed(world, project, None)
            await asyncio.sleep(70)
            world.read_runs(project)
            await asyncio.sleep(10)
            for _ in range(2):
                again = await world.run(project)
                assert (cache(again), again.json()["runId"]) == ("hit", run_id)
                assert again.json()["runStatusUrl"].startswith("https://gateway.test/")
            assert world.started(project) == 2

        play(story, run_seconds=10, sources=(SOURCE,), limits=RateLimits.documented())
