"""When a period is closed: over, its runs known, and AI threads looked at after its end."""

from typing import Any

import pytest

from exporter.config import Week
from exporter.facts import Thread
from exporter.insight import period_at, period_before
from exporter.view import PeriodCloser

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEK = Week(timezone="Europe/Zurich")


def look(world: Any, credits_milli: int) -> None:
    thread = Thread(thread_id="t", created_ms=world.now_ms - 30 * DAY_MS, credits_milli=credits_milli)
    world.acme.record_threads([thread], world.now_ms)
    world.acme.record_collector("threads", True, world.now_ms)


@pytest.fixture
def ended(world: Any) -> Any:
    """Five minutes after a week's end, threads were last seen an hour before it."""
    world.configure(weeks=(WEEK,))
    world.acme.record_collector("export", False, world.now_ms, 403)  # no version will come
    start_ms = period_at(world.now_ms, "week", WEEK)[1] - HOUR_MS
    world.clock.advance((start_ms - world.now_ms) / 1000)
    look(world, 1_000)
    world.clock.advance(3900)
    world.list_projects(world.published("p"))
    world.read_runs("p", world.run("r", 20 * HOUR_MS, 1000, project_id="p"))
    world.week = period_before(period_at(world.now_ms, "week", WEEK), "week", WEEK)
    return world


def closed(world: Any) -> Any:
    closer = PeriodCloser(world.ledger, "acme", world.config)
    while closer.look(world.now_ms):
        pass
    return world.acme.closings.of(world.week)


def test_it_waits_for_the_look_at_threads_after_the_end(ended: Any) -> None:
    assert closed(ended) is None

    look(ended, 14_000)
    books = closed(ended)

    assert books is not None
    assert books.adjustments == ()


def test_threads_that_are_not_listed_any_more_do_not_hold_it_up(ended: Any) -> None:
    ended.acme.record_collector("threads", False, ended.now_ms, 403)

    assert closed(ended) is not None


def test_a_look_that_finds_nothing_to_do_reads_no_workspace(ended: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks every few seconds, and a whole workspace is a week of runs."""
    look(ended, 14_000)
    closer = PeriodCloser(ended.ledger, "acme", ended.config)
    while closer.look(ended.now_ms):
        pass
    reads: list[int] = []
    monkeypatch.setattr(ended.acme, "runs_between", lambda *_: reads.append(1) or iter(()))
    monkeypatch.setattr(ended.acme, "week_counts", lambda *_: reads.append(1) or {})

    ended.clock.advance(2 * DAY_MS / 1000)
    ended.read_runs("p", ended.run("new", HOUR_MS // 60, 1000, project_id="p"))

    assert closer.look(ended.now_ms) is False
    assert reads == []
