"""Run if changed: never a result that a run of now could contradict, and no run where nothing changed."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hex_of_states import TOKEN, HexOfStates
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.client import AsyncRunOptimizer, HexClient, RunOptimizer, configured_source


class Data:
    """What a source function returns; `reads` is how often it was called."""

    def __init__(self, state: Any = 1) -> None:
        self.state = state
        self.reads = 0

    def __call__(self) -> Any:
        self.reads += 1
        return self.state


@pytest.fixture
def hex_api() -> HexOfStates:
    return HexOfStates()


def play(hex_api: HexOfStates, story: Callable[[AsyncRunOptimizer], Any], **more: Any) -> Any:
    async def whole() -> Any:
        async with hex_api.client() as client:
            return await story(AsyncRunOptimizer(client, **more))

    return asyncio.run(whole())


def test_unchanged_data_is_a_hit_and_changed_data_a_run(hex_api: HexOfStates) -> None:
    data = Data()

    async def story(optimizer: AsyncRunOptimizer) -> list[bool]:
        hits = [(await optimizer.run_if_changed("p", source=data)).hit for _ in range(2)]
        data.state = 2
        return [*hits, (await optimizer.run_if_changed("p", source=data)).hit]

    assert play(hex_api, story) == [False, True, False]
    assert len(hex_api.started) == 2


def test_without_a_source_or_forced_it_runs(hex_api: HexOfStates) -> None:
    async def story(optimizer: AsyncRunOptimizer) -> list[bool]:
        await optimizer.run_if_changed("p", source=Data())
        results = [
            await optimizer.run_if_changed("p"),
            await optimizer.run_if_changed("p", source=Data(), force=True),
            await optimizer.run_if_changed("p", source=lambda: None),
        ]
        return [one.hit for one in results]

    assert play(hex_api, story) == [False] * 3


def test_a_trial_runs_on_the_sample_and_answers_only_trials(hex_api: HexOfStates) -> None:
    async def whole() -> list[bool]:
        async with hex_api.client(sample={"sample_rows": 1000}) as client:
            optimizer = AsyncRunOptimizer(client)
            trials = [True, False, True, False]
            return [
                (await optimizer.run_if_changed("p", {"region": "north"}, source=7, trial=one)).hit for one in trials
            ]

    assert asyncio.run(whole()) == [False, False, True, True]
    assert [one.get("inputParams") for one in hex_api.started] == [
        {"region": "north", "sample_rows": 1000},
        {"region": "north"},
    ]


def test_a_trial_without_a_sample_is_refused_and_nothing_is_sent(hex_api: HexOfStates) -> None:
    async def story(optimizer: AsyncRunOptimizer) -> None:
        with pytest.raises(ValueError, match="give the client one"):
            await optimizer.run_if_changed("p", source=7, trial=True)

    play(hex_api, story)

    assert hex_api.started == []


@pytest.mark.parametrize(
    ("change", "hit"),
    [
        (lambda hex_api: None, True),
        (lambda hex_api: setattr(hex_api, "published", "2026-11-27T00:00:00.000Z"), False),
        (lambda hex_api: hex_api.clock.advance(13 * 3600), False),  # past midnight
    ],
)
def test_another_version_or_another_day_is_a_run(hex_api: HexOfStates, change: Any, hit: bool) -> None:
    async def story(optimizer: AsyncRunOptimizer) -> bool:
        await optimizer.run_if_changed("p", source=7)
        change(hex_api)
        return (await optimizer.run_if_changed("p", source=7)).hit

    assert play(hex_api, story) is hit


def test_inputs_are_compared_as_json_compares_them(hex_api: HexOfStates) -> None:
    async def story(optimizer: AsyncRunOptimizer) -> list[bool]:
        requested = ({"a": 1, "b": [1, 2]}, {"b": [1.0, 2], "a": 1.0}, {"a": 2, "b": [1, 2]}, {"a": "1", "b": [1, 2]})
        return [(await optimizer.run_if_changed("p", inputs, source="x")).hit for inputs in requested]

    assert play(hex_api, story) == [False, True, False, False]


@pytest.mark.parametrize("max_age", [60, timedelta(seconds=60)])
def test_max_age_bounds_how_old_a_result_may_be(hex_api: HexOfStates, max_age: Any) -> None:
    async def story(optimizer: AsyncRunOptimizer) -> list[bool]:
        await optimizer.run_if_changed("p", source=1)
        young = await optimizer.run_if_changed("p", source=1, max_age=max_age)
        hex_api.clock.advance(120)
        return [young.hit, (await optimizer.run_if_changed("p", source=1, max_age=max_age)).hit]

    assert play(hex_api, story) == [True, False]


@pytest.mark.parametrize("end", ["ERRORED", "KILLED", "UNABLE_TO_ALLOCATE_KERNEL"])
def test_only_a_completed_run_answers(hex_api: HexOfStates, end: str) -> None:
    hex_api.states = [end]

    async def story(optimizer: AsyncRunOptimizer) -> list[tuple[bool, str]]:
        results = [await optimizer.run_if_changed("p", source=1) for _ in range(2)]
        return [(one.hit, one.status) for one in results]

    assert play(hex_api, story) == [(False, end.lower())] * 2


def test_data_that_changed_while_the_run_read_it_gives_no_hit(hex_api: HexOfStates) -> None:
    states = iter([1, 2, 1, 1])  # before the first run, after it, before the second

    async def story(optimizer: AsyncRunOptimizer) -> list[bool]:
        return [(await optimizer.run_if_changed("p", source=lambda: next(states))).hit for _ in range(2)]

    assert play(hex_api, story) == [False, False]


def test_a_file_remembers_for_the_next_program_and_a_run_that_was_left_running_is_waited_for(
    hex_api: HexOfStates, tmp_path: Path
) -> None:
    async def left(optimizer: AsyncRunOptimizer) -> None:
        hex_api.states = ["RUNNING"]
        task = asyncio.ensure_future(optimizer.run_if_changed("p", source=1))
        while not hex_api.polls.get("run-1"):  # noqa: ASYNC110 - the other task says nothing
            await asyncio.sleep(0)
        task.cancel()

    async def next_day(optimizer: AsyncRunOptimizer) -> Any:
        hex_api.states = ["COMPLETED"]
        return await optimizer.run_if_changed("p", source=1)

    play(hex_api, left, memory=tmp_path / "runs.db")
    found = play(hex_api, next_day, memory=tmp_path / "runs.db")

    assert (found.hit, found.run_id, found.status) == (True, "run-1", "completed")
    assert len(hex_api.started) == 1


def test_requests_at_the_same_time_share_one_run(hex_api: HexOfStates) -> None:
    async def story(optimizer: AsyncRunOptimizer) -> list[bool]:
        results = await asyncio.gather(*(optimizer.run_if_changed("p", source=1) for _ in range(5)))
        return sorted(one.hit for one in results)

    assert play(hex_api, story) == [False, True, True, True, True]


def test_from_a_program_without_a_loop(hex_api: HexOfStates) -> None:
    with HexClient("http://hex.test/api/v1", TOKEN, transport=hex_api.transport, clock=hex_api.clock) as client:
        optimizer = RunOptimizer(client)
        assert [optimizer.run_if_changed("p", source=1).hit for _ in range(2)] == [False, True]


def test_a_configured_source_is_probed(hex_api: HexOfStates, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("1")
    config = tmp_path / "hex.yml"
    config.write_text("sources: [{match: {project_id: p}, file: {paths: [orders.csv]}}]")
    source = configured_source(config, "p")

    async def story(optimizer: AsyncRunOptimizer) -> list[bool]:
        hits = [(await optimizer.run_if_changed("p", source=source)).hit for _ in range(2)]
        (tmp_path / "orders.csv").write_text("1\n2")
        return [*hits, (await optimizer.run_if_changed("p", source=source)).hit]

    assert play(hex_api, story) == [False, True, False]
    with pytest.raises(ValueError, match="no entry of `sources`"):
        configured_source(config, "other")


_EVENTS = st.lists(
    st.one_of(
        st.just(("request",)),
        st.just(("request",)),
        st.tuples(st.just("change"), st.integers(0, 2)),
        st.tuples(st.just("end"), st.sampled_from(("COMPLETED", "ERRORED"))),
        st.just(("publish",)),
    ),
    max_size=14,
)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(_EVENTS)
def test_no_hit_is_ever_older_than_a_change_and_no_call_starts_two_runs(events: list[Any]) -> None:
    hex_api, data = HexOfStates(["COMPLETED"]), Data(0)

    async def story(optimizer: AsyncRunOptimizer) -> None:
        ran_on: dict[str, tuple[Any, str]] = {}
        for name, *arguments in events:
            match name:
                case "request":
                    before = len(hex_api.started)
                    found = await optimizer.run_if_changed("p", source=data)
                    assert len(hex_api.started) - before == (0 if found.hit else 1)
                    if found.hit:
                        assert found.status == "completed"
                        assert ran_on[found.run_id] == (data.state, hex_api.published)
                    ran_on.setdefault(found.run_id, (data.state, hex_api.published))
                case "change":
                    (data.state,) = arguments
                case "end":
                    hex_api.states = [arguments[0]]
                case "publish":
                    hex_api.published += "x"

    play(hex_api, story)
