"""Counters: held at 0 for 90 seconds once, stored sums ever after."""

import sqlite3
from typing import Any

import pytest

from exporter.errors import LedgerError
from exporter.ledger import BOUNDS_MS, HOLD_MS
from exporter.ledger.histograms import le, observed

SERIES = ("hex_exporter_bad_items_total", ("runs",))


def served(bench: Any, series: tuple[str, tuple[str, ...]] = SERIES) -> int | None:
    values = {(one.metric, one.labels): one.value for one in bench.workspace.counters()}
    return values.get(series)


def test_a_new_series_is_served_as_0_until_90_seconds_have_passed(bench: Any, now_ms: int) -> None:
    bench.workspace.count(*SERIES, 5, now_ms)

    assert served(bench) == 0
    assert not bench.workspace.release_holds(now_ms + HOLD_MS - 1)
    assert served(bench) == 0
    assert bench.workspace.release_holds(now_ms + HOLD_MS)
    assert served(bench) == 5


def test_what_comes_during_the_hold_shows_with_the_release(bench: Any, now_ms: int) -> None:
    bench.workspace.count(*SERIES, 5, now_ms)
    bench.workspace.count(*SERIES, 2, now_ms + 1)

    bench.workspace.release_holds(now_ms + HOLD_MS)

    assert served(bench) == 7


def test_a_released_series_is_never_held_again(bench: Any, now_ms: int) -> None:
    bench.workspace.count(*SERIES, 5, now_ms)
    bench.workspace.release_holds(now_ms + HOLD_MS)
    bench.restart()

    bench.workspace.count(*SERIES, 1, now_ms + 2 * HOLD_MS)

    assert served(bench) == 6
    bench.restart()
    assert served(bench) == 6


def test_a_hold_outlives_a_restart(bench: Any, now_ms: int) -> None:
    bench.workspace.count(*SERIES, 5, now_ms)

    bench.restart()

    assert served(bench) == 0
    bench.workspace.release_holds(now_ms + HOLD_MS)
    assert served(bench) == 5


def test_the_release_is_in_the_file_before_it_shows(file_bench: Any, now_ms: int) -> None:
    file_bench.workspace.count(*SERIES, 5, now_ms)
    file_bench.workspace.release_holds(now_ms + HOLD_MS)

    with sqlite3.connect(file_bench.path) as other:
        held = other.execute(
            "SELECT held_until_ms FROM counters WHERE metric = 'hex_exporter_bad_items_total'"
        ).fetchone()
    other.close()

    assert held == (None,)


def test_a_wall_clock_that_steps_back_lengthens_no_hold_beyond_90_seconds(bench: Any, now_ms: int) -> None:
    bench.workspace.count(*SERIES, 5, now_ms)
    stepped_ms = now_ms - 3_600_000

    assert not bench.workspace.release_holds(stepped_ms)
    assert served(bench) == 0
    assert bench.workspace.release_holds(stepped_ms + HOLD_MS)
    assert served(bench) == 5


def test_holds_go_by_this_machine_when_the_times_of_facts_lag(bench: Any, now_ms: int) -> None:
    bench.workspace.count(*SERIES, 5, now_ms - 3_600_000)

    assert not bench.workspace.release_holds(now_ms + HOLD_MS - 1)


def test_a_foreseen_series_exists_at_0(bench: Any, now_ms: int) -> None:
    bench.workspace.foresee(SERIES[0], [SERIES[1]], now_ms)

    assert served(bench) == 0


def test_foreseeing_a_series_again_changes_nothing(bench: Any, now_ms: int) -> None:
    bench.workspace.count(*SERIES, 5, now_ms)
    bench.workspace.release_holds(now_ms + HOLD_MS)
    version = bench.ledger.version

    bench.workspace.foresee(SERIES[0], [SERIES[1]], now_ms)

    assert (served(bench), bench.ledger.version) == (5, version)


def test_the_version_grows_with_each_committed_change(bench: Any, now_ms: int) -> None:
    workspace = bench.workspace
    version = bench.ledger.version

    workspace.count(*SERIES, 5, now_ms)

    assert bench.ledger.version == version + 1


def test_a_counter_cannot_be_counted_down(bench: Any, now_ms: int) -> None:
    with pytest.raises(ValueError, match="the amount -1 is below 0"):
        bench.workspace.count(*SERIES, -1, now_ms)


def test_a_write_that_fails_changes_nothing_in_memory(file_bench: Any, now_ms: int) -> None:
    file_bench.workspace.count(*SERIES, 5, now_ms)
    version = file_bench.ledger.version
    other = sqlite3.connect(file_bench.path)
    other.execute("CREATE TRIGGER refuse BEFORE INSERT ON counters BEGIN SELECT RAISE(ABORT, 'disk on fire'); END")

    with pytest.raises(LedgerError, match="cannot be written: disk on fire"):
        file_bench.workspace.count(*SERIES, 1, now_ms)
    assert "disk on fire" in file_bench.ledger.problem
    assert file_bench.ledger.version == version

    other.execute("DROP TRIGGER refuse")
    other.close()
    file_bench.workspace.count(*SERIES, 2, now_ms)
    file_bench.workspace.release_holds(now_ms + HOLD_MS)
    assert (served(file_bench), file_bench.ledger.problem) == (7, None)


@pytest.mark.parametrize("name", ["acme", "other"])
def test_the_counters_of_every_endpoint_are_foreseen(bench: Any, name: str) -> None:
    series = {(one.metric, one.labels): one.value for one in bench.ledger.workspace(name).counters()}

    for endpoint in (
        "projects",
        "runs",
        "users",
        "me",
        "groups",
        "connections",
        "threads",
        "queried_tables",
        "cells",
        "export",
    ):
        assert series["hex_api_requests_total", (endpoint, "200")] == 0
        assert series["hex_api_rate_limited_total", (endpoint,)] == 0
        assert series["hex_api_request_duration_seconds_count", (endpoint,)] == 0


def test_an_exchange_is_counted_timed_and_if_it_was_a_429_so_is_that(bench: Any, now_ms: int) -> None:
    bench.workspace.record_exchange("runs", "200", 0.3, now_ms)
    bench.workspace.record_exchange("runs", "429", 0.01, now_ms)
    bench.workspace.record_exchange("runs", "timeout", 30.5, now_ms)

    sums = bench.sums()
    assert sums["hex_api_requests_total", ("runs", "200")] == 1
    assert sums["hex_api_requests_total", ("runs", "timeout")] == 1
    assert sums["hex_api_rate_limited_total", ("runs",)] == 1
    assert sums["hex_api_request_duration_seconds_sum", ("runs",)] == 30_810
    assert sums["hex_api_request_duration_seconds_bucket", ("runs", "0.05")] == 1
    assert sums["hex_api_request_duration_seconds_bucket", ("runs", "0.5")] == 2
    assert sums["hex_api_request_duration_seconds_bucket", ("runs", "30.0")] == 2
    assert sums["hex_api_request_duration_seconds_bucket", ("runs", "+Inf")] == 3


def test_requests_are_remembered_by_the_minute_for_two_hours(bench: Any, now_ms: int) -> None:
    minute = now_ms - now_ms % 60_000
    for sent_ms in (minute - 7_300_000, minute - 60_000, minute, minute + 59_999):
        bench.workspace.record_exchange("runs", "200", 0.1, sent_ms)
    bench.restart()

    assert bench.workspace.requests_by_minute(0) == [(minute - 60_000, 1), (minute, 2)]
    assert bench.workspace.requests_by_minute(minute + 30_000) == [(minute, 2)]
    assert bench.workspace.caller_requests_by_minute(0) == []


def test_those_sent_on_for_callers_are_told_apart(bench: Any, now_ms: int) -> None:
    minute = now_ms - now_ms % 60_000
    for sent_ms, for_caller in ((minute - 7_300_000, True), (minute, True), (minute, False), (minute + 1, True)):
        if for_caller:
            bench.workspace.record_caller_exchanges([("runs", "200", 0.1, sent_ms)])
        else:
            bench.workspace.record_exchange("runs", "200", 0.1, sent_ms)
    bench.restart()

    assert bench.workspace.requests_by_minute(0) == [(minute, 3)]
    assert bench.workspace.caller_requests_by_minute(0) == [(minute, 2)]


def test_those_of_callers_are_written_in_one_transaction(bench: Any, now_ms: int) -> None:
    """One for each would take longer than the request, and hold up who waits for a write."""
    minute = now_ms - now_ms % 60_000
    before = bench.workspace._store.version
    bench.workspace.record_caller_exchanges(
        [("runs", "200", 0.1, minute + number) for number in range(50)] + [("project", "429", 0.2, minute + 60_000)]
    )
    assert bench.workspace._store.version == before + 1
    bench.restart()

    assert bench.workspace.caller_requests_by_minute(0) == [(minute, 50), (minute + 60_000, 1)]
    assert bench.workspace.requests_by_minute(0) == [(minute, 50), (minute + 60_000, 1)]


def test_bounds_are_written_as_prometheus_writes_them() -> None:
    assert [le(bound) for bound in BOUNDS_MS["hex_run_duration_seconds"]][:3] == ["1.0", "5.0", "15.0"]
    assert [le(bound) for bound in BOUNDS_MS["hex_api_request_duration_seconds"]][:3] == ["0.05", "0.1", "0.25"]


def test_a_value_on_a_bound_is_within_it() -> None:
    amounts = observed("hex_run_duration_seconds", (), 1_000)

    assert amounts["hex_run_duration_seconds_bucket", ("1.0",)] == 1
