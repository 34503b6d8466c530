"""Budgets, prices and compute profiles: what a right file says, and what a wrong one is refused with."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from exporter.config import BOOKS, Budget, BudgetMatch, Compute, Prices, Thresholds, read_book
from exporter.config.price_book import book_on
from exporter.facts import Project

FIRST = "- {name: a, unit: runs, limit: 5}"
TWO = "workspaces: [{name: acme, token_env: A}, {name: labs, token_env: B}]\n"


class TestBudgets:
    def test_without_any_there_is_one_of_500_runs_a_week(self, load):
        assert load("").budgets == (Budget(name="weekly-runs", unit="runs", limit=500, period="week"),)

    def test_an_empty_list_is_none(self, load):
        assert load("budgets: []").budgets == ()

    def test_are_read_with_match_thresholds_and_period(self, load):
        text = "budgets: [{name: m, unit: usd, limit: 40.5, period: month, thresholds: {warning: 0.9}, match: "
        text += "{owner: '*@m.example', trigger: api}}]"

        (budget,) = load(text).budgets

        assert budget == Budget(
            name="m",
            unit="usd",
            limit=40.5,
            period="month",
            thresholds=Thresholds(info=0.5, warning=0.9, critical=1.0),
            match=BudgetMatch(owner="*@m.example", trigger="api"),
        )

    def test_each_workspace_that_fits_has_it(self, load):
        config = load(f"{TWO}budgets:\n{FIRST}\n- {{name: b, unit: runs, limit: 5, match: {{workspace: lab*}}}}")

        assert [budget.name for budget in config.budgets_of("labs")] == ["a", "b"]
        assert [budget.name for budget in config.budgets_of("acme")] == ["a"]

    def test_a_second_one_of_a_name_is_refused(self, places):
        assert places(f"budgets:\n{FIRST}\n{FIRST}") == ["3: budgets[1]"]

    @pytest.mark.parametrize("limit", ["0", "-5", "0.0", ".nan", ".inf", "yes", '"500"', "1.1e12"])
    def test_a_limit_is_above_0(self, mistakes, limit):
        assert mistakes(f"budgets:\n- name: a\n  unit: runs\n  limit: {limit}")[0].startswith(
            "hex.yml:4: budgets[0].limit: "
        )

    def test_an_unknown_unit_is_told_with_the_nearest(self, places):
        assert places("budgets:\n- {name: a, limit: 5,\n   unit: compute_minuets}") == ["3: budgets[0].unit"]

    @pytest.mark.parametrize("written", ["{info: 0.9}", "{critical: 0.8}", "{info: 2, warning: 1}", "{warning: 0.5}"])
    def test_thresholds_out_of_order_are_refused(self, mistakes, written):
        (mistake,) = mistakes(f"budgets:\n- name: a\n  unit: runs\n  limit: 5\n  thresholds: {written}")

        assert mistake.startswith("hex.yml:5: budgets[0].thresholds: info ")

    def test_ai_credits_of_a_project_are_refused(self, places):
        text = "budgets:\n- {name: a, unit: ai_credits, limit: 5, match: {workspace: default}}\n"
        text += "- {name: b, unit: ai_credits, limit: 5, match: {title: x}}"

        assert places(text) == ["3: budgets[1]"]

    def test_a_trigger_is_a_pattern(self):
        assert BudgetMatch(trigger="app_*").matches_trigger("app_refresh")
        assert not BudgetMatch(trigger="app_*").matches_trigger("api")
        assert BudgetMatch().matches_trigger("unknown")


class TestPrices:
    def test_money_is_whole_millionths_of_a_dollar(self, load):
        text = "prices: {plan: Team, overrides: {team: {editor_month: 28}}, run_usd: 0.05, ai_credit_usd: 0.000001}"

        prices = load(text).prices("acme")

        assert prices.plan == "team"
        assert prices.overrides["team"].editor_month_micro_usd == 28_000_000
        assert prices.run_micro_usd == 50_000
        assert prices.ai_credit_micro_usd == 1
        assert prices.warehouse_minute_micro_usd is None

    @pytest.mark.parametrize("written", ["-1", "0.0000001", "1e3", ".5", "1.", "010", "yes", '"5"', ".inf", "1" * 10])
    def test_what_is_no_amount_of_money_is_refused(self, places, written):
        assert places(f"prices: {{run_usd: {written}}}") == ["1: prices.run_usd"]

    def test_an_unknown_book_plan_or_profile_is_told_with_the_nearest(self, mistakes):
        text = """\
prices:
  book: hex-2026-01
  plan: teams
  overrides:
    tema: {}
    team: {editor: 5}
  compute_hour_usd: {4xxl: 1}
compute: {default: 3xl}
"""

        found = mistakes(text)

        assert [mistake.split(";")[0] for mistake in found] == [
            'hex.yml:2: prices.book: "hex-2026-01" is not valid',
            'hex.yml:3: prices.plan: "teams" is not valid',
            'hex.yml:5: prices.overrides: unknown key "tema"',
            'hex.yml:6: prices.overrides.team: unknown key "editor"',
            'hex.yml:7: prices.compute_hour_usd: unknown key "4xxl"',
            'hex.yml:8: compute.default: "3xl" is not valid',
        ]
        assert found[2].endswith("; did you mean team?")

    def test_the_first_that_fits_the_workspace_counts(self, load):
        config = load(TWO + "prices: [{workspace: labs, run_usd: 1}, {run_usd: 2}]")

        assert config.prices("labs").run_micro_usd == 1_000_000
        assert config.prices("acme").run_micro_usd == 2_000_000
        assert load(TWO + "prices: {workspace: labs, run_usd: 1}").prices("acme") == Prices()

    def test_prices_change_on_their_day(self, load):
        config = load(
            "prices:\n"
            "  - {valid_from: 2026-11-04, overrides: {team: {editor_month: 80}}, compute_hour_usd: {4xl: 3}}\n"
            "  - {plan: team, overrides: {team: {editor_month: 75, explorer_month: 12}}, compute_hour_usd: {xl: 1}}\n"
        )

        first, second = config.price_history("acme")

        assert first == config.prices("acme", date(2026, 11, 3))
        assert second == config.prices("acme", date(2026, 11, 4)) == config.prices("acme")
        assert first.overrides["team"].editor_month_micro_usd == 75_000_000
        assert second.overrides["team"].editor_month_micro_usd == 80_000_000
        # What the later entry does not mention goes on.
        assert second.plan == "team"
        assert second.overrides["team"].explorer_month_micro_usd == 12_000_000
        assert second.compute_hour_micro_usd == {"xl": 1_000_000, "4xl": 3_000_000}

    def test_each_pattern_of_workspaces_has_days_of_its_own(self, load):
        config = load(
            f"{TWO}prices: [{{workspace: labs, run_usd: 1}}, {{run_usd: 2}}, "
            "{workspace: labs, valid_from: 2026-11-01, run_usd: 3}]"
        )

        assert [one.run_micro_usd for one in config.price_history("labs")] == [1_000_000, 3_000_000]
        assert [one.run_micro_usd for one in config.price_history("acme")] == [2_000_000]

    def test_two_entries_from_the_same_day_are_refused(self, mistakes):
        text = "prices:\n- {valid_from: 2026-11-01, run_usd: 1}\n- {valid_from: 2026-11-01, run_usd: 2}\n"

        assert mistakes(text) == [
            'hex.yml:3: prices[1]: line 2 has prices for workspace "*" from 2026-11-01 on already; '
            "add the day of the change as valid_from"
        ]


class TestCompute:
    def test_the_first_profile_that_fits_a_project_counts(self, load):
        text = "compute: {default: large, profiles: [{match: {title: 'ML *'}, profile: 4xl}, "
        text += "{match: {owner: 'a@*'}, profile: L4}]}"

        compute = load(text).compute("acme")

        assert compute.profile_of("acme", Project(project_id="1", title="ml churn", owner="a@b")) == "4xl"
        assert compute.profile_of("acme", Project(project_id="2", owner="a@b")) == "l4"
        assert compute.profile_of("acme", Project(project_id="3")) == "large"

    def test_without_any_all_projects_are_medium(self, load):
        config = load(TWO + "compute: {workspace: labs, default: xl}")

        assert config.compute("acme") == Compute(default="medium")
        assert config.compute("labs").default == "xl"


class TestBooks:
    @pytest.mark.parametrize("name", BOOKS)
    def test_are_dated_and_name_their_sources(self, name):
        book = read_book(name)

        assert book.name == name
        assert name.endswith(book.valid_from.strftime("%Y-%m"))
        assert book.valid_from <= book.read_on
        assert book.sources
        assert all(source.startswith("https://") or source.startswith("github.com") for source in book.sources)

    def test_the_list_of_october_2026(self):
        book = read_book("hex-2026-10")

        assert book.plans["team"].editor_month == 75
        assert book.plans["professional"].editor_month == 36
        assert book.plans["enterprise"].editor_month is None
        assert book.compute_hour["4xl"] == Decimal("2.58")
        assert book.ai_credit == Decimal("0.50")
        assert [name for name, plan in book.plans.items() if plan.has_api] == ["team", "enterprise"]

    def test_each_applies_from_its_day_on(self):
        old = read_book("hex-2026-10")
        new = msgspec.structs.replace(old, name="new", valid_from=date(2027, 1, 1))

        assert book_on(date(2026, 12, 31), [old, new]) == old
        assert book_on(date(2027, 1, 1), [old, new]) == new
        assert book_on(date(2020, 1, 1), [old, new]) == old

    def test_an_unknown_one_is_a_key_error(self):
        with pytest.raises(KeyError):
            read_book("hex-1999-01")


class TestScale:
    """The factors that `hex-exporter reconcile` finds."""

    def test_by_component(self, load):
        (prices,) = load("prices: {plan: team, scale: {compute: 1.31, ai_credits: 0.9}}").price_lists

        assert prices.scale_micro == {"compute": 1_310_000, "ai_credits": 900_000}

    def test_one_number_is_for_all(self, load):
        (prices,) = load("prices: {scale: 1.5}").price_lists

        assert prices.scale_micro == {"seats": 1_500_000, "compute": 1_500_000, "ai_credits": 1_500_000}

    def test_from_a_day_on_beside_those_of_before(self, load):
        config = load("prices: [{plan: team, scale: {compute: 2}}, {valid_from: 2026-11-01, scale: {seats: 3}}]")

        assert config.prices("w", date(2026, 10, 31)).scale_micro == {"compute": 2_000_000}
        assert config.prices("w", date(2026, 11, 1)).scale_micro == {"compute": 2_000_000, "seats": 3_000_000}

    @pytest.mark.parametrize("written", ["0", "-1", "1001", "1e3", "yes", "'2'", "{compute: 0}", "{compute: x}"])
    def test_what_is_no_factor_is_refused(self, mistakes, written):
        (mistake,) = mistakes(f"prices: {{scale: {written}}}")

        assert "a factor such as 1.25" in mistake

    def test_what_is_no_component_is_refused_with_the_words(self, mistakes):
        (mistake,) = mistakes("prices: {scale: {computes: 2}}")

        assert 'unknown key "computes"; write one of seats, compute, ai_credits; did you mean compute?' in mistake
