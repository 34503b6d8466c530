"""Projects that run for no one, and what only looks like them."""

from dataclasses import replace

import pytest
from helpers.auditing import (
    AHEAD_MS,
    NOW_MS,
    OLD_MS,
    boss,
    days_ago,
    finding,
    found,
    project,
    runs,
    schedule,
    seat,
    world,
)
from helpers.evidencing import ABANDONED, UNVIEWED

from exporter.facts import Project
from exporter.insight.savings.audit_input import SourceUse
from exporter.insight.savings.ranking import audit


class TestAbandoned:
    def test_untouched_by_all_and_of_an_owner_who_is_gone(self):
        assert found(world(project())) == ABANDONED

    def test_of_an_owner_who_has_not_come_for_long(self):
        idle = seat("a", "member", last_login_ms=days_ago(100))

        assert found(world(project(owner="a@x.example"), seats=(boss(), idle))) == ABANDONED

    def test_of_nobody(self):
        assert found(world(project(owner=None, creator=None))) == ABANDONED

    @pytest.mark.parametrize("what", ["edited_ms", "published_ms", "created_ms"])
    @pytest.mark.parametrize("at_ms", [days_ago(29), NOW_MS, AHEAD_MS])
    def test_touched_lately_it_is_not_abandoned(self, what, at_ms):
        assert not found(world(project(**{what: at_ms}))) & ABANDONED

    def test_of_an_owner_who_comes_it_is_only_unviewed(self):
        active = seat("a", "member", last_login_ms=NOW_MS)

        assert found(world(project(owner="A@X.example "), seats=(boss(), active))) == UNVIEWED

    def test_of_two_people_with_one_address_one_who_comes_is_enough(self):
        two = (
            seat("a", "member", email="a@x.example", last_login_ms=OLD_MS),
            seat("b", "member", email="a@x.example", last_login_ms=NOW_MS),
        )

        assert found(world(project(owner="a@x.example"), seats=(boss(), *two))) == UNVIEWED

    @pytest.mark.parametrize("trigger", ["api", "app_refresh", "unknown"])
    def test_started_by_hand_lately_it_is_not_abandoned(self, trigger):
        use = runs(last_ms={trigger: days_ago(2), "scheduled": NOW_MS})

        assert not found(world(project(), uses={"p": use})) & ABANDONED

    @pytest.mark.parametrize(
        "change",
        [
            {"schedules": ()},
            {"schedules": (schedule(enabled=False),)},
            {"archived_ms": days_ago(1)},
            {"trashed_ms": days_ago(1)},
            {"published_ms": None},
        ],
    )
    def test_what_does_not_run_any_more_is_no_waste(self, change):
        assert found(world(project(**change))) == set()

    def test_without_users_it_is_not_judged_and_the_schedule_still_is(self):
        audited = audit(world(project(), seats=None, missing={"users": "403"}))

        assert {one.key for one in audited.findings} == UNVIEWED
        (blind,) = [one for one in audited.not_judged if one.kind == "abandoned_project"]
        assert "403" in blind.why
        assert "read users" in blind.needs
        assert "abandoned_project" not in audited.totals


class TestUnviewed:
    active = seat("a", "member", last_login_ms=NOW_MS)

    def seen(self, **facts):
        return found(world(project(owner="a@x.example", **facts), seats=(boss(), self.active)))

    def test_never_viewed(self):
        assert self.seen() == UNVIEWED

    def test_viewed_before_the_window(self):
        assert self.seen(viewed_ms=days_ago(40)) == UNVIEWED

    @pytest.mark.parametrize("at_ms", [days_ago(20), AHEAD_MS])
    def test_viewed_lately(self, at_ms):
        assert not self.seen(viewed_ms=at_ms) & UNVIEWED

    def test_viewed_by_count_alone(self):
        assert not self.seen(views_30d=2) & UNVIEWED

    def test_made_lately(self):
        assert self.seen(created_ms=days_ago(5)) == set()

    def test_of_a_project_whose_views_hex_does_not_tell_nothing_is_said(self):
        audited = audit(world(project(owner="a@x.example", views_7d=None, views_30d=None), seats=(boss(), self.active)))

        assert audited.findings == ()
        assert {one.kind for one in audited.not_judged if one.is_partial} >= {"unviewed_schedule", "over_scheduled"}

    def test_the_money_is_that_of_its_scheduled_runs(self):
        audited = audit(world(project(owner="a@x.example"), seats=(boss(), self.active)))

        one = finding(audited, "unviewed_schedule")
        assert one.saving.micro == one.cost.micro == 28 * 100_000 * 2_629_800_000 // (28 * 86_400_000)
        assert one.saving.runs == pytest.approx(30.4375)


class TestTooOften:
    """Every three hours: 56 runs a week."""

    def often(self, views=4, source=None, cron="20 */3 * * *", unviewed=None, count=224):
        one = project(owner="a@x.example", viewed_ms=NOW_MS, views_30d=views, schedules=(schedule(cron),))
        evidence = world(one, uses={"p": runs(count, unviewed_week=unviewed)})
        return replace(evidence, sources={} if source is None else {"p": source})

    def source(self, changes, unchanged=0, checked=0, days=28):
        return SourceUse("sql:1", days_ago(days), NOW_MS, changes, checked, unchanged)

    def test_than_its_source_changes_is_measured(self):
        audited = audit(self.often(source=self.source(4, 215, 223)))

        one = finding(audited, "over_refreshed")
        assert one.confidence == "measured"
        assert one.saving.runs == pytest.approx(224 * 30.4375 / 28 * 215 / 223)

    def test_than_its_source_changes_by_the_count_of_changes_alone(self):
        one = finding(audit(self.often(source=self.source(4))), "over_refreshed")

        assert one.saving.runs == pytest.approx(224 * 30.4375 / 28 * (1 - 1 / 56))

    def test_a_source_that_changes_as_often_is_no_reason_but_views_are(self):
        assert found(self.often(source=self.source(200))) == {("over_scheduled", "p")}

    def test_a_source_that_changes_as_often_and_views_as_often(self):
        assert found(self.often(views=100, source=self.source(200))) == set()

    def test_runs_that_did_find_a_change_speak_against_rare_changes(self):
        assert found(self.often(views=900, source=self.source(4, 40, 200))) == set()

    def test_a_source_watched_for_a_day_tells_nothing(self):
        assert found(self.often(source=self.source(0, days=1))) == {("over_scheduled", "p")}

    def test_refreshed_again_before_anybody_looked_is_estimated(self):
        """A hundred views a month, and all of them on one morning."""
        one = finding(audit(self.often(views=100, unviewed=53.0)), "over_refreshed")

        assert one.confidence == "estimated"
        assert one.saving.runs == pytest.approx(224 * 30.4375 / 28 * 53 / 56)

    def test_than_it_is_viewed(self):
        one = finding(audit(self.often(views=4)), "over_scheduled")

        assert one.saving.runs == pytest.approx(224 * 30.4375 / 28 * (1 - 4 * 7 / 30 / 56))

    def test_what_a_young_ledger_learns_later_does_not_change_the_kind(self):
        assert found(self.often()) == found(self.often(unviewed=53.0)) == {("over_scheduled", "p")}

    def test_views_in_between_are_no_reason(self):
        assert found(self.often(views=100, unviewed=20.0)) == set()

    def test_a_weekly_schedule_is_never_too_often(self):
        assert found(self.often(views=1, cron="20 6 * * 1", count=4, source=self.source(0))) == set()

    def test_one_that_was_slowed_down_is_not_named_for_what_it_did_before(self):
        assert found(self.often(views=1, cron="20 6 * * 1", count=224)) == set()

    def test_it_is_one_finding_however_many_reasons_there_are(self):
        kinds = {kind for kind, _ in found(self.often(views=1, unviewed=56.0, source=self.source(1, 222, 223)))}

        assert kinds - {"replaceable_schedule"} == {"over_refreshed"}


class TestFailing:
    def failing(self, last, **facts):
        use = runs(20, 8, last_scheduled=last)
        return found(world(project(viewed_ms=NOW_MS, views_30d=90, **facts), uses={"p": use}))

    def test_the_last_five_failed(self):
        assert self.failing(("errored",) * 5) == {("failing_schedule", "p")}

    def test_one_of_them_was_killed(self):
        assert self.failing(("errored", "killed", "errored", "errored", "errored")) == {("failing_schedule", "p")}

    @pytest.mark.parametrize(
        "last",
        [("errored",) * 4, ("errored",) * 4 + ("completed",), ("completed",) + ("errored",) * 4, ("killed",) * 5],
    )
    def test_fewer_or_others_did(self, last):
        assert self.failing(last) == set()

    def test_the_failed_runs_are_what_it_costs(self):
        use = runs(20, 8, last_scheduled=("errored",) * 5)
        audited = audit(world(project(viewed_ms=NOW_MS, views_30d=90), uses={"p": use}))

        assert finding(audited, "failing_schedule").saving.runs == pytest.approx(8 * 30.4375 / 28)


class TestHostile:
    def test_a_project_of_which_nothing_is_known(self):
        assert found(world(Project(project_id="p"))) == set()

    def test_a_window_that_begins_in_the_future_judges_no_runs(self):
        audited = audit(world(project(), since_ms=AHEAD_MS))

        assert audited.findings == ()
        unjudged = {one.kind for one in audited.not_judged if not one.is_partial}
        assert {"abandoned_project", "unviewed_schedule", "failing_schedule", "colliding_schedules"} <= unjudged

    def test_a_schedule_that_nobody_understands_counts_for_what_it_did(self):
        one = project(schedules=(schedule(None),))

        assert finding(audit(world(one)), "abandoned_project").saving.runs == pytest.approx(30.4375)
