"""The run gateway's own gauges, and what it counts, as they are shown."""

from typing import Any

import pytest

from exporter.config import Gateway, Queue, Workspace
from exporter.ledger.histograms import observed
from exporter.metrics import Distribution, GatewayState

GAUGES = {
    "hex_gateway_queue_length",
    "hex_gateway_queue_limit",
    "hex_gateway_active_runs",
    "hex_gateway_active_runs_limit",
}


@pytest.fixture
def gated(world: Any) -> Any:
    """A workspace with a gateway for two runs at a time and seven that wait."""
    world.configure(gateway=Gateway(concurrency=2, queue=Queue(length=7)))
    return world


def test_a_workspace_without_a_gateway_has_no_figures_of_one(world: Any) -> None:
    world.status.update("acme", gateway=GatewayState(1, 2))

    assert not GAUGES & world.figures().keys()


def test_queue_and_runs_stand_beside_their_limits(gated: Any) -> None:
    gated.status.update("acme", gateway=GatewayState(queue_length=5, active_runs=2))

    figures = gated.figures()

    assert {name: figures[name] for name in GAUGES} == {
        "hex_gateway_queue_length": {(): 5},
        "hex_gateway_queue_limit": {(): 7},
        "hex_gateway_active_runs": {(): 2},
        "hex_gateway_active_runs_limit": {(): 2},
    }


def test_a_gateway_that_has_not_started_is_not_an_empty_one(gated: Any) -> None:
    figures = gated.figures()

    assert "hex_gateway_queue_length" not in figures
    assert figures["hex_gateway_queue_limit"] == {(): 7}


def test_only_the_workspace_of_the_gateway_has_it(gated: Any) -> None:
    gated.configure(
        workspaces=(Workspace(name="acme"), Workspace(name="beta")), gateway=Gateway(workspace="beta", concurrency=2)
    )

    (limit,) = (
        family
        for family in gated.collector.collect(gated.config, gated.now_ms)
        if family.metric.name == "hex_gateway_active_runs_limit"
    )

    assert limit.samples == [(("beta",), 2)]


def test_the_state_outlives_news_of_something_else(gated: Any) -> None:
    gated.status.update("acme", gateway=GatewayState(5, 2))
    gated.status.update("acme", overdue_projects=1)

    assert gated.figures()["hex_gateway_queue_length"] == {(): 5}


def test_what_it_will_count_is_there_at_zero(gated: Any) -> None:
    gated.list_projects(gated.published())
    gated.acme.foresee_gateway(gated.now_ms)
    gated.release()

    figures = gated.figures()

    assert figures["hex_cache_lookups_total"] == {("p1",): 0, ("other",): 0}
    assert set(figures["hex_gateway_requests_total"]) == {("hit",), ("miss",), ("joined",), ("bypass",), ("refused",)}
    assert figures["hex_gateway_stale_hits_total"] == {(): 0}
    assert figures["hex_gateway_queue_seconds"] == {(): Distribution((0,) * 9, 0.0)}


def test_waits_and_saved_run_time_are_shown_in_seconds(gated: Any) -> None:
    gated.list_projects(gated.published())
    gated.acme.foresee_gateway(gated.now_ms)
    gated.release()
    gated.acme.count("hex_cache_saved_seconds_total", ("p1",), 1_500)
    gated.acme.count_many(observed("hex_gateway_queue_seconds", (), 700))

    figures = gated.figures()

    assert figures["hex_cache_saved_seconds_total"][("p1",)] == 1.5
    assert figures["hex_gateway_queue_seconds"] == {(): Distribution((0, 0, 1, 1, 1, 1, 1, 1, 1), 0.7)}
