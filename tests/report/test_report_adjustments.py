"""A week that was closed is reported as it was closed; what came later stands beside it, in every form."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import pytest
from helpers.workspace_world import World

from exporter.config import Match, Prices, Storage, Team, Week
from exporter.facts import Run, Seat, Thread
from exporter.ledger import open_ledger
from exporter.report.week_forms import WEEK_FORMS
from exporter.report.week_report import week_reports
from exporter.view import PeriodCloser

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
PRICES = Prices(plan="team", run_micro_usd=50_000, compute_hour_micro_usd={"medium": 60_000_000})


@pytest.fixture
def world(manual_clock: Any) -> Any:
    """Wednesday, 18 November 2026, noon in Zurich: last week has two runs, of which one is still on."""
    made = World(manual_clock)
    made.configure(weeks=(Week(timezone="Europe/Zurich"),), price_lists=(PRICES,))
    made.list_projects(made.published("p1", title="Orders"), made.published("p2", title="Leads"))
    made.acme.record_collector("export", False, made.now_ms, 403)  # no version will come
    made.acme.record_seats([Seat(user_id="1", role="editor")], made.now_ms)
    made.read_runs("p1", made.run("a", 7 * DAY_MS), made.active("b", 4 * DAY_MS))
    made.read_runs("p2", made.run("c", HOUR_MS, project_id="p2"))
    yield made
    made.ledger.close()


def close(world: Any) -> None:
    closer = PeriodCloser(world.ledger, "acme", world.config)
    while closer.look(world.now_ms):
        pass


def reported(world: Any, form: str = "json", week: str = "2026-W46") -> Any:
    text = WEEK_FORMS[form](list(week_reports(world.ledger, world.config, world.clock, week=week)))
    return json.loads(text)[0] if form == "json" else text


def late(world: Any) -> None:
    """A day after the close, a run of last week ends and another is first seen."""
    world.clock.advance(DAY_MS / 1000)
    ended = world.run("b", 5 * DAY_MS, 120_000)
    found = world.run("d", 6 * DAY_MS, project_id="p2")
    world.read_runs("p1", ended)
    world.read_runs("p2", found)


def test_a_week_that_is_over_says_whether_it_is_closed(world: Any) -> None:
    assert "not closed yet: until all runs are known its figures may change" in reported(world)["remarks"]

    close(world)

    assert "closed on 2026-11-18: the figures are those of then" in reported(world)["remarks"]
    assert not any("closed" in remark for remark in reported(world, week="2026-W47")["remarks"])


@pytest.mark.parametrize("is_booked", [True, False])
def test_what_comes_later_is_an_adjustment_with_its_date(world: Any, is_booked: bool) -> None:
    """Whether the running process has booked it yet or the report is the first to see it."""
    close(world)
    before = reported(world)

    late(world)
    if is_booked:
        close(world)
    after = reported(world)

    assert after["total"] == before["total"]
    assert after["project"] == before["project"]
    assert after["component"] == before["component"]
    assert after["budget"] == before["budget"]
    assert after["budget"][0]["used"] == 2
    assert "adjustment" not in before
    rows = [tuple(row.values()) for row in after["adjustment"]]
    at, words = "2026-11-19T12:06:40+01:00", "1 run was found after the close"
    assert sorted(rows, key=lambda row: (row[2], row[1])) == [
        (at, "compute", "p1", "Orders", 0, 120.0, 2.0, words),
        (at, "own_estimate", "p1", "Orders", None, None, 0.05, words),
        (at, "compute", "p2", "Leads", 1, 60.0, 1.0, words),
        (at, "own_estimate", "p2", "Leads", None, None, 0.05, words),
    ]
    assert "1 adjustment since, to be added to them: +1 runs, +3.00 USD billed, +0.10 USD estimate" in after["remarks"]


def test_ai_credits_of_a_closed_week_that_are_seen_late_change_none_of_its_tables(world: Any) -> None:
    def look(*threads: Thread) -> None:
        world.acme.record_threads(list(threads), world.now_ms)
        world.acme.record_collector("threads", True, world.now_ms)

    week_ms = world.now_ms - 5 * DAY_MS
    first = Thread(thread_id="t1", user_id="1", created_ms=week_ms, updated_ms=week_ms, credits_milli=10_000)
    look(first)
    close(world)
    before = reported(world)
    world.clock.advance(DAY_MS / 1000)
    look(first, replace(first, thread_id="t2", credits_milli=60_000))
    after = reported(world)

    assert [row["credits"] for row in before["user"]] == [10]
    assert [after[name] for name in ("user", "model", "grant")] == [before[name] for name in ("user", "model", "grant")]
    assert "ai_credits" in {row["component"] for row in after["adjustment"]}


def test_a_change_of_prices_that_were_always_so_is_an_adjustment(world: Any) -> None:
    close(world)
    before = reported(world)

    world.configure(
        price_lists=(Prices(plan="team", run_micro_usd=70_000, compute_hour_micro_usd={"medium": 60_000_000}),)
    )
    close(world)
    after = reported(world)

    assert after["component"] == before["component"]
    (row,) = [row for row in after["adjustment"] if row["usd"]]
    assert (row["component"], row["project"], row["usd"]) == ("own_estimate", "p1", 0.02)
    assert row["reason"].endswith("prices, settings or the program were changed after the close")


@pytest.mark.slow
def test_who_it_was_stays_as_it_was(world: Any) -> None:
    """Titles, owners, teams and profiles are those of the close: a cost does not move to another team afterwards."""
    teams = (Team(name="sales", match=Match(title="Orders")), Team(name="people", match=Match(owner="*@x")))
    world.configure(teams=teams)
    world.acme.record_seats([Seat(user_id="1", email="a@x", role="editor")], world.now_ms)
    close(world)
    before, bill = reported(world), reported(world, "csv")

    world.configure(teams=(Team(name="other", match=Match(title="*")),))
    world.list_projects(world.published("p1", title="Renamed", owner="b@x"), world.published("p2", title="Leads"))
    after = reported(world)

    assert before["team"] == after["team"]
    assert {row["team"] for row in after["team"]} >= {"sales"}
    assert before["project"] == after["project"]
    assert bill == reported(world, "csv")


def test_every_form_shows_them(world: Any) -> None:
    close(world)
    late(world)

    table, markdown = reported(world, "table"), reported(world, "markdown")

    assert "1 run was found after the close" in table
    assert "## By adjustment" in markdown


def test_the_bill_has_them_as_corrections(world: Any) -> None:
    close(world)
    before = list(csv.DictReader(io.StringIO(reported(world, "csv"))))
    late(world)

    rows = list(csv.DictReader(io.StringIO(reported(world, "csv"))))

    assert rows[: len(before)] == before
    corrections = rows[len(before) :]
    assert {row["ChargeClass"] for row in before} == {""}
    assert {row["ChargeClass"] for row in corrections} == {"Correction"}
    assert {row["x_AdjustedAt"] for row in corrections} == {"2026-11-19T11:06:40Z"}
    assert sum(float(row["BilledCost"]) for row in corrections) == 3
    assert {row["ChargePeriodStart"] for row in corrections} == {"2026-11-08T23:00:00Z"}


def test_the_week_before_is_the_closed_one(world: Any) -> None:
    close(world)
    late(world)

    this = reported(world, week="2026-W47")

    assert this["total"][0]["previous_runs"] == 2
    assert this["budget"][0]["previous_used"] == 2


def test_a_closed_week_outlives_its_runs(world: Any) -> None:
    close(world)
    before = reported(world)

    world.configure(storage=Storage(url="sqlite://", keep_runs_seconds=8 * 86_400.0))
    world.clock.advance(20 * 86_400)
    world.acme.prune(world.now_ms - 8 * DAY_MS, world.now_ms)
    world.list_projects(world.published("p1"), world.published("p2"))
    for project_id in ("p1", "p2"):
        world.read_runs(project_id)
    close(world)
    after = reported(world)

    assert [row["usd"] for row in after["component"]] == [row["usd"] for row in before["component"]]
    assert after["total"][0]["runs"] == 2
    assert "adjustment" not in after


def test_months_are_closed_too(world: Any) -> None:
    world.read_runs("p1", Run(run_id="o", project_id="p1", status="completed", start_ms=world.now_ms - 30 * DAY_MS))

    close(world)

    periods = world.acme.closings.periods()
    assert len([one for one in periods if one[1] - one[0] > 8 * DAY_MS]) == 1


def test_nothing_is_closed_while_runs_are_not_known(world: Any) -> None:
    world.read_runs("p2", known_until_ms=world.now_ms - 3 * DAY_MS)

    close(world)

    assert world.acme.closings.periods() == {}


def test_a_refused_project_does_not_hold_the_close_up(world: Any) -> None:
    world.read_runs("p2", known_until_ms=world.now_ms - 3 * DAY_MS, refusals=2, refused_status=403)

    close(world)

    assert len(world.acme.closings.periods()) == 1


def test_closings_survive_a_restart(tmp_path: Any, manual_clock: Any) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = open_ledger(url, clock=manual_clock)
    closings = ledger.workspace("acme").closings
    closings.close((1, 2), 5, "basis", "body")
    closings.close((1, 2), 9, "another", "changed")
    ledger.close()

    ledger = open_ledger(url, clock=manual_clock, read_only=True)
    closing = ledger.workspace("acme").closings.of((1, 2))
    assert (closing.at_ms, closing.basis, closing.body) == (5, "basis", "body")
    ledger.close()
