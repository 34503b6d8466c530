"""The audit of simulated workspaces: everything that was planted, nothing else, and at its true price."""

from collections import Counter

import pytest
from helpers.evidencing import PRICES, StillClock, is_found, is_of, month_micro_usd, read_audit_input, without_tables
from helpers.sizes import size
from msgspec.structs import replace

from exporter.facts import FINDING_KINDS
from exporter.insight.savings.ranking import audit
from exporter.insight.tariffs import tariff
from exporter.simulator import Simulation

NOW = 1_795_000_000.0

WORKSPACES = ((1, 40), (3, 80), (2, 40), (5, 120), (7, 200))[: size(2, 5)]
"""Seeds and sizes: each sort of waste is planted in the smallest one already."""


@pytest.fixture(scope="module", params=WORKSPACES, ids=lambda pair: f"seed-{pair[0]}-{pair[1]}-projects")
def workspace(request):
    seed, projects = request.param
    return Simulation(seed, projects, clock=StillClock(NOW))


BY_LOG = {"costliest_cell", "full_refresh", "notebook_by_hand"}
"""What goes by the logs of warehouses has its near misses in test_insight_savings_warehouse.py."""


@pytest.fixture(scope="module")
def findings(workspace):
    return audit(read_audit_input(workspace, connection_runs=bearable(workspace))).findings


@pytest.fixture(scope="module")
def small():
    return Simulation(1, 40, clock=StillClock(NOW))


def bearable(simulation):
    """One run fewer than meet on the connection of those that start at six."""
    return sum(project.sort == "six" for project in simulation.projects) - 1


def planted(simulation, plan="team"):
    """What was planted, by whether it is waste; what is planted on plans is there for the plan alone."""
    pieces = [one for one in simulation.waste if one.kind != "costly_plan" or one.subjects[0] == plan]
    return [one for one in pieces if one.is_waste], [one for one in pieces if not one.is_waste]


def show(text, capsys):
    with capsys.disabled():
        print(f"\n{text}", end="")


class TestPlanted:
    @pytest.mark.slow
    def test_everything_planted_is_found_and_nothing_else(self, workspace, findings, capsys):
        wanted, near = planted(workspace)

        right = [one for one in findings if any(is_of(piece, one) for piece in wanted)]
        found = [piece for piece in wanted if is_found(piece, findings)]
        show(
            f"  {len(workspace.projects)} projects, seed {workspace.seed}: precision {len(right)}/{len(findings)},"
            f" recall {len(found)}/{len(wanted)}, near misses flagged"
            f" {sum(is_found(piece, findings) for piece in near)}/{len(near)}",
            capsys,
        )
        assert [one.key for one in findings if one not in right] == []
        assert [piece for piece in wanted if piece not in found] == []
        assert [piece for piece in near if is_found(piece, findings)] == []
        assert {piece.kind for piece in near} | {"costly_plan"} == set(FINDING_KINDS) - BY_LOG

    @pytest.mark.slow
    def test_each_piece_is_worth_what_it_was_planted_with(self, workspace, findings):
        wanted, _ = planted(workspace)

        for piece in wanted:
            (found,) = [one for one in findings if is_of(piece, one)]
            if piece.runs_per_week or piece.role or piece.profile:
                # A month of a daily project is 28 runs: chance alone moves their time by a tenth.
                assert found.saving.micro == pytest.approx(month_micro_usd(piece), rel=0.12)

    @pytest.mark.slow
    def test_every_finding_says_what_to_do_and_why(self, findings):
        for one in findings:
            assert one.kind in FINDING_KINDS
            assert one.subjects[0] == one.subject
            assert one.confidence in ("measured", "estimated")
            assert all((one.subject_name, one.why, one.action, one.where, one.evidence))

    @pytest.mark.slow
    def test_what_hex_bills_comes_first_and_then_the_largest_by_the_own_estimate(self, workspace, findings):
        """Runs on free compute cost only what their owners say: no seat that is billed may stand behind them."""
        at_stake = [one.cost if one.kind == "overlapping_connections" else one.saving for one in findings]
        by_kind = [(one.money("billed") or 0, one.money("estimate") or 0) for one in at_stake]
        assert by_kind == sorted(by_kind, reverse=True)

        hourly = sum(project.sort == "abandoned" for project in workspace.projects)
        unbilled = [one.kind for one, (billed, _) in zip(findings, by_kind, strict=True) if not billed]
        assert sorted(set(unbilled[: hourly + 1])) == ["abandoned_project", "overlapping_connections"]


class TestWithLess:
    """With less to go by, less is found, and what is found is still there."""

    @pytest.mark.slow
    def test_without_sources_what_runs_too_often_is_estimated_by_views(self, small):
        wanted, near = planted(small)
        pieces = [one for one in wanted if one.kind in ("over_refreshed", "over_scheduled")]

        findings = audit(read_audit_input(small, sources=False)).findings

        often = [one for one in findings if one.kind in ("over_refreshed", "over_scheduled")]
        assert {one.subject for one in often} == {one.subjects[0] for one in pieces}
        assert {one.confidence for one in often} == {"estimated"}
        assert not any(is_found(piece, findings) for piece in near)

    def test_with_cells_alone_connections_are_judged_and_duplicates_are_not(self, small):
        found = audit(without_tables(read_audit_input(small)))

        kinds = Counter(one.kind for one in found.findings)
        assert (kinds["unused_connection"], kinds["duplicate_projects"]) == (1, 0)
        (blind,) = [one for one in found.not_judged if one.kind == "duplicate_projects"]
        assert "only the connections are known" in blind.why


class TestPlans:
    def enterprise(self, simulation):
        return read_audit_input(simulation, prices=replace(PRICES, plan="enterprise"))

    @pytest.mark.slow
    def test_enterprise_without_its_features_in_use_costs_more_than_team(self, small):
        wanted, _ = planted(small, "enterprise")
        (piece,) = [one for one in wanted if one.kind == "costly_plan"]

        (found,) = [one for one in audit(without_tables(self.enterprise(small))).findings if one.kind == "costly_plan"]

        assert is_of(piece, found)
        prices = tariff(PRICES)
        roles = Counter(seat.role for seat in small.seats)
        seats = sum(
            count * (prices.seat_month_micro_usd("enterprise", role) - prices.seat_month_micro_usd("team", role))
            for role, count in roles.items()
        )
        assert found.saving.micro == pytest.approx(seats, rel=0.05)

    def test_queried_tables_in_use_keep_it_on_enterprise(self, small):
        assert "costly_plan" not in {one.kind for one in audit(self.enterprise(small)).findings}

    def test_a_plan_without_the_api_is_never_proposed(self, small):
        """An editor is 36 dollars on Professional, and 60 on Team here."""
        found = audit(
            read_audit_input(small, prices=replace(PRICES, overrides={"team": PRICES.overrides["enterprise"]}))
        )

        assert "costly_plan" not in {one.kind for one in found.findings}

    def test_a_seat_saves_once_whether_its_role_or_the_plan_changes(self, small):
        evidence = without_tables(self.enterprise(small))

        found = audit(evidence)

        seats = [one for one in found.findings if one.kind in ("idle_paid_seat", "costly_role")]
        (plan,) = [one for one in found.findings if one.kind == "costly_plan"]
        moved = Counter(next(seat.role for seat in small.seats if seat.user_id == one.subject) for one in seats)
        twice = moved["editor"] * (60 - 28) + moved["explorer"] * (15 - 10)
        assert plan.saving.micro - plan.counted.micro == twice * 1_000_000
