"""Stored sums as counters and histograms."""

from itertools import product
from typing import Any

import pytest

from exporter.facts import TERMINAL_STATUSES, TRIGGERS, Thread
from exporter.metrics import METRICS, Distribution
from exporter.metrics.catalogue import Metric
from exporter.metrics.families.stored_counters import _distribution


def test_foreseen_series_are_there_at_zero(world: Any) -> None:
    world.list_projects(world.published())

    figures = world.figures()

    expected = set(product(("p1", "other"), TRIGGERS, TERMINAL_STATUSES))
    assert set(figures["hex_runs_total"]) == expected
    assert set(figures["hex_runs_total"].values()) == {0}
    assert set(figures["hex_run_seconds_total"]) == set(product(("p1", "other"), TRIGGERS))
    assert figures["hex_missed_schedules_total"] == {("p1",): 0, ("other",): 0}
    assert figures["hex_unviewed_runs_total"] == {("p1",): 0, ("other",): 0}
    assert ("projects",) in figures["hex_api_rate_limited_total"]


def test_milliseconds_become_seconds(world: Any) -> None:
    world.list_projects(world.published())
    world.release()
    world.read_runs("p1", world.run("r1", ago_ms=1000, elapsed_ms=1_250))

    figures = world.figures()

    assert figures["hex_run_seconds_total"][("p1", "scheduled")] == 1.25
    assert figures["hex_runs_total"][("p1", "scheduled", "completed")] == 1


def test_thousandths_become_credits(world: Any) -> None:
    for credits_milli in (1_000, 3_500):
        thread = Thread(thread_id="t", source="slack", thread_type="chat", credits_milli=credits_milli)
        world.acme.record_threads([thread], world.now_ms)
    world.release()

    assert world.figures()["hex_ai_credits_total"] == {("slack", "chat"): 2.5}


def test_a_series_that_nobody_foresaw_is_zero_first(world: Any) -> None:
    world.acme.count("hex_exporter_bad_items_total", ("projects",))
    assert world.figures()["hex_exporter_bad_items_total"] == {("projects",): 0}

    world.release()
    assert world.figures()["hex_exporter_bad_items_total"] == {("projects",): 1}


def test_requests_are_counted_and_timed(world: Any) -> None:
    world.acme.record_exchange("runs", "200", 0.3, world.now_ms)
    world.acme.record_exchange("runs", "429", 0.04, world.now_ms)
    world.release()

    figures = world.figures()

    assert figures["hex_api_requests_total"][("runs", "200")] == 1
    assert figures["hex_api_rate_limited_total"][("runs",)] == 1
    took = figures["hex_api_request_duration_seconds"][("runs",)]
    assert took.total == pytest.approx(0.34)
    assert took.buckets[-1] == 2
    assert took.buckets[METRICS["hex_api_request_duration_seconds"].bounds.index(0.25)] == 1


def test_run_durations_are_one_histogram(world: Any) -> None:
    world.list_projects(world.published())
    world.release()
    world.read_runs("p1", world.run("r1", ago_ms=2000, elapsed_ms=2_000), world.run("r2", 10, elapsed_ms=10))

    took = world.figures()["hex_run_duration_seconds"][("scheduled", "completed")]

    assert took == Distribution((1, 2, 2, 2, 2, 2, 2, 2, 2), 2.01)


def test_what_the_catalogue_does_not_know_is_not_shown(world: Any) -> None:
    """A ledger may hold sums of a program with more, or other, metrics than this one."""
    world.acme.count("hex_of_another_version_total", ("x",))
    world.acme.count("hex_exporter_bad_items_total", ("too", "many"))
    world.acme.count("hex_api_request_duration_seconds_count", ("too", "many"))

    figures = world.figures()

    assert "hex_of_another_version_total" not in figures
    assert "hex_exporter_bad_items_total" not in figures
    assert all(len(labels) == 1 for labels in figures["hex_api_request_duration_seconds"])


def test_a_bound_that_was_not_counted_has_the_count_below_it() -> None:
    metric = Metric("hex_wait_seconds", "histogram", "How long.", (), (0.5, 1.0, 5.0), divisor=1000)

    found = {"0.5": 2, "5.0": 3, "count": 4, "sum": 9_500}

    assert _distribution(metric, found) == Distribution((2, 2, 3, 4), 9.5)
    assert _distribution(metric, {}) == Distribution((0, 0, 0, 0), 0.0)
