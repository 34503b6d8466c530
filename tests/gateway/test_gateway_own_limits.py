"""A 429 of an endpoint that has a limit of its own holds that endpoint for that caller, and nothing else."""

import asyncio

import httpx
import pytest
from gateway_world import ALICE, BOB, World, bearer, cache, play

from exporter.hexapi import Exchanger
from exporter.simulator import Token, Tokens

pytestmark = pytest.mark.usefixtures("all_runs_complete", "quiet")

BOTH = Tokens({name: Token(account=name, is_workspace=True) for name in (ALICE, BOB)})
IMAGE = "/api/v1/cells/5a8f0000-0000-4000-8000-000000000000/image"
RUN_IMAGE = "/api/v1/projects/{project}/runs/5a8f/cells/5b8f/image"
THREAD = "/api/v1/threads"
INGEST = "/api/v1/semantic-models/5a8f/ingest"


class Refusals:
    """Hex, which answers these paths with what is left of a list, and with 200 thereafter."""

    def __init__(self, world: World, *answers: httpx.Response) -> None:
        self.left = list(answers)
        self.times: list[float] = []
        inner = world.transport

        async def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path.endswith(("/image", "/threads", "/ingest")):
                self.times.append(world.clock.monotonic())
                return self.left.pop(0) if self.left else httpx.Response(200, content=b"{}")
            return await inner.handle_async_request(request)

        world.gateway._context.upstream._http = Exchanger(transport=httpx.MockTransport(answer))


def refused(**headers: str) -> httpx.Response:
    return httpx.Response(429, headers={name.replace("_", "-"): value for name, value in headers.items()})


async def send(world: World, method: str, path: str, token: str = ALICE) -> httpx.Response:
    return await world.client.request(method, path, headers=bearer(token))


ANNOUNCED = refused(Retry_After="40")
RESET = refused(RateLimit_Limit="3", RateLimit_Remaining="0", RateLimit_Reset="40")


@pytest.mark.parametrize(
    ("method", "path", "answer"),
    [
        ("GET", IMAGE, ANNOUNCED),
        ("GET", IMAGE, RESET),
        ("GET", IMAGE, refused()),
        ("GET", RUN_IMAGE, ANNOUNCED),
        ("POST", THREAD, ANNOUNCED),
        ("POST", INGEST, RESET),
    ],
)
def test_everything_else_goes_on(method: str, path: str, answer: httpx.Response) -> None:
    async def story(world: World, project: str) -> None:
        run_id = (await world.run(project)).json()["runId"]
        hex_ = Refusals(world, answer)
        waiting = asyncio.ensure_future(send(world, method, path.format(project=project)))
        await asyncio.sleep(1)
        began = world.clock.monotonic()
        for token in (ALICE, BOB):
            assert (await world.client.get("/api/v1/projects", headers=bearer(token))).status_code == 200
        assert cache(await world.run(project, token=BOB)) == "miss"
        assert (await world.cancel(project, run_id)).status_code == 204
        assert (await send(world, method, path.format(project=project), BOB)).status_code == 200, "its limit is its own"
        assert world.clock.monotonic() - began < 1
        found = await waiting
        if "Retry-After" in answer.headers or "RateLimit-Reset" in answer.headers:
            assert found.status_code == 200
            assert hex_.times[-1] - hex_.times[0] == pytest.approx(40, abs=1)
        else:  # a minute and more is guessed, which is longer than a caller waits
            assert (found.status_code, len(hex_.times)) == (429, 2)
            assert 50 < int(found.headers["Retry-After"]) <= 90

    play(story, tokens=BOTH, run_seconds=100)


def test_the_last_one_of_a_window_holds_only_that_endpoint_too() -> None:
    async def story(world: World, project: str) -> None:
        last = {"RateLimit-Limit": "20", "RateLimit-Remaining": "0", "RateLimit-Reset": "30"}
        hex_ = Refusals(world, httpx.Response(200, content=b"png", headers=last))
        assert (await send(world, "GET", IMAGE)).status_code == 200
        began = world.clock.monotonic()
        assert cache(await world.run(project)) == "miss"
        assert world.clock.monotonic() - began < 1
        assert (await send(world, "GET", IMAGE)).status_code == 200
        assert hex_.times[1] - hex_.times[0] == pytest.approx(30, abs=1)

    play(story, tokens=BOTH)


def test_a_limit_that_is_larger_is_that_of_all_requests() -> None:
    async def story(world: World, project: str) -> None:
        Refusals(world, refused(RateLimit_Limit="60", RateLimit_Remaining="0", RateLimit_Reset="30"))
        began = world.clock.monotonic()
        assert (await send(world, "GET", IMAGE)).status_code == 200
        assert world.clock.monotonic() - began >= 30

    play(story, tokens=BOTH)
