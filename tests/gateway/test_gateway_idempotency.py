"""Idempotency keys: who repeats a request gets the same run, whatever became of the connection or the gateway."""

import asyncio
from typing import Any

import httpx
import pytest
from gateway_world import BOB, World, cache, completed, file_source, play

from exporter.config import Policy
from exporter.gateway.cache.idempotency import idempotency_key
from exporter.gateway.cache.run_request import RunRequest, RunRequestError
from exporter.simulator import Fault

pytestmark = pytest.mark.usefixtures("all_runs_complete")

KEY = {"Idempotency_Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
FRESH = {"Cache_Control": "no-cache"}


def run_id(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json()["runId"])


@pytest.mark.slow
def test_no_cache_repeated_while_hex_is_slow_makes_one_run() -> None:
    async def story(world: World, project: str) -> None:
        world.faults.add(Fault(kind="slow", endpoint="run_project", count=1, seconds=18))
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(world.run(project, **KEY, **FRESH), 5)
        answer = await world.run(project, **KEY, **FRESH)
        assert cache(answer) in ("bypass", "joined")
        assert world.started(project) == 1

    play(story, run_seconds=500)


def test_it_would_make_three_without_a_key() -> None:
    async def story(world: World, project: str) -> None:
        for _ in range(3):
            await world.run(project, **FRESH)
        assert world.started(project) == 3

    play(story, run_seconds=500)


@pytest.mark.slow
def test_the_same_run_is_given_while_it_runs_after_its_end_and_after_a_restart() -> None:
    async def story(world: World, project: str) -> None:
        first = await world.run(project, {"a": 1}, **KEY, **FRESH)
        running = await world.run(project, {"a": 1}, **KEY, **FRESH)
        await world.ended(project, run_id(first))
        over = await world.run(project, {"a": 1.0}, **KEY)
        await world.kill()
        await world.restart()
        later = await world.run(project, {"a": 1}, **KEY, **FRESH)
        assert [cache(one) for one in (first, running, over, later)] == ["bypass", "joined", "hit", "hit"]
        assert {run_id(one) for one in (first, running, over, later)} == {run_id(first)}
        assert later.json() == first.json()
        await world.clock.skip(86_400)
        assert run_id(await world.run(project, {"a": 1}, **KEY, **FRESH)) != run_id(first)

    play(story, run_seconds=50)


def test_two_at_once_share_one_run() -> None:
    async def story(world: World, project: str) -> None:
        answers = await asyncio.gather(*(world.run(project, **KEY, **FRESH) for _ in range(4)))
        assert sorted(map(cache, answers)) == ["bypass", "joined", "joined", "joined"]
        assert world.started(project) == 1

    play(story)


def test_a_hit_is_remembered_too() -> None:
    source = file_source()

    async def story(world: World, project: str) -> None:
        world.probe(source, project, "state-1")
        await completed(world, project)
        hit = await world.run(project, **KEY)
        assert cache(hit) == "hit"
        world.probe(source, project, "state-2")
        assert run_id(await world.run(project, **KEY)) == run_id(hit)
        assert run_id(await world.run(project)) != run_id(hit)

    play(story, sources=(source,))


def test_a_key_with_another_request_is_refused() -> None:
    async def story(world: World, project: str) -> None:
        await world.run(project, {"a": 1}, **KEY)
        for other in (world.run(project, {"a": 2}, **KEY), world.run(world.projects[4], {"a": 1}, **KEY)):
            answer = await other
            assert answer.status_code == 422
            assert "use a new key" in answer.json()["message"]
        assert (await world.run(project, {"a": 2}, token=BOB, **KEY)).status_code == 201, (
            "callers have keys of their own"
        )

    play(story)


def test_a_key_whose_run_hex_has_refused_may_be_used_again() -> None:
    async def story(world: World, project: str) -> None:
        world.faults.add(Fault(kind="422", endpoint="run_project", count=1))
        assert (await world.run(project, **KEY, **FRESH)).status_code == 422
        assert cache(await world.run(project, **KEY, **FRESH)) == "bypass"

    play(story)


def test_a_key_whose_run_is_in_doubt_waits_and_gets_it() -> None:
    async def story(world: World, project: str) -> None:
        world.faults.add(Fault(kind="drip", endpoint="run_project", count=1, seconds=1))
        asking = asyncio.ensure_future(world.run(project, **KEY, **FRESH))
        await asyncio.sleep(0.5)
        asking.cancel()
        await world.kill()
        await world.restart()
        in_doubt = await world.run(project, **KEY, **FRESH)
        assert in_doubt.status_code == 409
        assert int(in_doubt.headers["Retry-After"]) >= 1
        await asyncio.sleep(20)
        world.read_runs(project)
        again = await world.run(project, **KEY, **FRESH)
        assert cache(again) == "joined"
        assert world.started(project) == 1

    play(story, run_seconds=500)


def test_the_key_does_not_reach_hex() -> None:
    async def story(world: World, project: str) -> None:
        await world.run(project, **KEY, **FRESH)
        assert all("idempotency-key" not in headers for _, _, headers in world.sent)

    play(story)


def of(*values: bytes) -> Any:
    headers = [(b"Idempotency-Key", value) for value in values]
    return idempotency_key(headers, "caller", "p", RunRequest({}), is_trial=False)


def test_a_key_is_a_string_in_quotes_or_a_word() -> None:
    assert of() is None
    assert of(b'"abc"') == of(b"abc") == of(b' "abc" ')
    assert of(b'"a\\"b"') is not None
    for values in ((b"",), (b'""',), (b'"abc',), (b"a b",), (b"a", b"a"), (b'"a";b=1',), (b'"' + b"a" * 256 + b'"',)):
        with pytest.raises(RunRequestError, match="no string"):
            of(*values)


def test_a_policy_that_shares_no_run_still_gives_a_key_its_run() -> None:
    async def story(world: World, project: str) -> None:
        first = await world.run(project, **KEY)
        assert run_id(await world.run(project, **KEY)) == run_id(first)
        assert run_id(await world.run(project)) != run_id(first)

    play(story, policies=(Policy(join="never"),))
