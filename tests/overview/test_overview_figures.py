"""What the page shows of a workspace, from a real ledger."""

from dataclasses import replace
from typing import Any

import pytest

from exporter.config import DEFAULT_BUDGET, Budget, Labels
from exporter.insight.savings import Saving
from exporter.overview import WorkspaceFigures, workspace_figures
from exporter.overview.wording import saving

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

# The manual clock starts on Wednesday, 18 November 2026, 11:06:40 UTC: this week is 2 days and 11 hours old.
THIS_WEEK, SAME_MOMENT, LATER_LAST_WEEK = DAY_MS, 7 * DAY_MS + 2 * HOUR_MS, 4 * DAY_MS


def figures(world: Any) -> WorkspaceFigures:
    (snapshot,) = world.collector.snapshots(world.config, world.now_ms)
    return workspace_figures(snapshot)


def test_runs_are_compared_with_last_week_up_to_the_same_moment(world: Any) -> None:
    world.list_projects(world.published())
    world.read_runs(
        "p1",
        *world.many(3, THIS_WEEK, "a"),
        *world.many(2, SAME_MOMENT, "b"),
        *world.many(4, LATER_LAST_WEEK, "c"),
    )

    found = figures(world)

    assert (found.runs, found.previous_runs_by_now, found.previous_runs) == (3, 2, 6)
    assert (found.curve[-1], found.previous_curve[-1]) == (3, 6)


def test_what_is_not_known_whole_is_not_shown(world: Any) -> None:
    world.list_projects(world.published())
    world.read_runs("p1", *world.many(3, HOUR_MS), known_from_ms=world.now_ms - DAY_MS)

    found = figures(world)

    assert (found.runs, found.previous_runs, found.previous_runs_by_now) == (None, None, None)
    assert (found.curve, found.previous_curve, found.projects) == ((), (), ())
    assert found.budgets[0].used is None


def test_five_projects_with_the_most_runs_are_named(world: Any) -> None:
    world.list_projects(*(world.published(f"p{number}", title=f"Project {number}") for number in range(7)))
    for number in range(7):
        world.read_runs(f"p{number}", *world.many(number, THIS_WEEK, f"r{number}-"))

    found = figures(world)

    assert [(one.title, one.runs) for one in found.projects] == [(f"Project {n}", n) for n in (6, 5, 4, 3, 2)]
    assert found.projects[0].url == "https://app.hex.tech/hex/p6"


def test_the_default_limit_is_marked_as_nobodys_choice(world: Any) -> None:
    world.list_projects(world.published())
    world.read_runs("p1", *world.many(600, THIS_WEEK))
    assert [(one.limit, one.used, one.is_default) for one in figures(world).budgets] == [(500, 600, True)]

    world.configure(budgets=(replace_limit(400),))
    assert [(one.limit, one.used, one.is_default) for one in figures(world).budgets] == [(400, 600, False)]


def replace_limit(limit: float) -> Budget:
    return Budget(name=DEFAULT_BUDGET.name, unit="runs", limit=limit)


@pytest.mark.parametrize(
    ("used", "level"), [(4, ""), (5, "info"), (7, "info"), (8, "warning"), (9, "warning"), (10, "critical")]
)
def test_a_budget_has_the_level_that_its_use_has_reached(world: Any, used: int, level: str) -> None:
    world.configure(budgets=(Budget(name="week", unit="runs", limit=10),))
    world.list_projects(world.published())
    world.read_runs("p1", *world.many(used, THIS_WEEK))

    assert figures(world).budgets[0].level == level


def test_the_budget_that_is_gone_first_is_the_first(world: Any) -> None:
    budgets = (Budget(name="ample", unit="runs", limit=100), Budget(name="tight", unit="runs", limit=4))
    world.configure(budgets=budgets)
    world.list_projects(world.published())
    world.read_runs("p1", *world.many(3, THIS_WEEK))

    assert [one.name for one in figures(world).budgets] == ["tight", "ample"]


def test_findings_are_ranked_by_what_they_save_and_name_people_as_owners_are_named(busy: Any) -> None:
    audit = busy.status.current.workspaces["acme"].audit
    (project,) = audit.findings
    seat = replace(
        project,
        kind="idle_paid_seat",
        subject="u1",
        subject_type="user",
        subject_name="ada@acme.example",
        saving=Saving(micro=99_000_000),
    )
    connection = replace(project, kind="overlapping_connections", subject="c1", saving=Saving())
    busy.status.update("acme", audit=replace(audit, findings=(connection, project, seat)))

    shown = figures(busy).findings
    assert shown is not None
    assert [(one.kind, one.billed_micro) for one in shown] == [
        ("idle_paid_seat", 99_000_000),
        ("abandoned_project", 36_525_000),
        ("overlapping_connections", None),
    ]
    assert shown[0].subject == "ada@acme.example"

    busy.configure(labels=Labels(owner="none"))
    hidden = figures(busy).findings
    assert hidden is not None
    assert hidden[0].subject == "u1"


def test_a_saving_of_the_warehouses_bill_ranks_with_its_amount(busy: Any) -> None:
    audit = busy.status.current.workspaces["acme"].audit
    (project,) = audit.findings
    left_on = replace(project, kind="notebook_by_hand", saving=Saving(other_micro=50_000_000))
    busy.status.update("acme", audit=replace(audit, findings=(project, left_on)))

    found = figures(busy)

    assert found.findings is not None
    assert saving(found.findings[0], found.currency) == "50.00 USD of the warehouse's bill"


def test_before_the_first_audit_there_are_no_findings(world: Any) -> None:
    world.list_projects(world.published())

    found = figures(world)

    assert (found.findings, found.billed_saving_micro, found.estimate_saving_micro) == (None, None, None)


def test_an_audit_that_found_nothing_says_so(busy: Any) -> None:
    status = busy.status.current.workspaces["acme"]
    busy.status.update("acme", audit=replace(status.audit, findings=()))

    assert figures(busy).findings == ()


def test_the_bill_is_hexs_own_and_estimates_stand_apart(busy: Any) -> None:
    (snapshot,) = busy.collector.snapshots(busy.config, busy.now_ms)
    costs = snapshot.accounts.week.costs
    assert {"seats", "compute", "own_estimate"} <= set(costs)

    found = figures(busy)

    assert found.bill.micro == sum(micro for name, micro in costs.items() if name not in ("own_estimate", "warehouse"))
    assert "own_estimate" not in found.bill.components
    assert sum(one.money["estimate"] for one in found.projects) == costs["own_estimate"]


def test_without_prices_there_is_no_bill_and_the_key_is_named(world: Any) -> None:
    world.list_projects(world.published())
    world.read_runs("p1", *world.many(3, HOUR_MS))

    found = figures(world)

    assert (found.bill.micro, found.bill.missing) == (None, ("prices.plan",))
