"""Seats that are paid for nothing, or for too much, and what only looks so."""

from dataclasses import replace

import pytest
from helpers.auditing import (
    AHEAD_MS,
    NOW_MS,
    OLD_MS,
    PRICES,
    boss,
    days_ago,
    finding,
    found,
    project,
    runs,
    seat,
    world,
)
from msgspec.structs import replace as configured

from exporter.config import SeatPrices
from exporter.facts import Thread
from exporter.insight.savings.ranking import audit
from exporter.insight.tariffs import tariff

IDLE = {("idle_paid_seat", "u")}
COSTLY = {("costly_role", "u")}


def owned(**facts):
    """A project of u's that is no finding by itself."""
    return project(**({"owner": "u@x.example", "creator": "u@x.example", "schedules": (), "edited_ms": OLD_MS} | facts))


class TestIdle:
    @pytest.mark.parametrize("login_ms", [None, OLD_MS, days_ago(91)])
    @pytest.mark.parametrize("role", ["editor", "manager", "admin", "explorer"])
    def test_nobody_has_come_for_long(self, login_ms, role):
        assert found(world(owned(), seats=(boss(), seat(role=role, last_login_ms=login_ms)))) == IDLE

    @pytest.mark.parametrize("login_ms", [NOW_MS, days_ago(89), AHEAD_MS])
    def test_somebody_has(self, login_ms):
        assert not found(world(owned(), seats=(boss(), seat(last_login_ms=login_ms)))) & IDLE

    @pytest.mark.parametrize("role", ["member", "guest", "embedded_user", "anonymous", "unknown", "wizard"])
    def test_a_role_that_costs_nothing_is_no_finding(self, role):
        assert found(world(owned(), seats=(boss(), seat(role=role)))) == set()

    def test_a_long_session_is_seen_by_edits(self):
        assert found(world(owned(edited_ms=days_ago(10)), seats=(boss(), seat(last_login_ms=OLD_MS)))) == set()

    def test_edits_of_what_somebody_made_for_another_count(self):
        made = owned(owner="other@x.example", edited_ms=days_ago(10))

        assert found(world(made, seats=(boss(), seat(last_login_ms=OLD_MS)))) == set()

    def test_runs_by_hand_count_and_scheduled_ones_do_not(self):
        seats = (boss(), seat(last_login_ms=OLD_MS))
        by_hand = world(owned(), seats=seats, uses={"p": runs(last_ms={"api": days_ago(80)})})
        scheduled = world(owned(), seats=seats, uses={"p": runs(last_ms={"scheduled": NOW_MS})})

        assert (found(by_hand), found(scheduled)) == (set(), IDLE)

    def test_an_agent_asked_lately_counts(self):
        evidence = world(owned(), seats=(boss(), seat(last_login_ms=OLD_MS)))

        assert found(replace(evidence, seen_ms={"u": days_ago(3)})) == set()

    def test_whoever_shares_an_address_shares_its_projects(self):
        two = (seat("u", last_login_ms=OLD_MS), seat("v", email="U@x.example", last_login_ms=OLD_MS))

        assert found(world(owned(edited_ms=NOW_MS), seats=(boss(), *two))) == set()

    def test_people_without_an_address_do_not_share_the_projects_of_nobody(self):
        nameless = owned(owner=None, creator="", edited_ms=NOW_MS)

        assert found(world(nameless, seats=(boss(), seat(email="")))) == IDLE

    def test_the_last_admin_stays(self):
        idle = (seat("a", "admin", last_login_ms=OLD_MS), seat("b", "admin", last_login_ms=OLD_MS + 1))

        assert found(world(seats=idle)) == {("idle_paid_seat", "a")}

    def test_the_saving_is_the_price_of_the_seat(self):
        one = finding(audit(world(seats=(boss(), seat()))), "idle_paid_seat")

        assert (one.saving.micro, one.counted.micro, one.cost.micro) == (75_000_000,) * 3
        assert one.action == "move to Viewer"
        assert (one.saving.runs, one.saving.ms) == (0, 0)

    def test_a_viewer_who_costs_something_is_let_go(self):
        prices = configured(PRICES, overrides={"team": SeatPrices(viewer_month_micro_usd=5_000_000)})
        evidence = world(seats=(boss(), seat("u"), seat("v", "member")), tariff=tariff(prices))

        saved = {one.subject: (one.saving.micro, one.action) for one in audit(evidence).findings}

        assert saved == {"u": (70_000_000, "move to Viewer"), "v": (5_000_000, "deactivate")}

    def test_without_a_plan_it_is_found_and_the_key_is_named(self):
        audited = audit(world(seats=(boss(), seat()), tariff=tariff(configured(PRICES, plan=None))))

        assert finding(audited, "idle_paid_seat").saving.micro is None
        assert any("prices.plan" in hint for hint in audited.hints)
        assert any(one.kind == "costly_plan" and one.needs == "prices.plan" for one in audited.not_judged)

    def test_a_role_without_a_price_is_found_and_the_key_is_named(self):
        evidence = world(seats=(boss(), seat(role="explorer")), tariff=tariff(configured(PRICES, overrides={})))

        audited = audit(evidence)

        assert finding(audited, "idle_paid_seat").saving.micro is None
        assert any("prices.overrides.team.explorer_month" in hint for hint in audited.hints)

    @pytest.mark.parametrize("lacking", ["seats", "projects"])
    def test_without_users_or_projects_it_is_not_judged(self, lacking):
        audited = audit(replace(world(owned(), seats=(boss(), seat())), **{lacking: None}))

        assert "idle_paid_seat" not in audited.totals
        assert {"idle_paid_seat", "costly_role"} <= {one.kind for one in audited.not_judged}


class TestCostlyRole:
    reader = seat(last_login_ms=NOW_MS)

    def test_an_editor_who_owns_and_made_nothing(self):
        assert found(world(seats=(boss(), self.reader))) == COSTLY

    def test_what_is_in_the_bin_is_nothing(self):
        assert found(world(owned(trashed_ms=NOW_MS), seats=(boss(), self.reader))) == COSTLY

    def test_one_who_owns_something_stays(self):
        assert found(world(owned(), seats=(boss(), self.reader))) == set()

    def test_one_who_made_something_that_another_owns_stays(self):
        assert found(world(owned(owner="other@x.example"), seats=(boss(), self.reader))) == set()

    @pytest.mark.parametrize("role", ["admin", "manager", "explorer", "member", "wizard"])
    def test_others_than_editors_stay(self, role):
        assert found(world(seats=(boss(), seat(role=role, last_login_ms=NOW_MS)))) == set()

    @pytest.mark.parametrize(("kind", "is_costly"), [("notebook agent", False), ("thread", True)])
    def test_whoever_asks_the_agent_of_a_notebook_is_writing(self, kind, is_costly):
        thread = Thread(thread_id="t", thread_type=kind, user_id="u", created_ms=days_ago(10), credits_milli=1)

        assert found(world(seats=(boss(), self.reader), threads=(thread,))) == (COSTLY if is_costly else set())

    def test_one_without_an_address_cannot_be_told(self):
        assert found(world(seats=(boss(), seat(email="", last_login_ms=NOW_MS)))) == set()
