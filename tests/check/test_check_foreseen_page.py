"""The series that `check` foresees are those that come: one workspace, probed and followed to the end."""

import asyncio
from functools import partial
from typing import Any

import msgspec
import pytest
from helpers.wasteful import TOKEN, MovingClock, config_of, follow

from exporter.audit import Auditor
from exporter.check import probe, workspace_probe
from exporter.hexapi import HexClient, TokenSource
from exporter.metrics import Status, build_page, collect


@pytest.fixture(scope="module", params=[(12, True), (12, False), (40, True)], ids=str)
def probed(request: pytest.FixtureRequest) -> Any:
    """What followed a workspace of so many projects, on Enterprise or not, its settings, and what `check` found."""
    projects, is_enterprise = request.param
    clock = MovingClock(1_795_000_000.0)
    simulation, following = follow(clock, projects=projects, is_enterprise=is_enterprise)
    config = msgspec.structs.replace(config_of(simulation), workspaces=(following.workspace,))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(workspace_probe, "HexClient", partial(HexClient, transport=following._transport))
        found = asyncio.run(probe(following.workspace, config, TokenSource(value=TOKEN), clock))
    yield following, config, clock, found
    following.ledger.close()


@pytest.mark.slow
def test_the_requests_foreseen_are_those_that_are_planned(probed: Any) -> None:
    following, _, _, found = probed

    assert found.planned_per_hour == pytest.approx(following.poller.report.planned_requests_per_hour, rel=0.03)


@pytest.mark.slow
def test_the_series_foreseen_are_those_that_come(probed: Any) -> None:
    following, config, clock, found = probed

    audit = asyncio.run(Auditor(following.known, config, clock).once())
    status = Status()
    now_ms = round(clock.now() * 1000)
    status.beat(now_ms)
    status.page_built(0.0, 0, 0)
    status.update("w", planned_requests_per_hour=1.0, allowed_requests_per_hour=1.0, overdue_projects=0, audit=audit)
    following.known.release_holds(now_ms + 90_001)
    come = build_page(collect(following.ledger, config, status, now_ms)).series

    assert found.series == pytest.approx(come, rel=0.03)
