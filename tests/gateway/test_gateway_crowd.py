"""Many clients at once, against Hex's real limits: no one sees a 429 of Hex, and nothing runs twice."""

import asyncio
from collections import Counter

import httpx
import pytest
from gateway_world import ALICE, World, file_source, opened, together
from helpers.sizes import size
from helpers.virtual import LoopClock, in_virtual_time

pytestmark = pytest.mark.slow

CLIENTS = 100
FINGERPRINTS = 20


class Client:
    """A client as schedulers are: it asks until it is given a run, then polls every three seconds until that ends."""

    def __init__(self, world: World, project_id: str, body: object, *, token: str = ALICE) -> None:
        self.world = world
        self.project_id = project_id
        self.body = body
        self.token = token
        self.statuses: list[int] = []
        self.cache = ""
        self.run_id = ""
        self.end = ""

    async def live(self) -> None:
        while True:
            answer = await self.world.run(self.project_id, self.body, token=self.token)
            self.statuses.append(answer.status_code)
            if answer.status_code == 201:
                break
            assert answer.status_code == 429, answer.text
            assert answer.json()["code"] == "TOO_MANY_REQUESTS"
            await asyncio.sleep(int(answer.headers["Retry-After"]))
        self.cache = answer.headers["X-Hex-Exporter-Cache"]
        self.run_id = answer.json()["runId"]
        self.end = await self.world.ended(self.project_id, self.run_id, token=self.token)


async def most_at_once(world: World, clients: asyncio.Task[object]) -> int:
    """The most runs that Hex had active at any look."""
    most = 0
    while not clients.done():
        most = max(most, world.simulation.kernels_of(ALICE))
        await asyncio.sleep(0.5)
    return most


def test_100_clients_over_20_fingerprints_start_20_runs_three_at_a_time() -> None:
    async def live(clock: LoopClock) -> None:
        async with opened(clock) as world:
            projects = world.projects[:10]
            clients = [
                Client(world, projects[number % 10], {"inputParams": {"half": number % FINGERPRINTS // 10}})
                for number in range(CLIENTS)
            ]
            crowd = asyncio.gather(*(client.live() for client in clients))
            most = await most_at_once(world, crowd)
            await crowd
            truth = world.started()
            assert truth == FINGERPRINTS
            assert most == 3
            assert len({client.run_id for client in clients}) == FINGERPRINTS
            runs = {
                run.run_id: run.seen(world.now_ms).status for one in world.simulation._requested.values() for run in one
            }
            assert all(client.end.lower() == runs[client.run_id] for client in clients)
            assert world.requested("run_project", "429") + world.requested("run_status", "429") == 0

            caches = Counter(client.cache for client in clients)
            assert caches["miss"] == truth
            requests = await world.counted("hex_gateway_requests_total")
            refused = sum(status == 429 for client in clients for status in client.statuses)
            expected = {(outcome,): count for outcome, count in (caches | Counter(refused=refused)).items() if count}
            assert requests == expected
            lookups = await world.counted("hex_cache_lookups_total")
            hits = await world.counted("hex_cache_hits_total")
            assert lookups.total() == CLIENTS
            assert lookups - hits == Counter({(project,): 2 for project in projects})

    in_virtual_time(live)


@pytest.mark.usefixtures("all_runs_complete")
def test_projects_triggered_each_minute_for_an_hour_run_when_their_source_changes() -> None:
    async def live(clock: LoopClock) -> None:
        source = file_source(every_seconds=90)
        async with opened(clock, sources=(source,), run_seconds=10) as world:
            projects = world.projects[: size(4, 10)]
            count = len(projects)
            clients: list[Client] = []
            waiting: list[asyncio.Task[None]] = []
            for minute in range(60):
                world.probe(source, projects[0], state_in(minute))
                for project in projects:
                    clients.append(Client(world, project, None))
                    waiting.append(asyncio.ensure_future(clients[-1].live()))
                    await asyncio.sleep(60 / count)
            await asyncio.gather(*waiting)

            assert len(clients) == 60 * count
            assert {status for client in clients for status in client.statuses} == {201}
            assert not any(code == "429" for _, code in world.service.tally)
            results = {run.run_id for runs in world.simulation._requested.values() for run in runs}
            assert all(client.run_id in results and client.end == "COMPLETED" for client in clients)
            hits, lookups = await world.counted("hex_cache_hits_total"), await world.counted("hex_cache_lookups_total")
            assert world.started() == 3 * count
            assert (lookups.total(), hits.total()) == (60 * count, 57 * count)
            assert await world.counted("hex_gateway_stale_hits_total") == {}
            assert (await world.counted("hex_cache_saved_seconds_total")).total() == 57 * count * 10_000

    in_virtual_time(live)


@pytest.mark.usefixtures("all_runs_complete")
def test_all_ten_at_once_by_a_client_that_never_polls_are_served_as_well() -> None:
    async def live(clock: LoopClock) -> None:
        source = file_source(every_seconds=90)
        async with opened(clock, sources=(source,), run_seconds=10) as world:
            projects = world.projects[:10]
            waiting: list[asyncio.Future[list[httpx.Response]]] = []
            for minute in range(60):
                world.probe(source, projects[0], state_in(minute))
                waiting.append(asyncio.ensure_future(together(*(world.run(project) for project in projects))))
                await asyncio.sleep(60)
            answers = [answer for burst in await together(*waiting) for answer in burst]

            assert [answer.status_code for answer in answers] == [201] * 600
            assert world.started() == 30
            assert not any(code == "429" for _, code in world.service.tally)
            runs = {run.run_id: run for runs in world.simulation._requested.values() for run in runs}
            assert {runs[answer.json()["runId"]].seen(world.now_ms).status for answer in answers} == {"completed"}
            # One question about all projects in a minute, and about each run until it has ended.
            assert world.requested("project") + world.requested("projects") <= 65
            # Besides: 30 runs, 30 looks at ends, and 30 proofs of the right to run. The data change every 20 minutes
            # and a proof lives for 15 (`rights_ttl`), so that each project needs one more between two of its runs.
            assert sum(world.service.tally.values()) <= 151

    in_virtual_time(live)


def state_in(minute: int) -> str:
    """What a probe of the source sees in that minute of the hour."""
    return f"changed {(minute >= 20) + (minute >= 40)} times"
