"""A week with warehouse money is closed once its logs reach its end, and what they bring later is an adjustment."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from exporter.config import Warehouse, Week
from exporter.insight import period_at
from exporter.ledger import WarehouseKey, WarehouseSums
from exporter.report.week_forms import WEEK_FORMS
from exporter.report.week_report import week_reports
from exporter.view import PeriodCloser
from exporter.view.closed_period import closed_period

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEEK = Week(timezone="Europe/Zurich")


class Closed:
    """A workspace ten minutes after a week's end, whose runs are known."""

    def __init__(self, world: Any) -> None:
        self.world = world
        snow = Warehouse(name="snow", kind="snowflake", url_env="SNOW")
        world.configure(weeks=(WEEK,), warehouses=(snow,))
        world.acme.record_collector("export", False, world.now_ms, 403)  # no version will come
        self.week = period_at(world.now_ms, "week", WEEK)
        world.clock.advance((self.week[1] - world.now_ms) / 1000 + 600)
        self.closer = PeriodCloser(world.ledger, "acme", world.config)
        self.read_runs()

    def read_runs(self) -> None:
        self.world.list_projects(self.world.published("p"))
        self.world.read_runs("p", self.world.run("r", 20 * HOUR_MS, 1000, project_id="p"))

    def log(self, until_ms: int, *hours: tuple[int, str, int]) -> None:
        sums = {
            WarehouseKey(self.week[1] - ago * HOUR_MS, part, "p" if part == "query" else "", "app_view"): WarehouseSums(
                queries=1, usd_micro=usd
            )
            for ago, part, usd in hours
        }
        span = (self.week[0] - 7 * DAY_MS, until_ms)
        self.world.acme.warehouses.replace("snow", span, sums, self.world.now_ms, None)

    def books(self) -> Any:
        while self.closer.look(self.world.now_ms):
            pass
        stored = self.world.acme.closings.of(self.week)
        return None if stored is None else closed_period(stored)


@pytest.fixture
def story(world: Any) -> Closed:
    return Closed(world)


def test_it_waits_for_the_log_and_not_for_one_that_cannot_be_read(story: Closed) -> None:
    story.log(story.week[1] - HOUR_MS, (5, "query", 1_000_003))
    assert story.books() is None

    story.world.acme.warehouses.record_failure("snow", "no grants")
    assert story.books().books.whole.costs["warehouse"] == 1_000_003


def test_hours_that_come_later_are_an_adjustment_of_a_project_and_of_a_part(story: Closed) -> None:
    story.log(story.week[1], (5, "query", 1_000_003), (6, "idle", 17))
    first = story.books()
    assert (first.books.whole.costs["warehouse"], first.adjustments) == (1_000_020, ())

    story.world.clock.advance(8 * 3600)
    story.read_runs()
    story.log(story.week[1] + 8 * HOUR_MS, (5, "query", 1_000_003), (6, "idle", 20), (7, "query", 400_000))
    later = story.books()

    assert later.books == first.books
    assert [one.delta.whole.costs["warehouse"] for one in later.adjustments] == [400_003]
    assert later.adjusted.whole.costs["warehouse"] == 1_400_023
    assert "log was completed" in later.adjustments[0].reason
    report = week_reports(story.world.ledger, story.world.config, story.world.clock, wants_whole=True)
    rows = [row for row in csv.DictReader(io.StringIO(WEEK_FORMS["csv"](list(report)))) if "warehouse" in row["SkuId"]]
    money = {(row["SkuId"], row["ChargeClass"]): Decimal(row["BilledCost"]) for row in rows}
    assert money == {
        ("warehouse-query", ""): Decimal("1.000003"),
        ("warehouse-idle", ""): Decimal("0.000017"),
        ("warehouse-query", "Correction"): Decimal("0.4"),
        ("warehouse-idle", "Correction"): Decimal("0.000003"),
    }


def test_a_closed_week_without_a_change_is_not_looked_at_again(story: Closed, monkeypatch: pytest.MonkeyPatch) -> None:
    story.log(story.week[1], (5, "query", 7))
    story.books()
    story.world.clock.advance(900)
    story.log(story.week[1], (5, "query", 7))
    monkeypatch.setattr(story.closer._reader, "read", lambda *_: pytest.fail("a whole workspace was read"))

    assert not story.closer.look(story.world.now_ms)
