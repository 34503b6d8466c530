"""Everything at once, by chance: what holds for every single answer, and what is left in the end."""

import asyncio
import random
from collections import Counter
from contextlib import suppress

import pytest
from gateway_world import World, file_source, opened
from helpers.sizes import size
from helpers.virtual import LoopClock, in_virtual_time

from exporter.config import Policy, Queue
from exporter.simulator import Fault, RateLimits

pytestmark = pytest.mark.slow

TOKENS = [f"hxtp_{number:02x}" * 1 + "5e" * 40 for number in range(6)]
SECONDS = 600
CONCURRENCY = 3


class Soak:
    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.rng = random.Random(seed)
        self.projects = world.projects[:6]
        self.source = world.config.sources[0]
        self.changed_ms = 0
        self.digest = 0
        self.sent_ms: dict[str, int] = {}
        self.caches: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()

    async def live(self) -> None:
        tasks = [asyncio.ensure_future(self.probe()), asyncio.ensure_future(self.watch())]
        callers = [asyncio.ensure_future(self.call()) for _ in range(25)]
        await asyncio.sleep(SECONDS)
        for task in (*tasks, *callers):
            task.cancel()
        await asyncio.gather(*tasks, *callers, return_exceptions=True)
        for task in (*tasks, *callers):
            if not task.cancelled():
                task.result()

    async def probe(self) -> None:
        """The data changes now and then, and is looked at every half minute; sometimes that fails."""
        while True:
            if self.rng.random() < 0.03:
                self.digest += 1
                self.changed_ms = self.world.now_ms
            if self.rng.random() < 0.05:
                self.world.ledger.sources.record_failure(self.source.key(""), "away", self.world.now_ms)
            else:
                self.world.probe(self.source, "", f"state-{self.digest}")
            await asyncio.sleep(30)

    async def watch(self) -> None:
        """Never more runs at once than are allowed; and the exporter reads its runs."""
        while True:
            active = sum(self.world.simulation.kernels_of(token) for token in TOKENS)
            assert active <= CONCURRENCY
            if self.rng.random() < 0.05:
                self.world.read_runs(self.rng.choice(self.projects))
            await asyncio.sleep(1)

    async def call(self) -> None:
        while True:
            await asyncio.sleep(self.rng.expovariate(1 / 60))
            project, token = self.rng.choice(self.projects), self.rng.choice(TOKENS)
            body = {"inputParams": {"n": self.rng.randrange(2)}}
            headers = {"Cache_Control": "no-cache"} if self.rng.random() < 0.03 else {}
            if self.rng.random() < 0.05:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.world.run(project, body, token=token), self.rng.uniform(0, 20))
                continue
            try:
                answer = await self.world.run(project, body, token=token, **headers)
            except RuntimeError:  # the gateway was killed under way, and its client closed
                continue
            self.statuses[answer.status_code] += 1
            if answer.status_code != 201:
                assert answer.status_code in (429, 500, 502, 503), answer.text
                continue
            cache, run_id = answer.headers["X-Hex-Exporter-Cache"], answer.json()["runId"]
            self.caches[cache] += 1
            assert self.world.simulation.find_run(project, run_id) is not None
            if cache == "hit":
                self.judge(run_id)
            if self.rng.random() < 0.05:
                assert (await self.world.cancel(project, run_id, token=token)).status_code in (204, 400, 429, 500, 502)
            elif self.rng.random() < 0.7:
                await self.world.ended(project, run_id, token=token)

    def judge(self, run_id: str) -> None:
        """A hit is a completed run that was sent when the source was as it was last seen to be."""
        run = self.world.ledger.gateway.run(run_id)
        assert run is not None
        assert run.status == "completed"
        state = self.world.ledger.sources.states()[self.source.key("")]
        assert run.source_digest == state.digest
        assert state.failure is None
        assert run.sent_ms >= (state.changed_ms or 0)


@pytest.mark.parametrize("seed", range(size(1, 4)))
def test_everything_at_once(seed: int) -> None:
    async def live(clock: LoopClock) -> None:
        settings = {
            "sources": (file_source(every_seconds=60),),
            "policies": (Policy(shared=True),),
            "queue": Queue(length=30, per_caller=5, wait_seconds=40),
            "limits": RateLimits.documented(),
            "run_seconds": 25,
        }
        async with opened(clock, **settings) as world:
            for kind, chance in (("429", 0.01), ("500", 0.01), ("502", 0.005)):
                world.faults.add(Fault(kind=kind, probability=chance, retry_after=5))
            soak = Soak(world, seed)
            await soak.live()
            world.faults.clear()
            # What is left is served or given up, and every place becomes free.
            for _ in range(20):
                await asyncio.sleep(60)
                for project in soak.projects:
                    world.read_runs(project)
            assert world.gateway.state == type(world.gateway.state)(0, 0)
            assert world.gateway._registry.pending() == []
            assert world.gateway._registry.running() == []

            requests = await world.counted("hex_gateway_requests_total")
            assert world.started() == requests["miss",] + requests["bypass",]
            assert requests["hit",] >= soak.caches["hit"]
            lookups = (await world.counted("hex_cache_lookups_total")).total()
            hits = (await world.counted("hex_cache_hits_total")).total()
            assert lookups - hits == requests["miss",]
            assert hits == requests["hit",] + requests["joined",]
            assert await world.counted("hex_gateway_stale_hits_total") == {}
            assert await world.counted("hex_gateway_unknown_runs_total") == {}
            assert soak.caches["hit"] > 0
            assert soak.caches["joined"] > 0
            throttled = sum(count for (_, code), count in world.service.tally.items() if code == "429")
            assert (await world.counted("hex_api_rate_limited_total")).total() == throttled
            assert (await world.counted("hex_gateway_absorbed_total"))["rate_limit",] == throttled

    in_virtual_time(live)


def test_everything_at_once_with_a_crash_every_few_minutes() -> None:
    async def live(clock: LoopClock) -> None:
        settings = {"sources": (file_source(every_seconds=60),), "policies": (Policy(shared=True),), "run_seconds": 25}
        async with opened(clock, **settings) as world:
            soak = Soak(world, 7)

            async def crash() -> None:
                while True:
                    await asyncio.sleep(soak.rng.uniform(60, 200))
                    await world.kill()
                    await asyncio.sleep(soak.rng.uniform(0, 20))
                    await world.restart()

            crashing = asyncio.ensure_future(crash())
            await soak.live()
            crashing.cancel()
            await asyncio.gather(crashing, return_exceptions=True)
            await world.kill()
            await world.restart()
            for _ in range(18):
                await asyncio.sleep(300)
                for project in soak.projects:
                    world.read_runs(project)
            assert world.gateway.state == type(world.gateway.state)(0, 0)
            sent = world.ledger.gateway.runs(0)
            assert "intended" not in {run.state for run in sent}
            # Every run that Hex has started is known, once, but for those that cannot be distinguished.
            known = [run.run_id for run in sent if run.run_id is not None]
            assert len(known) == len(set(known))
            unknown = sum(run.state == "unknown" for run in sent)
            assert len(known) <= world.started() <= len(known) + unknown
            assert soak.caches["hit"] > 0

    in_virtual_time(live)
