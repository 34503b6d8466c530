"""Projects that run for nobody, and what only looks like them."""

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
    tables,
    world,
)

from exporter.facts import Project, QueriedTable
from exporter.insight.savings.audit_input import Amount, ProjectUse, SourceUse
from exporter.insight.savings.ranking import audit

ABANDONED = {("abandoned_project", "p")}
UNVIEWED = {("unviewed_schedule", "p")}


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
        assert found(self.often(views=1, unviewed=56.0, source=self.source(1, 222, 223))) == {("over_refreshed", "p")}


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


class TestDuplicates:
    def two(self, title="Sales (copy)", cron="0 6 * * *", names=("orders", "customers"), other=None, views=90):
        first = project("a", title="Sales", viewed_ms=NOW_MS, views_30d=views)
        second = project(
            "b", title=title, created_ms=OLD_MS + 1, viewed_ms=NOW_MS, views_30d=views, schedules=(schedule(cron),)
        )
        return world(first, second, tables={"a": tables(*names), "b": tables(*(other or names))})

    @pytest.mark.parametrize("title", ["Sales (copy)", "Copy of sales", "Sales 2", "SALES v2", "Sales!", "Sales old"])
    def test_the_same_tables_and_nearly_the_same_title(self, title):
        assert found(self.two(title, "0 9 * * *")) == {("duplicate_projects", "b")}

    def test_the_same_tables_and_the_same_schedule(self):
        assert found(self.two("Who knows")) == {("duplicate_projects", "b")}

    def test_upper_and_lower_case_of_tables_are_alike(self):
        assert found(self.two(other=("ORDERS", "Customers"))) == {("duplicate_projects", "b")}

    @pytest.mark.parametrize(
        "change",
        [
            {"title": "Who knows", "cron": "0 9 * * *"},
            {"other": ("orders",)},
            {"title": "Who knows", "names": ("orders",)},
        ],
    )
    def test_what_only_looks_like_a_copy(self, change):
        assert found(self.two(**change)) == set()

    def test_three_of_a_kind_are_two_copies_of_the_first(self):
        three = [
            project(name, title=title, created_ms=OLD_MS + at, viewed_ms=NOW_MS, views_30d=90)
            for at, (name, title) in enumerate((("a", "Sales"), ("b", "Sales 2"), ("c", "Sales 3")))
        ]
        same = tables("orders", "customers")

        audited = audit(world(*three, tables={one.project_id: same for one in three}))

        assert {one.subjects for one in audited.findings} == {("b", "a"), ("c", "a")}

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("Revenue EU", "Revenue US"),
            ("Shop 12", "Shop 13"),
            ("Shop 2", "Shop 3"),
            ("Budget 2025", "Budget 2026"),
            ("Customers Austria", "Customers Australia"),
            ("Plan A", "Plan B"),
            ("Sales", "New sales"),
        ],
    )
    @pytest.mark.parametrize("cron", ["0 6 * * *", "0 9 * * *"])
    def test_siblings_on_the_same_tables_are_no_duplicates(self, one, other, cron):
        first = project("a", title=one, viewed_ms=NOW_MS, views_30d=90)
        second = replace(first, project_id="b", title=other, created_ms=OLD_MS + 1, schedules=(schedule(cron),))
        same = tables("orders", "customers")

        assert found(world(first, second, tables={"a": same, "b": same})) == set()

    @pytest.mark.parametrize("title", ["Shop 12 (copy)", "Copy of Shop 12", "Shop 12 copy 3", "shop-12 v3"])
    def test_a_copy_of_a_numbered_one_is_a_duplicate_of_that(self, title):
        first = project("a", title="Shop 12", viewed_ms=NOW_MS, views_30d=90)
        sibling = replace(first, project_id="b", title="Shop 13", created_ms=OLD_MS + 1)
        copy = replace(first, project_id="c", title=title, created_ms=OLD_MS + 2)
        same = tables("orders")

        audited = audit(world(first, sibling, copy, tables=dict.fromkeys("abc", same)))

        assert [one.subjects for one in audited.findings] == [("c", "a")]

    def by_cells(self, one, other):
        first = project("a", title="Revenue EU", viewed_ms=NOW_MS, views_30d=90)
        second = replace(first, project_id="b", title="Revenue US", created_ms=OLD_MS + 1)
        cells = {
            name: (QueriedTable(connection_id="c1", table="", queries=queries),)
            for name, queries in (("a", one), ("b", other))
        }
        return audit(world(first, second, tables=cells))

    def test_siblings_whose_queries_are_equal_are_duplicates(self):
        one = finding(self.by_cells("same", "same"), "duplicate_projects")

        assert one.subjects == ("b", "a")
        assert "all queries and code of both drafts are the same" in one.why

    @pytest.mark.parametrize(("one", "other"), [("this", "that"), ("", ""), ("this", "")])
    def test_siblings_whose_queries_differ_or_have_inputs_are_none(self, one, other):
        assert self.by_cells(one, other).findings == ()

    def test_a_thousand_on_the_same_tables_are_compared_all_the_same(self):
        same = tables("orders", "customers")
        many = [
            project(
                f"p{number}",
                title=f"{'abcdefghij'[number % 10] * 5} v{number // 10}",
                created_ms=OLD_MS + number,
                viewed_ms=NOW_MS,
                views_30d=90,
                schedules=(schedule(f"{number % 60} {number % 23} * * *"),),
            )
            for number in range(1000)
        ]

        audited = audit(world(*many, tables={one.project_id: same for one in many}))

        assert sum(one.kind == "duplicate_projects" for one in audited.findings) >= 990


class TestYoung:
    """What a project of a few days shows, and what it cannot."""

    active = seat("a", "member", last_login_ms=NOW_MS)

    def young(self, days, count, views=90, cron="0 * * * *", **facts):
        """An hourly project of an owner who comes."""
        given = {"owner": "a@x.example", "created_ms": days_ago(days), "edited_ms": days_ago(days)}
        given |= {"published_ms": days_ago(days), "schedules": (schedule(cron),), "views_30d": views}
        use = facts.pop("use", None) or runs(count)
        return world(project(**(given | facts)), uses={"p": use}, seats=(boss(), self.active))

    @pytest.mark.parametrize("days", [0.1, 1, 3, 6.9])
    def test_in_its_first_week_views_say_nothing(self, days):
        audited = audit(self.young(days, round(24 * days), views=0))

        assert audited.findings == ()
        assert any("less than a week old" in one.why and one.is_partial for one in audited.not_judged)

    @pytest.mark.parametrize("created_ms", [None, days_ago(3)])
    def test_it_is_not_abandoned_whatever_else_is_unknown(self, created_ms):
        one = project(created_ms=created_ms, edited_ms=None, published_ms=days_ago(3))

        assert not found(world(one)) & (ABANDONED | UNVIEWED)

    def test_without_a_date_of_birth_what_was_done_long_ago_proves_its_age(self):
        assert found(world(project(created_ms=None))) == ABANDONED

    def test_ninety_views_in_ten_days_are_sixty_three_a_week(self):
        """168 runs a week: fewer than three for each of 63 views, more than three for each of 90 * 7 / 30."""
        assert found(self.young(10, 240, views=90)) == set()
        assert found(self.young(400, 672, views=90)) == {("over_scheduled", "p")}

    def test_a_month_of_three_days_is_drawn_from_the_three_days(self):
        """72 hourly failures in three days are 730.5 a month, not the 78 of three days in 28."""
        failing = runs(0, 72, last_scheduled=("errored",) * 5)
        audited = audit(self.young(3, 0, use=failing))

        one = finding(audited, "failing_schedule")
        assert one.saving.runs == pytest.approx(24 * 30.4375)
        assert one.saving.micro == pytest.approx(24 * 30.4375 * 100_000, abs=2)
        assert one.cost.runs == pytest.approx(24 * 30.4375)
        assert audited.spent.runs == pytest.approx(24 * 30.4375)
        assert "made" in {fact.name for fact in one.evidence}

    def test_a_weekly_one_that_ran_once_in_three_days_is_not_ten_a_month(self):
        failing = runs(0, 1, last_scheduled=("errored",) * 5)
        one = finding(audit(self.young(3, 0, cron="0 6 * * 1", use=failing)), "failing_schedule")

        assert one.saving.runs == pytest.approx(30.4375 / 7)

    def test_the_first_hour_is_not_the_pace_of_a_month(self):
        batch = ProjectUse(by={("api", "completed"): Amount(60, 3_600_000)})
        audited = audit(self.young(1 / 24, 0, use=batch, schedules=()))

        assert audited.spent.runs == pytest.approx(60 * 30.4375)


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
