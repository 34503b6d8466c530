"""One whole page of a small workspace: every metric of the catalogue, each series once."""

import os
import re
from pathlib import Path
from typing import Any

from exporter.config import Week, Workspace
from exporter.metrics import CATALOGUE, build_page, collect

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
GOLDEN = Path(__file__).with_name("golden.prom")


def test_the_golden_page_of_a_small_workspace(busy: Any) -> None:
    """Every figure but those of this very process and the empty hours of the week, as the file has them.

    `make golden` writes it anew; read the difference before it is committed.
    """
    page = build_page(busy.collector.collect(busy.config, busy.now_ms)).text.decode()
    page = re.sub(r"(?m)^(# (HELP|TYPE) )?(process|python)_.*\n", "", page)
    page = re.sub(r"(?m)^hex_week_hour_.* 0\n", "", page)
    page = re.sub(r'python_version="[^"]*"', 'python_version="3"', page)

    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(page, encoding="utf-8")

    assert page == GOLDEN.read_text(encoding="utf-8"), "run `make golden`, read the difference and commit it"


def test_a_busy_workspace_has_every_metric_of_the_catalogue(busy: Any) -> None:
    figures = busy.figures()

    assert [metric.name for metric in CATALOGUE if metric.name not in figures] == []


def test_no_series_is_there_twice(busy: Any) -> None:
    families = busy.collector.collect(busy.config, busy.now_ms)

    assert build_page(families).duplicates == 0
    assert len({family.metric.name for family in families}) == len(families)


def test_workspaces_stand_side_by_side(world: Any) -> None:
    world.configure(workspaces=(Workspace(name="acme"), Workspace(name="beta")))
    world.list_projects()

    (up,) = (family for family in world.collector.collect(world.config, world.now_ms) if family.metric.name == "hex_up")

    assert up.samples == [(("acme",), 1), (("beta",), 0)]


def test_each_workspace_has_its_own_week(world: Any) -> None:
    """In Auckland the first run of beta was on Monday, in UTC on Sunday."""
    world.configure(
        workspaces=(Workspace(name="acme"), Workspace(name="beta")),
        weeks=(Week(timezone="Pacific/Auckland", workspace="b*"), Week()),
    )
    world.list_projects(world.published())
    world.read_runs("p1", world.run("r1", 3 * DAY_MS))
    beta, world.acme = world.acme, world.ledger.workspace("beta")
    world.list_projects(world.published())
    world.read_runs("p1", world.run("r1", 3 * DAY_MS))
    assert beta is not world.acme

    (weeks,) = (
        family
        for family in world.collector.collect(world.config, world.now_ms)
        if family.metric.name == "hex_project_week_runs"
    )

    assert dict(weeks.samples) == {("acme", "p1"): 0, ("beta", "p1"): 1}


def test_without_memory_the_figures_are_the_same(busy: Any) -> None:
    def stable(families: Any) -> Any:
        return {family.metric.name: family.samples for family in families if family.metric.name.startswith("hex_")}

    remembered = busy.collector.collect(busy.config, busy.now_ms)
    assert stable(remembered) == stable(collect(busy.ledger, busy.config, busy.status, busy.now_ms))
