"""Duplicates of projects, and projects that are young."""

from dataclasses import replace

import pytest
from helpers.auditing import (
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
from helpers.evidencing import ABANDONED, UNVIEWED

from exporter.facts import QueriedTable
from exporter.insight.savings.audit_input import Amount, ProjectUse
from exporter.insight.savings.ranking import audit


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

    @pytest.mark.slow
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
