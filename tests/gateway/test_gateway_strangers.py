"""A stranger cannot shut the gateway: made-up tokens, unfinished bodies and long heads cost real callers nothing."""

import asyncio
import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from gateway_world import ALICE, BOB, World, bearer, cache, opened, play, play_all
from helpers.sizes import size
from helpers.virtual import LoopClock, in_virtual_time

from exporter.config import AllowedCaller, Queue, RateLimit
from exporter.gateway import request_body
from exporter.gateway.access import callers as callers_module
from exporter.gateway.access.door import MOST_WAITING, SHARE
from exporter.simulator import Fault, Token, Tokens
from exporter.simulator.tokens import only

pytestmark = pytest.mark.slow

STRANGERS = size(60, 200)
"""Each knocks once a second: 60 already come sixty times as fast as Hex lets them."""


def stranger(number: int) -> str:
    return f"hxtp_{number:096x}"


def client_at(world: World, address: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=world.app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://gateway", timeout=None)


async def read_for(world: World, token: str, minutes: int) -> list[float]:
    """What each of a caller's reads took, one every six seconds; each is one that has to reach Hex."""
    taken = []
    for number in range(minutes * 10):
        began = world.clock.monotonic()
        answer = await world.client.get(f"/api/v1/users?limit={number + 1}", headers=bearer(token))
        assert answer.status_code == 200, answer.text
        taken.append(world.clock.monotonic() - began)
        await asyncio.sleep(max(0.0, 6 - taken[-1]))
    return taken


async def knock(world: World, number: int, statuses: list[int]) -> None:
    """A stranger that never stops trying, now with one request and now with another."""
    token, project = stranger(number), world.projects[number % 10]
    async with client_at(world, f"10.{number // 250}.0.{number % 250}") as client:
        while True:
            for method, path in (("GET", "/api/v1/users"), ("POST", f"/api/v1/projects/{project}/runs")):
                answer = await client.request(method, path, headers=bearer(token))
                statuses.append(answer.status_code)
                await asyncio.sleep(1)


@contextmanager
def knocking(world: World, count: int) -> Iterator[list[int]]:
    statuses: list[int] = []
    tasks = [asyncio.ensure_future(knock(world, number, statuses)) for number in range(count)]
    try:
        yield statuses
    finally:
        for task in tasks:
            task.cancel()


def p95(taken: list[float]) -> float:
    return sorted(taken)[math.ceil(len(taken) * 0.95) - 1]


def test_strangers_cost_known_callers_nothing_and_hex_5_percent_of_the_rate() -> None:
    async def live(clock: LoopClock) -> None:
        found = []
        for count in (0, STRANGERS):
            async with opened(clock, tokens=only([ALICE, BOB])) as world:
                for token in (ALICE, BOB):
                    await world.client.get("/api/v1/users/me", headers=bearer(token))
                await asyncio.sleep(70)
                before = len(world.sent)
                with knocking(world, count) as statuses:
                    taken = await asyncio.gather(read_for(world, ALICE, 2), read_for(world, BOB, 2))
                    run = await world.run(world.projects[0])
                assert cache(run) == "miss"
                strange = [
                    headers
                    for _, _, headers in world.sent[before:]
                    if headers["authorization"].split()[1] not in (ALICE, BOB)
                ]
                assert set(statuses) <= {401, 429}
                found.append((max(p95(one) for one in taken), len(strange)))
        (alone, _), (beside, questions) = found
        assert beside <= max(1.5 * alone, 3.0)
        per_minute = world.pace.callers_allowed_per_minute
        assert 0 < questions <= SHARE * per_minute * (2 + 1) + 1

    in_virtual_time(live)


def test_one_question_at_a_time_and_a_refused_token_is_not_asked_about_again_for_a_minute() -> None:
    async def story(world: World, project: str) -> None:
        for _ in range(5):
            answer = await world.run(project, token=BOB)
            assert (answer.status_code, answer.text) == (401, "Unauthorized")
            assert "invalid_token" in answer.headers["WWW-Authenticate"]
        assert len(world.sent) == 1
        await asyncio.sleep(61)
        assert (await world.run(project, token=BOB)).status_code == 401
        assert len(world.sent) == 2

    play(story, tokens=only([ALICE]))


def test_a_second_unknown_token_waits_while_hex_is_slow_about_the_first() -> None:
    async def story(world: World, project: str) -> None:
        world.faults.add(Fault(kind="slow", endpoint="project", count=1, seconds=5))
        began = world.clock.monotonic()
        first = asyncio.ensure_future(world.status(project, "none"))
        await asyncio.sleep(1)
        second = await world.status(project, "none", token=BOB)
        assert (second.status_code, (await first).status_code) == (404, 404)
        assert world.clock.monotonic() - began == pytest.approx(5, abs=0.5)

    play(story)


def test_a_token_that_hex_has_just_begun_to_refuse_is_a_stranger() -> None:
    known = {ALICE: Token(account=ALICE, is_workspace=True)}

    async def story(world: World, project: str) -> None:
        assert (await world.client.get("/api/v1/users", headers=bearer(ALICE))).status_code == 200
        del known[ALICE]
        for _ in range(3):
            assert (await world.client.get("/api/v1/users", headers=bearer(ALICE))).status_code == 401
        assert len(world.sent) == 3  # the door's question, the read, and the read that was refused

    play(story, tokens=Tokens(known))


def test_a_new_token_among_strangers_gets_in_by_its_own_address() -> None:
    async def story(world: World, project: str) -> None:
        async with client_at(world, "192.0.2.1") as crowd:
            waiting = [
                asyncio.ensure_future(crowd.get("/api/v1/users", headers=bearer(stranger(number))))
                for number in range(MOST_WAITING)
            ]
            await asyncio.sleep(1)
            # Most of one address's are sent away at once, with a time to come back.
            refused = [one.result() for one in waiting if one.done() and one.result().status_code == 429]
            assert len(refused) > MOST_WAITING / 2
            assert all(int(one.headers["Retry-After"]) >= 1 for one in refused)
            began = world.clock.monotonic()
            answer = await world.client.get("/api/v1/users", headers=bearer(ALICE))
            while answer.status_code == 429:
                await asyncio.sleep(int(answer.headers["Retry-After"]))
                answer = await world.client.get("/api/v1/users", headers=bearer(ALICE))
            assert answer.status_code == 200
            assert world.clock.monotonic() - began < 150
            for one in waiting:
                one.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    play(story, tokens=only([ALICE]))


def test_the_wait_for_the_lane_is_part_of_what_a_client_waits() -> None:
    async def story(world: World, project: str) -> None:
        crowd = [asyncio.ensure_future(world.status(project, "none", token=stranger(number))) for number in range(10)]
        await asyncio.sleep(1)
        began = world.clock.monotonic()
        async with client_at(world, "192.0.2.1") as client:
            headers = {**bearer(ALICE), "Prefer": "wait=9"}
            answer = await client.post(f"/api/v1/projects/{project}/runs", headers=headers)
        assert answer.status_code == 429
        assert world.clock.monotonic() - began <= 11
        for one in crowd:
            one.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)

    play(story, tokens=only([ALICE]))


def test_callers_of_an_earlier_process_are_known_at_once() -> None:
    async def story(world: World, project: str) -> None:
        await world.run(project)
        await world.kill()
        await world.restart()
        before = len(world.sent)
        await world.client.get("/api/v1/users", headers=bearer(ALICE))
        assert len(world.sent) == before + 1

    play(story)


class TestClosedDoor:
    def test_only_the_callers_that_are_named_come_in_and_hex_is_not_asked_about_others(self) -> None:
        allowed = (AllowedCaller(token_sha256=hashlib.sha256(ALICE.encode()).hexdigest()),)

        async def story(world: World, project: str) -> None:
            assert (await world.run(project, token=BOB)).status_code == 401
            assert world.sent == []
            assert cache(await world.run(project)) == "miss"

        play(story, callers=allowed)

    def test_a_client_certificate_opens_it(self) -> None:
        async def story(world: World, project: str) -> None:
            for names, status in ((frozenset({"airflow.example"}), 200), (frozenset({"x.example"}), 401)):
                app = with_certificate(world, names)
                async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://g") as client:
                    answer = await client.get("/api/v1/users", headers=bearer(ALICE))
                assert answer.status_code == status

        play(story, callers=(AllowedCaller(certificate="airflow.example"),))

    def test_a_heavier_caller_has_more_turns_while_the_rate_is_short(self) -> None:
        allowed = tuple(
            AllowedCaller(token_sha256=hashlib.sha256(token.encode()).hexdigest(), weight=weight)
            for token, weight in ((ALICE, 3), (BOB, 1))
        )

        async def story(world: World, projects: list[str]) -> None:
            order: list[str] = []

            async def read(token: str, number: int) -> None:
                await world.client.get(f"/api/v1/users?limit={number}", headers=bearer(token))
                order.append(token)

            for token in (ALICE, BOB):
                await read(token, 500)
            crowd = [asyncio.ensure_future(read(ALICE, number)) for number in range(1, 24)]  # the rate is used up
            await asyncio.sleep(1)
            del order[:]
            crowd += [asyncio.ensure_future(read(BOB, number)) for number in range(1, 13)]
            crowd += [asyncio.ensure_future(read(ALICE, number)) for number in range(30, 42)]
            await asyncio.sleep(63)
            first = order[:16]
            assert (first.count(ALICE), first.count(BOB)) == (12, 4)
            for one in crowd:
                one.cancel()
            await asyncio.gather(*crowd, return_exceptions=True)

        play_all(story, callers=allowed, queue=Queue(wait_seconds=100))


def with_certificate(world: World, names: frozenset[str]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await world.app({**scope, "state": {"certificate_names": names}}, receive, send)

    return app


class Unfinished:
    """A POST whose body never ends."""

    def __init__(self, world: World, token: str, *, address: str = "127.0.0.1", piece: bytes = b"x") -> None:
        self.status = 0
        self.read = 0
        self._piece = piece
        path = f"/api/v1/projects/{world.projects[0]}/runs"
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "scheme": "http",
            "client": (address, 123),
            "headers": [(name.lower().encode(), value.encode()) for name, value in bearer(token).items()],
        }
        self.task = asyncio.ensure_future(world.app(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if self.read < 1024 * 1024 - 1024:
            self.read += len(self._piece)
            return {"type": "http.request", "body": self._piece, "more_body": True}
        await asyncio.Event().wait()
        raise AssertionError

    async def _send(self, message: Any) -> None:
        self.status = message.get("status", self.status)


class TestBodies:
    def test_unfinished_bodies_of_known_callers_are_timed_and_bounded_by_address(self) -> None:
        async def story(world: World, project: str) -> None:
            await world.status(project, "none")
            await world.status(project, "none", token=BOB)
            piece = b"x" * 64 * 1024
            crowd = [Unfinished(world, ALICE, address="10.0.0.1", piece=piece) for _ in range(64)]
            await asyncio.sleep(1)
            assert cache(await world.run(project, token=BOB)) == "miss"
            await asyncio.sleep(request_body.READ_SECONDS)
            assert {one.status for one in crowd} == {408, 503}
            assert len(world.app._held) == 0

        play(story)

    def test_of_a_stranger_hardly_anything_is_read(self) -> None:
        async def story(world: World, project: str) -> None:
            await world.status(project, "none")
            crowd = [Unfinished(world, stranger(number), piece=b"x" * 16 * 1024) for number in range(5)]
            await asyncio.sleep(30)
            assert {one.status for one in crowd} == {401}
            assert max(one.read for one in crowd) <= 2 * request_body.UNKNOWN_BODY_BYTES

        play(story, tokens=only([ALICE]))


def test_memory_of_tokens_reaches_a_plateau(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callers_module, "MOST_CALLERS", 50)

    async def live(clock: LoopClock) -> None:
        async with opened(clock, tokens=only([ALICE])) as world:
            callers = world.gateway._callers
            for number in range(1_000):
                callers.refuse(callers.name(stranger(number).encode()))
                callers.prove_run(callers.name(stranger(number + 5_000).encode()), "p")
            async with client_at(world, "192.0.2.1") as crowd:
                waiting = [
                    asyncio.ensure_future(crowd.get("/api/v1/users", headers=bearer(stranger(10_000 + number))))
                    for number in range(500)
                ]
                await asyncio.sleep(5)
                assert len(world.gateway._door._line) <= MOST_WAITING
                await asyncio.sleep(200)
                await asyncio.gather(*waiting)
            assert [len(known) for known in (callers._accepted, callers._refused, callers._started)] == [50, 50, 50]
            assert len(world.gateway._door._line) == 0
            assert len(world.app._held) == 0

    in_virtual_time(live)


@pytest.mark.parametrize("per_minute", [10, 30, 90])
def test_after_its_first_minute_the_lane_takes_5_percent_of_any_minute_however_quiet_it_was_before(
    per_minute: int,
) -> None:
    async def story(world: World, project: str) -> None:
        await world.client.get("/api/v1/users/me", headers=bearer(ALICE))
        await asyncio.sleep(3_600)
        times: list[float] = []
        send = world.gateway._context.upstream.send

        async def timed(request: Any) -> Any:
            times.append(world.clock.monotonic())
            return await send(request)

        world.gateway._context.upstream.send = timed  # type: ignore[method-assign]
        with knocking(world, 8):
            await asyncio.sleep(600)
        most = max(1, int(SHARE * world.pace.callers_allowed_per_minute))
        fullest = max(sum(0 <= other - at < 60 for other in times) for at in times)
        assert fullest == most
        assert len(times) > most * 4

    play(story, tokens=only([ALICE]), rate_limit=RateLimit(per_minute=per_minute, per_hour=60 * per_minute))
