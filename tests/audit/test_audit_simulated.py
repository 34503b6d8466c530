"""The audit of a simulated workspace: what is planted is found, and what a token may not read is not judged."""

from typing import Any

import pytest
from helpers.evidencing import is_found, is_of
from helpers.evidencing import read_audit_input as truth_of
from helpers.wasteful import DAY_MS, MovingClock, config_of, follow, probe
from known_workspace import audited

from exporter.audit.input_reader import read_audit_input
from exporter.config import Collect
from exporter.simulator.tokens import Scope

PROBED = ("over_refreshed", "over_scheduled", "office", "daily")


@pytest.fixture(scope="module")
def world() -> Any:
    """A workspace that was followed until everything was read, and probed for four weeks."""
    clock = MovingClock(1_795_000_000.0)
    simulation, following = follow(clock, collect=Collect(exports=True))
    now_ms = round(clock.now() * 1000)
    config = config_of(simulation, collect=Collect(exports=True))
    config = probe(simulation, following.known, config, PROBED, now_ms)
    return simulation, following.known, config, now_ms


class TestOfASimulatedWorkspace:
    @pytest.mark.slow
    def test_everything_planted_is_found_and_nothing_else(self, world: Any, capsys: Any) -> None:
        simulation, ledger, config, now_ms = world
        planted = [one for one in simulation.waste if one.kind != "costly_plan"]
        wanted = [one for one in planted if one.is_waste]
        near = [one for one in planted if not one.is_waste]

        findings = audited(ledger, config, now_ms).findings

        right = [one for one in findings if any(is_of(piece, one) for piece in wanted)]
        found = [piece for piece in wanted if is_found(piece, findings)]
        with capsys.disabled():
            print(
                f"\n  through the ledger: precision {len(right)}/{len(findings)}, recall {len(found)}/{len(wanted)},"
                f" near misses flagged {sum(is_found(piece, findings) for piece in near)}/{len(near)}",
                end="",
            )
        assert [one.key for one in findings if one not in right] == []
        assert [piece for piece in wanted if piece not in found] == []
        assert [piece for piece in near if is_found(piece, findings)] == []

    @pytest.mark.slow
    def test_the_evidence_is_what_happened(self, world: Any) -> None:
        simulation, ledger, config, now_ms = world
        truth = truth_of(simulation)

        evidence = read_audit_input(ledger, config, now_ms)

        assert evidence.since_ms == now_ms - 28 * DAY_MS
        assert evidence.missing == {}
        assert {one.project_id for one in evidence.projects or ()} == {one.project_id for one in truth.projects or ()}
        runnable = {one.project_id for one in simulation.projects if one.is_runnable}
        assert len(runnable) > 25
        for project_id in runnable & truth.uses.keys():
            known = evidence.uses.get(project_id)
            expected = truth.uses[project_id]
            # The two look a few minutes apart, and Hex lists some runs without an end.
            for key, amount in expected.by.items():
                assert known is not None
                assert abs(known.by[key].runs - amount.runs) <= 2
            if expected.last_scheduled:
                assert known is not None
                assert known.last_scheduled[:1] in (expected.last_scheduled[:1], expected.last_scheduled[1:2])
                assert len(known.last_scheduled) == len(expected.last_scheduled)
        assert len(evidence.seats or ()) == len(simulation.seats)
        assert {one.connection_id for one in evidence.connections or ()} == {
            one.connection_id for one in simulation.links
        }

    @pytest.mark.slow
    def test_a_probed_source_is_measured(self, world: Any) -> None:
        simulation, ledger, config, now_ms = world
        project = next(one for one in simulation.projects if one.sort == "over_refreshed")

        evidence = read_audit_input(ledger, config, now_ms)

        source = evidence.sources[project.project_id]
        truth = truth_of(simulation).sources[project.project_id]
        assert abs(source.changes - truth.changes) <= 1
        assert source.checked_runs > 150
        assert source.unchanged_runs == pytest.approx(truth.unchanged_runs, abs=6)
        findings = [one for one in audited(ledger, config, now_ms).findings if one.subject == project.project_id]
        kinds = {(one.kind, one.confidence) for one in findings}
        assert kinds == {("over_refreshed", "measured"), ("replaceable_schedule", "measured")}
        assert [one.counted_by for one in findings if one.counted.runs] == [None], "the runs count once"

    def test_totals_never_exceed_what_is_spent(self, world: Any) -> None:
        _, ledger, config, now_ms = world

        found = audited(ledger, config, now_ms)

        assert 0 < found.saving.micro <= found.spent.micro
        assert 0 < found.saving.runs <= found.spent.runs
        assert sum(one.saving.micro or 0 for one in found.totals.values()) == found.saving.micro

    def test_people_and_projects_are_of_teams(self, world: Any) -> None:
        simulation, ledger, config, now_ms = world

        teams = read_audit_input(ledger, config, now_ms).teams

        for person in simulation.staff.people:
            assert teams[person.user_id] == person.email.split("@")[1].removesuffix(".example")
        owned = [one for one in simulation.projects if one.sort == "failing"]
        assert teams[owned[0].project_id] == owned[0].owner_email.split("@")[1].removesuffix(".example")


@pytest.fixture(scope="module")
def blind() -> Any:
    clock = MovingClock(1_795_000_000.0)
    without = (Scope.READ_USERS, Scope.READ_QUERIED_TABLES, Scope.READ_CELLS, Scope.READ_CONNECTIONS)
    simulation, following = follow(clock, without=without)
    return simulation, audited(following.known, config_of(), round(clock.now() * 1000))


class TestWithoutPermission:
    """What a token may not read is not judged, with the scope that is missing; never found to be nothing."""

    @pytest.mark.parametrize(
        ("kind", "scope"),
        [
            ("idle_paid_seat", "users"),
            ("costly_role", "users"),
            ("duplicate_projects", "queried tables"),
            ("unused_connection", "connections"),
            ("overlapping_connections", "connections"),
        ],
    )
    @pytest.mark.slow
    def test_kinds_are_not_judged_and_say_what_is_needed(self, blind: Any, kind: str, scope: str) -> None:
        _, found = blind

        (reason,) = [one for one in found.not_judged if one.kind == kind]

        assert not reason.is_partial
        assert scope in reason.needs
        assert "403" in reason.why
        assert kind not in found.totals
        assert not [one for one in found.findings if one.kind == kind]

    @pytest.mark.slow
    def test_the_rest_is_judged(self, blind: Any) -> None:
        simulation, found = blind

        kinds = {one.subject: one.kind for one in found.findings}
        for sort in ("abandoned", "unviewed", "failing"):
            for project in (one for one in simulation.projects if one.sort == sort):
                assert kinds[project.project_id] in {"abandoned_project", "unviewed_schedule", "failing_schedule"}
