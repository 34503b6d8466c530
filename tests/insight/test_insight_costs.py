"""Prices, seats, credits and plans: what things cost, and that parts add up."""

import itertools
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import Prices, SeatPrices, Week
from exporter.facts import Seat
from exporter.insight.ai_credits import credits_cost, excess_milli, grants_of
from exporter.insight.calendar_period import period_at, period_before
from exporter.insight.credit_use import CreditGrowth, CreditUse
from exporter.insight.plans import plan_month, plan_months, ruled_out
from exporter.insight.seat_costs import moved, roles_of, seats_month, seats_share, unpriced_keys
from exporter.insight.tariffs import MICRO, tariff

WEEK = Week(timezone="Europe/Zurich")
LIST = tariff(Prices())
DEAL = tariff(
    Prices(
        plan="team",
        overrides={"team": SeatPrices(editor_month_micro_usd=28 * MICRO, explorer_month_micro_usd=10 * MICRO)},
        compute_hour_micro_usd={"4xl": 2 * MICRO},
        ai_credit_micro_usd=400_000,
    )
)


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Zurich")).timestamp() * 1000)


def seats(**roles: int) -> list[Seat]:
    return [Seat(user_id=f"{role}{number}", role=role) for role, count in roles.items() for number in range(count)]


def used(*amounts: tuple[str | None, int, int]) -> CreditUse:
    """Credits by who used them and when, in thousandths."""
    return CreditUse(
        CreditGrowth(str(number), user, "hex", "thread", "unknown", at_ms, at_ms, at_ms, credits_milli)
        for number, (user, at_ms, credits_milli) in enumerate(amounts)
    )


class TestTariff:
    def test_list_prices_hold_where_nothing_else_is_said(self):
        assert LIST.seat_month_micro_usd("team", "editor") == 75 * MICRO
        assert LIST.compute_hour_micro_usd("4xl") == 2_580_000
        assert LIST.compute_hour_micro_usd("medium") == 0
        assert LIST.ai_credit_micro_usd == 500_000
        assert LIST.plan is None
        assert not LIST.has_own_estimate

    def test_what_an_invoice_has_shown_scales_the_prices_of_what_is_billed(self):
        scaled = tariff(
            Prices(
                plan="professional",
                run_micro_usd=7,
                compute_hour_micro_usd={"large": 100_001},
                scale_micro={"seats": 900_000, "compute": 1_500_000, "ai_credits": 2_000_000},
            )
        )

        assert scaled.seat_month_micro_usd("professional", "editor") == 36 * MICRO * 9 // 10
        assert scaled.seat_month_micro_usd("team", "editor") == 75 * MICRO
        assert scaled.seat_month_micro_usd("enterprise", "editor") is None
        assert scaled.compute_hour_micro_usd("4xl") == 3_870_000
        assert scaled.compute_hour_micro_usd("large") == 150_002
        assert scaled.compute_hour_micro_usd("medium") == 0
        assert scaled.ai_credit_micro_usd == 1_000_000
        assert scaled.run_cost(3_870_000, 3_600_000) == (3_870_000, 7)

    def test_what_is_paid_takes_the_place_of_the_list(self):
        assert DEAL.seat_month_micro_usd("team", "editor") == 28 * MICRO
        assert DEAL.seat_month_micro_usd("professional", "editor") == 36 * MICRO
        assert DEAL.compute_hour_micro_usd("4xl") == 2 * MICRO
        assert DEAL.compute_hour_micro_usd("large") == 320_000
        assert DEAL.ai_credit_micro_usd == 400_000

    @pytest.mark.parametrize("role", ["admin", "manager", "editor"])
    def test_authors_are_billed_as_editors(self, role):
        assert DEAL.seat_month_micro_usd("team", role) == 28 * MICRO
        assert DEAL.credit_grant_milli("team", role) == 40_000

    def test_readers_and_roles_that_no_book_knows_are_free(self):
        assert DEAL.seat_month_micro_usd("team", "member") == 0
        assert DEAL.seat_month_micro_usd("team", "anonymous") == 0
        assert DEAL.seat_month_micro_usd("team", "unknown") == 0
        assert DEAL.credit_grant_milli("team", "member") == 0

    def test_a_price_that_nobody_names_is_none(self):
        assert LIST.seat_month_micro_usd("team", "explorer") is None
        assert LIST.seat_month_micro_usd("enterprise", "editor") is None

    def test_a_run_costs_compute_by_its_time_and_the_own_estimate(self):
        own = tariff(Prices(run_micro_usd=50_000, warehouse_minute_micro_usd=20_000))

        assert own.run_cost(2_580_000, 90_000) == (64_500, 50_000 + 30_000)
        assert own.run_cost(0, 0) == (0, 50_000)
        assert LIST.run_cost(2_580_000, 3_600_000) == (2_580_000, 0)

    def test_half_a_millionth_rounds_up(self):
        assert LIST.run_cost(1, 1_800_000) == (1, 0)
        assert LIST.run_cost(1, 1_799_999) == (0, 0)


class TestSeats:
    def test_a_month_is_seats_times_prices(self):
        assert seats_month(DEAL, "team", roles_of(seats(editor=3, explorer=2, member=9))) == 104 * MICRO

    def test_a_role_in_use_without_a_price_leaves_no_sum(self):
        assert seats_month(LIST, "team", {"editor": 1, "explorer": 1}) is None
        assert seats_month(LIST, "team", {"editor": 1, "explorer": 0}) == 75 * MICRO

    def test_the_missing_price_is_named_by_its_key(self):
        assert unpriced_keys(LIST, "team", {"explorer": 1, "editor": 1}) == ["prices.overrides.team.explorer_month"]
        assert unpriced_keys(LIST, "enterprise", {"admin": 1, "editor": 1}) == [
            "prices.overrides.enterprise.editor_month"
        ]
        assert unpriced_keys(DEAL, "team", {"explorer": 1}) == []

    def test_a_week_costs_its_days_of_the_month(self):
        november = period_at(ms("2026-11-18"), "week", WEEK)

        assert seats_share(DEAL, "team", {"editor": 15}, november, "Europe/Zurich") == 98 * MICRO  # 420 x 7 / 30

    def test_a_week_across_two_months_takes_a_part_of_each(self):
        week = period_at(ms("2026-12-31"), "week", WEEK)  # four days of December, three of January

        share = seats_share(DEAL, "team", {"editor": 31}, week, "Europe/Zurich")

        assert share == 28 * 7 * MICRO

    def test_a_clock_change_changes_no_price(self):
        weeks = [period_at(ms(day), "week", WEEK) for day in ("2026-10-21", "2026-10-14")]

        assert len({seats_share(DEAL, "team", {"editor": 3}, week, "Europe/Zurich") for week in weeks}) == 1

    @pytest.mark.parametrize("day", ["2026-11-01", "2027-02-01", "2028-02-01", "2026-12-01"])
    def test_a_month_costs_the_monthly_price(self, day):
        month = period_at(ms(day), "month", WEEK)

        assert seats_share(DEAL, "team", {"editor": 7}, month, "Europe/Zurich") == 7 * 28 * MICRO

    def test_seats_can_be_moved_to_ask_what_that_costs(self):
        after = moved({"editor": 5, "member": 1}, 3, "editor", "member")

        assert after == {"editor": 2, "member": 4}
        assert seats_month(DEAL, "team", after) == 56 * MICRO

    def test_more_seats_than_there_are_cannot_be_moved(self):
        with pytest.raises(ValueError, match="found 3 seats to move, expected at most the 2 of role 'editor'"):
            moved({"editor": 2}, 3, "editor", "member")


class TestCredits:
    NOVEMBER = period_at(ms("2026-11-18"), "month", WEEK)

    def test_only_what_is_beyond_each_users_own_grant_counts(self):
        use = used(("a", ms("2026-11-03"), 50_000), ("b", ms("2026-11-04"), 10_000))

        assert excess_milli(use, {"a": 40_000, "b": 40_000}, self.NOVEMBER) == 10_000

    def test_a_user_without_a_seat_has_no_grant(self):
        use = used(("gone", ms("2026-11-03"), 5_000), (None, ms("2026-11-03"), 2_000))

        assert excess_milli(use, {"a": 40_000}, self.NOVEMBER) == 7_000

    def test_grants_go_by_role(self):
        grants = grants_of(DEAL, "team", seats(editor=1, explorer=1, member=1))

        assert grants == {"editor0": 40_000, "explorer0": 10_000, "member0": 0}

    def test_a_grant_that_nobody_tells_is_none(self):
        assert grants_of(DEAL, "professional", seats(explorer=1)) is None

    def test_a_week_pays_what_it_adds_to_the_months_excess(self):
        use = used(("a", ms("2026-11-03"), 39_000), ("a", ms("2026-11-11"), 3_000), ("a", ms("2026-11-18"), 4_000))
        week = period_at(ms("2026-11-18"), "week", WEEK)

        grants = {"a": 40_000}
        assert credits_cost(DEAL, use, grants, period_before(week, "week", WEEK), WEEK) == 2 * 400_000
        assert credits_cost(DEAL, use, grants, week, WEEK) == 4 * 400_000

    def test_a_new_month_brings_a_new_grant(self):
        use = used(("a", ms("2026-11-30"), 60_000), ("a", ms("2026-12-01"), 40_000))
        week = period_at(ms("2026-12-02"), "week", WEEK)

        assert credits_cost(DEAL, use, {"a": 40_000}, week, WEEK) == 20 * 400_000

    @settings(max_examples=60, deadline=None)
    @given(
        amounts=st.lists(
            st.tuples(
                st.sampled_from("abc"), st.integers(ms("2026-11-01"), ms("2026-12-01") - 1), st.integers(0, 90_000)
            ),
            max_size=12,
        ),
        cuts=st.lists(st.integers(ms("2026-11-01"), ms("2026-12-01")), max_size=4),
    )
    def test_the_parts_of_a_month_add_up_to_it(self, amounts, cuts):
        use = used(*((user, at_ms, milli * 1_000) for user, at_ms, milli in amounts))
        grants = {"a": 40_000_000, "b": 10_000_000}
        edges = [self.NOVEMBER[0], *sorted(cuts), self.NOVEMBER[1]]

        parts = [
            credits_cost(DEAL, use, grants, (start, end), WEEK)
            for start, end in itertools.pairwise(edges)
            if start < end
        ]

        assert sum(parts) == credits_cost(DEAL, use, grants, self.NOVEMBER, WEEK)


class TestPlans:
    LAST_MONTH = period_at(ms("2026-10-10"), "month", WEEK)

    def test_each_plan_is_billed_with_its_own_prices_and_grants(self):
        use = used(("editor0", ms("2026-10-05"), 50_000))

        months = plan_months(LIST, seats(editor=2, member=5), use, self.LAST_MONTH)

        assert months == {"professional": 72 * MICRO + 20 * 500_000, "team": 150 * MICRO + 10 * 500_000}

    def test_a_plan_without_a_grant_can_be_compared_as_long_as_no_credits_are_used(self):
        assert plan_month(LIST, "community", seats(editor=2), used(), self.LAST_MONTH) == 0
        use = used(("editor0", ms("2026-10-05"), 1))
        assert plan_month(LIST, "community", seats(editor=2), use, self.LAST_MONTH) is None

    def test_where_threads_cannot_be_read_seats_are_compared(self):
        assert plan_month(DEAL, "team", seats(editor=2), None, self.LAST_MONTH) == 56 * MICRO

    def test_a_quote_brings_in_a_plan_without_a_list_price(self):
        quoted = tariff(Prices(overrides={"enterprise": SeatPrices(editor_month_micro_usd=60 * MICRO)}))

        assert plan_months(quoted, seats(editor=1), used(), self.LAST_MONTH)["enterprise"] == 60 * MICRO
        assert "enterprise" not in plan_months(LIST, seats(editor=1), used(), self.LAST_MONTH)

    def test_what_speaks_against_a_plan_is_said(self):
        plans = LIST.book.plans

        assert ruled_out(plans["team"], 40) == ()
        assert ruled_out(plans["professional"], 3) == ("it has no API, so nothing here could be measured any more",)
        assert ruled_out(plans["community"], 40)[1] == "it allows 5 published apps and 40 are published"
