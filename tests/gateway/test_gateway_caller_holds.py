"""A 429 holds the caller that it was given to, where an endpoint has a limit of its own only that endpoint."""

import asyncio
import json
import random
from typing import Any

import httpx
import pytest
from gateway_world import ALICE, BOB, World, bearer, cache, play

from exporter.gateway.upstream.caller_holds import CallerHolds
from exporter.gateway.upstream.reply import Reply
from exporter.hexapi import Exchanger
from exporter.simulator import Fault, Token, Tokens

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


def test_a_429_to_a_read_holds_its_caller_and_no_other_one_nor_the_exporter() -> None:
    async def story(world: World, project: str) -> None:
        for token in (ALICE, BOB):
            assert (await send(world, "GET", "/api/v1/users/me", token)).status_code == 200
        going = (await world.run(project, token=BOB)).json()["runId"]
        await asyncio.sleep(5)
        world.faults.add(Fault(kind="429", endpoint="users", count=1, retry_after=900))
        began = world.clock.monotonic()
        refused = await send(world, "GET", "/api/v1/users", ALICE)
        assert (refused.status_code, int(refused.headers["Retry-After"])) == (429, 900)

        assert (await send(world, "GET", "/api/v1/users", BOB)).status_code == 200
        assert (await world.status(project, going, token=BOB)).status_code == 200
        assert cache(await world.run(world.projects[4], token=BOB)) == "miss"
        assert (await world.cancel(project, going, token=BOB)).status_code == 204
        assert world.pace.wait_seconds() == 0, "the exporter's own"
        before = len(world.sent)
        for method, path in (("GET", "/api/v1/users"), ("POST", f"/api/v1/projects/{project}/runs")):
            found = await send(world, method, path, ALICE)
            assert (found.status_code, 890 < int(found.headers["Retry-After"]) <= 900) == (429, True)
        assert len(world.sent) == before, "nothing more of hers is sent"
        assert world.clock.monotonic() - began < 1
        await asyncio.sleep(900)
        assert (await send(world, "GET", "/api/v1/users", ALICE)).status_code == 200

    play(story, tokens=BOTH, run_seconds=100)


def test_a_429_to_the_exporter_s_own_polling_holds_no_caller() -> None:
    async def story(world: World, project: str) -> None:
        world.pace.throttled("900", {})
        began = world.clock.monotonic()
        assert cache(await world.run(project)) == "miss"
        assert world.clock.monotonic() - began < 1
        assert world.pace.wait_seconds() == pytest.approx(900, abs=1)

    play(story, tokens=BOTH)


def test_a_429_to_one_callers_run_holds_its_runs_and_neither_those_of_others_nor_their_limit() -> None:
    async def story(world: World, project: str) -> None:
        assert cache(await world.run(project)) == "miss"
        assert cache(await world.run(project, token=BOB)) == "miss"
        world.faults.add(Fault(kind="429", endpoint="run_project", count=1, retry_after=30))
        held = asyncio.ensure_future(world.run(project, {"inputParams": {"n": 1}}))
        await asyncio.sleep(1)
        began = world.clock.monotonic()
        for number in range(4):
            other = await world.run(world.projects[4], {"inputParams": {"n": number}}, token=BOB)
            assert cache(other) == "miss"
        assert world.clock.monotonic() - began < 1
        assert not held.done()
        assert cache(await held) == "miss"

    play(story, tokens=BOTH, run_seconds=0.1, concurrency=10)


def test_a_429_to_a_question_about_an_unknown_token_is_waited_out_beside_the_lane() -> None:
    async def story(world: World, project: str) -> None:
        world.faults.add(Fault(kind="429", endpoint="users", count=1, retry_after=20))
        world.faults.add(Fault(kind="429", endpoint="projects", count=1, retry_after=20))
        began = world.clock.monotonic()
        first = asyncio.ensure_future(send(world, "GET", "/api/v1/users/me", ALICE))
        await asyncio.sleep(1)
        assert (await send(world, "GET", "/api/v1/users/me", BOB)).status_code == 200
        assert world.clock.monotonic() - began < 2
        assert (await first).status_code == 200
        assert world.clock.monotonic() - began == pytest.approx(20, abs=1)

    play(story, tokens=BOTH)


class TestWhatA429Says:
    @pytest.fixture
    def kept(self) -> list[dict[str, int]]:
        return []

    @pytest.fixture
    def holds(self, manual_clock: Any, kept: list[dict[str, int]]) -> CallerHolds:
        limits = {"run_project": (20, 60), "chart_image": (20, None)}
        return CallerHolds(manual_clock, random.Random(1), limits, kept.append)

    def test_without_an_announcement_the_wait_is_a_minute_and_doubles(self, holds: CallerHolds, manual_clock) -> None:
        waits = []
        for _ in range(3):
            holds.observe("a", "run_project", answer(429))
            waits.append(holds.seconds("a", "run_project"))
            manual_clock.advance(waits[-1])
        assert [60 <= waits[0] < 90, 120 <= waits[1] < 180, 240 <= waits[2] < 360] == [True] * 3
        holds.observe("a", "run_project", answer(201))
        holds.observe("a", "run_project", answer(429))
        assert 60 <= holds.seconds("a", "run_project") < 90

    def test_answers_to_requests_that_left_together_are_one_refusal(self, holds: CallerHolds) -> None:
        for status in (429, 429, 201, 429):
            holds.observe("a", "run_project", answer(status))
        assert 60 <= holds.seconds("a", "run_project") < 90

    def test_the_longer_of_two_announcements_holds_and_is_taken_up_after_a_restart(
        self, holds, manual_clock, kept
    ) -> None:
        holds.observe("a", "run_project", answer(429, retry_after="20"))
        holds.observe("a", "run_project", answer(429, retry_after="5"))
        holds.observe("b", "users", answer(429, retry_after="30"))
        assert holds.seconds("a", "run_project") == 20
        again = CallerHolds(manual_clock, random.Random(1), {}, kept.append)
        again.restore(json.loads(json.dumps(kept[-1])))
        for endpoint in ("run_project", "users"):
            assert again.held(endpoint) == pytest.approx(holds.held(endpoint), abs=0.01)
        assert holds.held("users") == {"b": 30}

    @pytest.mark.parametrize("kept_before", [None, 0, 1_700_000_000_000, [], "text", {"a": 1}])
    def test_what_an_older_version_kept_is_no_harm(self, holds: CallerHolds, kept_before: object) -> None:
        holds.restore(kept_before)
        assert holds.seconds("a", "users") == 0

    def test_a_window_that_a_start_has_used_up_holds_runs_until_it_ends(self, holds: CallerHolds) -> None:
        said = answer(201, ratelimit_limit="20", ratelimit_remaining="0", ratelimit_reset="40")
        holds.observe("a", "run_project", said)
        assert (holds.seconds("a", "run_project"), holds.seconds("a", "users")) == (40, 0)

    @pytest.mark.parametrize(
        ("limit", "seconds", "is_of_all"),
        [(20, 30, False), (60, 30, True), (30, 30, True), (60, 1_800, False), (1_800, 1_800, True), (12, 30, False)],
    )
    def test_the_limit_that_it_names_decides_what_it_concerns(self, holds, limit, seconds, is_of_all) -> None:
        holds.observe("a", "run_project", answer(429, retry_after=str(seconds), ratelimit_limit=str(limit)))
        assert holds.seconds("a", "run_project") == seconds
        assert holds.seconds("a", "users") == (seconds if is_of_all else 0)
        assert holds.seconds("b", "run_project") == 0

    def test_of_many_holds_the_last_are_remembered(self, holds: CallerHolds, kept) -> None:
        for number in range(1_100):
            holds.observe(str(number), "users", answer(429, retry_after="600"))
        assert len(holds.held("users")) == len(kept[-1]) == 1_000
        assert holds.seconds("1099", "users") == 600


def answer(status: int, **headers: str) -> Reply:
    return Reply(status, [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()], b"")
