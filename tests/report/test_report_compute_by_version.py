"""The bill by compute profile: a project that is published with another one in mid-week has a row for each."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from helpers.workspace_world import DAY_MS, HOUR_MS, World

from exporter.config import Week
from exporter.facts import ProjectVersion
from exporter.report import week_reports
from exporter.report.focus_csv import focus_csv
from exporter.view import PeriodCloser


@pytest.fixture
def world(manual_clock: Any) -> Any:
    """Wednesday, 18 November 2026: an hour each on large and 4xl on Tuesday, and on a version that was not read."""
    made = World(manual_clock)
    made.configure(weeks=(Week(timezone="Europe/Zurich"),))
    made.list_projects(made.published("p1", title="Orders"))
    made.read_runs(
        "p1",
        made.run("a", 30 * HOUR_MS, HOUR_MS, version="1"),
        made.run("b", 26 * HOUR_MS, HOUR_MS, version="2"),
        made.run("c", 24 * HOUR_MS, HOUR_MS, version="3"),
    )
    for version, profile in (("1", "large"), ("2", "4xl")):
        made.acme.record_version(ProjectVersion(project_id="p1", version=version, profile=profile), None, made.now_ms)
    yield made
    made.ledger.close()


def compute_rows(world: Any) -> list[tuple[str, str, Decimal, Decimal, Decimal]]:
    reports = week_reports(world.ledger, world.config, world.clock, week="2026-W47")
    text = focus_csv((one.workspace, one.org_id, one.charges, one.currency) for one in reports)
    rows = [row for row in csv.DictReader(io.StringIO(text)) if row["SkuMeter"] == "Kernel run time"]
    return [
        (
            row["SkuId"],
            row["x_ComputeBasis"],
            *(Decimal(row[one]) for one in ("BilledCost", "ListCost", "PricingQuantity")),
        )
        for row in rows
    ]


EXPECTED = [
    ("compute-large", "exact", Decimal("0.32"), Decimal("0.32"), 1),
    ("compute-4xl", "exact", Decimal("2.58"), Decimal("2.58"), 1),
    ("compute-4xl", "assumed", Decimal("2.58"), Decimal("2.58"), 1),
]


def test_each_profile_has_a_row_with_its_price_and_what_it_rests_on(world: Any) -> None:
    assert sorted(compute_rows(world)) == sorted(EXPECTED)


def test_a_closed_week_keeps_them_and_a_version_read_later_is_a_correction(world: Any) -> None:
    world.acme.record_collector("export", False, world.now_ms, 403)  # no version is awaited
    world.clock.advance(7 * DAY_MS / 1000)
    world.list_projects(world.published("p1", title="Orders"))
    world.read_runs("p1")
    closer = PeriodCloser(world.ledger, "acme", world.config)
    while closer.look(world.now_ms):
        pass
    assert sorted(compute_rows(world)) == sorted(EXPECTED)

    world.acme.record_version(ProjectVersion(project_id="p1", version="3", profile="large"), None, world.now_ms)

    rows = compute_rows(world)
    assert [row for row in EXPECTED if row not in rows] == []
    assert sum(row[2] for row in rows) == Decimal("0.32") + Decimal("2.58") + Decimal("0.32")
