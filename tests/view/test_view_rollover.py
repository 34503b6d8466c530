"""When a week is over: what is shown then is what a process that starts then would show."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from helpers.workspace_world import World, fill

from exporter.config import Week
from exporter.ledger import RunProgress
from exporter.metrics import Collector

pytestmark = pytest.mark.slow

ZURICH = ZoneInfo("Europe/Zurich")
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def figures(collector: Collector, world: World) -> dict:
    """What depends on the hour, by metric and labels; the process's own figures left out."""
    return {
        (family.metric.name, labels): value
        for family in collector.collect(world.config, world.now_ms)
        for labels, value in family.samples
        if family.metric.name.startswith("hex_") and not family.metric.name.startswith("hex_exporter_")
    }


@pytest.mark.parametrize("monday", [(2026, 10, 26), (2026, 3, 30)], ids=["autumn", "spring"])
def test_the_figures_of_the_week_that_is_over_are_right_at_once(manual_clock, monday):
    end_ms = round(datetime(*monday, tzinfo=ZURICH).timestamp() * 1000)
    manual_clock.step((end_ms - 2 * DAY_MS) / 1000 - manual_clock.now())
    world = fill(World(manual_clock))
    world.configure(weeks=(Week(timezone="Europe/Zurich"),))
    runs = [
        world.run(f"r{number}", project_id="orders", start_ms=end_ms - number * 74 * MINUTE_MS, end_ms=None)
        for number in range(450)
    ]
    manual_clock.step((end_ms - 20_000) / 1000 - manual_clock.now())
    world.acme.record_runs("orders", runs, RunProgress(known_until_ms=end_ms, known_from_ms=0), world.now_ms)

    wrong = {}
    for second in range(25):
        manual_clock.advance(3.2)
        if second % 5 == 0:
            world.acme.record_collector("projects", True, world.now_ms)
        kept, fresh = figures(world.collector, world), figures(Collector(world.ledger, world.status), world)
        for key in kept.keys() | fresh.keys():
            if key in kept and kept[key] != fresh.get(key):
                wrong.setdefault(key, []).append((second, kept[key], fresh.get(key)))
    world.ledger.close()

    assert wrong == {}


def test_a_time_that_is_put_back_brings_no_empty_week(busy):
    """Days that were read when their week was long over are read again, with what each project used."""
    known = RunProgress(known_until_ms=busy.now_ms, known_from_ms=0)
    busy.acme.record_runs("orders", busy.many(5, 9 * DAY_MS), known, 0)
    busy.clock.advance(15 * DAY_MS / 1000)
    figures(busy.collector, busy)
    busy.clock.step(-15 * DAY_MS / 1000)

    kept, fresh = figures(busy.collector, busy), figures(Collector(busy.ledger, busy.status), busy)

    assert kept == fresh


def test_while_the_time_is_in_doubt_no_figure_of_a_period_is_shown(busy):
    families = busy.collector.collect(busy.config, busy.now_ms, {"acme": None})
    shown = {family.metric.name for family in families if family.samples}

    assert "hex_up" in shown
    assert not {"hex_budget_used", "hex_project_week_runs", "hex_week_hour_runs", "hex_cost_week_usd"} & shown


def test_weeks_go_by_the_time_of_the_workspace_and_not_by_the_machines_clock(busy):
    right = figures(busy.collector, busy)
    four_days_ms = 4 * DAY_MS
    families = busy.collector.collect(busy.config, busy.now_ms + four_days_ms, {"acme": four_days_ms})
    shown = {(one.metric.name, labels): value for one in families for labels, value in one.samples}

    assert {key: shown[key] for key in right} == right


def test_a_moment_that_is_still_to_come_is_not_shown_as_past(busy):
    busy.acme.record_collector("projects", True, busy.now_ms + 2 * DAY_MS)

    names = {name for name, _ in figures(busy.collector, busy)}

    assert "hex_up" in names
    assert "hex_last_successful_poll_timestamp_seconds" not in names
