"""Sums over runs: what the database adds up is what going through every run would come to."""

from collections import defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.facts import Run
from exporter.ledger import RunProgress, open_ledger

HOUR_MS = 3_600_000
NOW_MS = 1_795_000_000_000

TIMES = st.one_of(st.none(), st.integers(NOW_MS - 50 * HOUR_MS, NOW_MS + 5 * HOUR_MS))
RUNS = st.lists(
    st.builds(
        Run,
        run_id=st.uuids().map(str),
        project_id=st.sampled_from(["p", "q"]),
        status=st.sampled_from(["completed", "errored", "running", "unable_to_allocate_kernel", "melted"]),
        trigger=st.sampled_from(["scheduled", "api", "unknown"]),
        start_ms=TIMES,
        end_ms=TIMES,
        elapsed_ms=st.one_of(st.none(), st.integers(-5, 10**7)),
    ),
    max_size=25,
)
PROGRESS = RunProgress(known_until_ms=NOW_MS, known_from_ms=0)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(runs=RUNS, span=st.tuples(st.integers(0, 60), st.integers(0, 60)))
@pytest.mark.slow
def test_sums_are_those_of_the_runs_one_by_one(manual_clock: Any, runs: list[Run], span: tuple[int, int]) -> None:
    ledger = open_ledger("sqlite://", clock=manual_clock).workspace("w")
    for project_id in ("p", "q"):
        ledger.record_runs(project_id, [run for run in runs if run.project_id == project_id], PROGRESS, NOW_MS)
    start_ms, end_ms = NOW_MS - max(span) * HOUR_MS, NOW_MS - min(span) * HOUR_MS

    expected: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for use in ledger.uses_between(start_ms, end_ms):
        sums = expected[use.project_id, use.trigger, use.status]
        sums[0] += 1
        sums[1] += use.duration_ms
    found = {
        (one.project_id, one.trigger, one.status): [one.runs, one.ms]
        for one in ledger.run_sums.since(start_ms, end_ms)
        if one.runs
    }

    assert found == expected
    assert {kind: list(amount) for kind, amount in ledger.run_sums.between(start_ms, end_ms).items()} == expected


def scheduled(number: int, status: str, start_ms: int, project_id: str = "p") -> Run:
    return Run(
        run_id=f"{project_id}-{number}", project_id=project_id, status=status, trigger="scheduled", start_ms=start_ms
    )


@pytest.fixture
def ledger(manual_clock: Any) -> Any:
    return open_ledger("sqlite://", clock=manual_clock).workspace("w")


def test_the_last_scheduled_runs_are_the_newest_that_ended_with_a_kernel(ledger: Any) -> None:
    runs = [
        scheduled(1, "completed", NOW_MS - 90 * 24 * HOUR_MS),
        scheduled(2, "errored", NOW_MS - 5 * HOUR_MS),
        scheduled(3, "killed", NOW_MS - 4 * HOUR_MS),
        scheduled(4, "unable_to_allocate_kernel", NOW_MS - 3 * HOUR_MS),
        scheduled(5, "running", NOW_MS - 2 * HOUR_MS),
        scheduled(6, "running", NOW_MS - HOUR_MS),
        Run(run_id="api", project_id="p", status="completed", trigger="api", start_ms=NOW_MS),
    ]
    ledger.record_runs("p", runs, PROGRESS, NOW_MS)
    ledger.record_runs("q", [scheduled(1, "completed", NOW_MS, "q")], PROGRESS, NOW_MS)
    ledger.record_gone_runs("p", ["p-6"])

    assert list(ledger.run_sums.last_scheduled(5)) == [
        ("p", "killed"),
        ("p", "errored"),
        ("p", "completed"),
        ("q", "completed"),
    ]
    assert list(ledger.run_sums.last_scheduled(1)) == [("p", "killed"), ("q", "completed")]


def test_the_last_start_is_of_all_time(ledger: Any) -> None:
    ledger.record_runs("p", [scheduled(1, "completed", 5_000), scheduled(2, "completed", 9_000)], PROGRESS, NOW_MS)

    (one,) = ledger.run_sums.since(NOW_MS - HOUR_MS, NOW_MS)

    assert (one.runs, one.ms, one.last_ms) == (0, 0, 9_000)


def test_workspaces_do_not_mix(manual_clock: Any) -> None:
    ledger = open_ledger("sqlite://", clock=manual_clock)
    ledger.workspace("a").record_runs("p", [scheduled(1, "completed", 5_000)], PROGRESS, NOW_MS)

    assert list(ledger.workspace("b").run_sums.since(0, NOW_MS)) == []
    assert list(ledger.workspace("b").run_sums.last_scheduled(3)) == []
