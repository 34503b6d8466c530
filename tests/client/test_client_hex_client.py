"""Starting runs and waiting for them: whatever Hex answers, never two runs for one call."""

import asyncio
import threading
from typing import Any

import pytest
from hex_of_states import TOKEN, HexOfStates
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.client import AsyncHexClient, HexClient, RunFailedError, RunInDoubtError, RunTimeoutError
from exporter.errors import ApiError, RefusedError


@pytest.fixture
def hex_api() -> HexOfStates:
    return HexOfStates()


def run(hex_api: HexOfStates, *arguments: Any, **more: Any) -> Any:
    async def one() -> Any:
        async with hex_api.client() as client:
            return await client.run("p", *arguments, **more)

    return asyncio.run(one())


class TestRun:
    def test_it_waits_over_pending_and_running_to_the_end(self, hex_api: HexOfStates) -> None:
        found = run(hex_api, {"region": "north"})

        assert (found.status, found.run_id, found.url) == (
            "completed",
            "run-1",
            "https://hex.test/run-1",
        )
        assert found.is_completed
        assert hex_api.started == [{"inputParams": {"region": "north"}}]

    @pytest.mark.parametrize("end", ["ERRORED", "KILLED", "UNABLE_TO_ALLOCATE_KERNEL"])
    def test_every_other_end_is_an_end(self, hex_api: HexOfStates, end: str) -> None:
        hex_api.states = ["RUNNING", end]
        found = run(hex_api)

        assert found.status == end.lower()
        with pytest.raises(RunFailedError, match=found.status):
            found.raise_for_status()

    def test_a_state_that_is_not_known_is_no_end_until_the_run_has_one(self, hex_api: HexOfStates) -> None:
        hex_api.states = ["HIBERNATING", "COMPLETED"]
        assert run(hex_api).is_completed
        hex_api.states, hex_api.end = ["EVICTED"], "2026-11-28T12:00:00Z"
        with pytest.raises(RunFailedError, match="evicted"):
            run(hex_api).raise_for_status()

    @pytest.mark.parametrize("busy", [409, 429, 503])
    def test_a_refusal_that_says_when_is_waited_out(self, hex_api: HexOfStates, busy: int) -> None:
        hex_api.starts = [busy, busy]
        began = hex_api.clock.monotonic()
        run(hex_api, wait=False)

        assert hex_api.clock.monotonic() - began == 14
        assert len(hex_api.started) == 1

    def test_polls_go_on_over_errors(self, hex_api: HexOfStates) -> None:
        hex_api.states = ["RUNNING", 500, 429, 503, "COMPLETED"]
        assert run(hex_api).is_completed

    def test_an_answer_that_is_lost_is_a_doubt_and_not_sent_again(self, hex_api: HexOfStates) -> None:
        hex_api.starts = ["lost"]
        with pytest.raises(RunInDoubtError, match="not known"):
            run(hex_api)
        assert len(hex_api.started) == 1

    def test_a_422_is_raised_as_it_is(self, hex_api: HexOfStates) -> None:
        hex_api.starts = [422]
        with pytest.raises(RefusedError):
            run(hex_api)

    def test_a_run_that_takes_too_long_can_be_waited_for_again(self, hex_api: HexOfStates) -> None:
        hex_api.states = ["RUNNING"] * 100 + ["COMPLETED"]
        with pytest.raises(RunTimeoutError) as found:
            run(hex_api, timeout_seconds=60)

        async def resume() -> Any:
            async with hex_api.client() as client:
                return await client.wait("p", found.value.run.run_id)

        assert asyncio.run(resume()).is_completed
        assert len(hex_api.started) == 1

    def test_a_run_that_is_gone_is_an_error(self, hex_api: HexOfStates) -> None:
        async def wait() -> None:
            async with hex_api.client() as client:
                await client.wait("p", "unknown")

        with pytest.raises(ApiError, match="404"):
            asyncio.run(wait())

    @pytest.mark.parametrize("cancels", [True, False])
    def test_a_task_that_is_cancelled_cancels_its_run_only_when_told(self, hex_api: HexOfStates, cancels: bool) -> None:
        hex_api.states = ["RUNNING"]

        async def story() -> None:
            async with hex_api.client() as client:
                began = asyncio.Event()
                task = asyncio.ensure_future(
                    client.run("p", cancel_on_interrupt=cancels, on_started=lambda _: began.set())
                )
                await began.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

        asyncio.run(story())
        assert hex_api.cancelled == (["run-1"] if cancels else [])


class TestConcurrency:
    def test_three_are_active_at_once_whether_they_are_waited_for_or_not(self, hex_api: HexOfStates) -> None:
        async def story() -> None:
            async with hex_api.client() as client:
                await asyncio.gather(*(client.run("p", wait=bool(number % 2)) for number in range(12)))

        asyncio.run(story())
        assert len(hex_api.started) == 12
        assert hex_api.most_active <= 3

    def test_over_threads_too(self, hex_api: HexOfStates) -> None:
        with HexClient(
            "http://hex.test/api/v1", TOKEN, transport=hex_api.transport, clock=hex_api.clock, concurrency=2
        ) as client:
            threads = [threading.Thread(target=client.run, args=("p",)) for _ in range(6)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()

        assert len(hex_api.started) == 6
        assert hex_api.most_active <= 2


class TestToken:
    def test_it_is_that_of_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("HEX_API_TOKEN", raising=False)
        with pytest.raises(ValueError, match="HEX_API_TOKEN"):
            HexClient()

    def test_no_error_shows_it(self, hex_api: HexOfStates) -> None:
        hex_api.starts = [422]
        with pytest.raises(RefusedError) as found:
            run(hex_api)
        assert TOKEN not in repr(found.value) + str(found.value) + repr(vars(AsyncHexClient))


_ANSWERS = st.sampled_from((None, 409, 429, 503, 500, 502, 422, "lost"))
_STATES = st.sampled_from(("PENDING", "RUNNING", "NEW_STATE", 500, 429, 503))
_ENDS = st.sampled_from(("COMPLETED", "ERRORED", "KILLED", "UNABLE_TO_ALLOCATE_KERNEL"))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(st.lists(_ANSWERS, max_size=5), st.lists(_STATES, max_size=6), _ENDS)
def test_one_call_starts_at_most_one_run_whatever_is_answered(starts: list[Any], states: list[Any], end: str) -> None:
    hex_api = HexOfStates([*states, end])
    hex_api.starts = starts
    try:
        found = run(hex_api)
    except (RunInDoubtError, ApiError):
        found = None

    assert len(hex_api.started) <= 1
    if found is not None:
        assert found.status == end.lower()
