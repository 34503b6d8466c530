"""What the audit found, as it is shown: absent where it could not be judged, and bounded."""

from pathlib import Path
from typing import Any

import pytest

from exporter.config import Audit as AuditSettings
from exporter.config import Labels
from exporter.facts import FINDING_KINDS
from exporter.insight.savings.finding import Audit, Finding, NotJudged, Saving, Total
from exporter.ledger import KnownFinding

SEAT = Finding(
    kind="idle_paid_seat",
    subject="u1",
    subject_type="user",
    subject_name="ada@acme.example",
    subjects=("u1",),
    team="sales",
    saving=Saving(micro=75_000_000),
    counted=Saving(micro=75_000_000),
    confidence="measured",
    why="has not logged in for 90 days",
    action="give it a free role",
    where="Hex: Settings, Users",
)
HOURLY = Finding(
    kind="abandoned_project",
    subject="p1",
    subject_type="project",
    subject_name="Orders",
    subjects=("p1",),
    saving=Saving(micro=36_500_000, runs=730.5, ms=43_830_000),
    counted=Saving(micro=36_500_000, runs=730.5, ms=43_830_000),
    confidence="estimated",
    why="nobody looks at it",
    action="archive it",
    where="Hex: the project, Schedule",
)
SECOND_WAY = Finding(
    kind="overlapping_connections",
    subject="c2",
    subject_type="connection",
    subject_name="Snowflake (old)",
    subjects=("c2", "c1"),
    saving=Saving(),
    cost=Saving(micro=95_500_000),
    confidence="measured",
    why="they lead to the same database",
    action="move its projects to the other one and remove it",
    where="Hex: Settings, Data sources",
)
CROWD = Finding(
    kind="colliding_schedules",
    subject="bob@acme.example",
    subject_type="owner",
    subject_name="bob@acme.example",
    subjects=("bob@acme.example", "p1"),
    saving=Saving(),
    confidence="measured",
    why="they meet",
    action="move one",
    where="Hex: each project, Schedule",
)


def audited(*findings: Finding, ignored: tuple[Finding, ...] = (), is_priced: bool = True, unjudged: str = "") -> Audit:
    """An audit that judged every kind but one, at the second 1,000."""
    totals = {
        kind: Total(
            kind=kind,
            findings=len(own := [one for one in findings if one.kind == kind]),
            saving=Saving(
                micro=sum(one.counted.micro or 0 for one in own) if own and is_priced else None,
                runs=sum(one.counted.runs for one in own),
            ),
        )
        for kind in FINDING_KINDS
        if kind != unjudged
    }
    return Audit(
        now_ms=1_000_000,
        since_ms=0,
        findings=findings,
        ignored=ignored,
        not_judged=(NotJudged(kind=unjudged, why="no users", needs="a scope"),) if unjudged else (),
        totals=totals,
        saving=Saving(),
        spent=Saving(micro=500_000_000) if is_priced else Saving(),
    )


@pytest.fixture
def shown(world: Any) -> Any:
    """The figures after an audit."""

    def figures(audit: Audit) -> Any:
        world.status.update("acme", audit=audit)
        return world.figures()

    return figures


def test_before_the_first_audit_nothing_is_said(world: Any) -> None:
    assert not [name for name in world.figures() if name.startswith("hex_finding")]


def test_kinds_are_counted_and_what_they_save_is_told(shown: Any) -> None:
    figures = shown(audited(SEAT, HOURLY))

    assert figures["hex_findings_last_audit_timestamp_seconds"] == {(): 1000}
    assert figures["hex_findings"][("idle_paid_seat",)] == 1
    assert figures["hex_findings_saving_month_usd"][("idle_paid_seat",)] == 75
    assert figures["hex_findings_saving_month_runs"][("abandoned_project",)] == 730.5


def test_what_was_judged_and_not_found_is_zero(shown: Any) -> None:
    """So that a first finding of a kind is seen as one."""
    figures = shown(audited(SEAT))

    assert figures["hex_findings"][("unused_connection",)] == 0
    assert figures["hex_findings_saving_month_usd"][("unused_connection",)] == 0
    assert set(figures["hex_findings"]) == {(kind,) for kind in FINDING_KINDS}


def test_what_could_not_be_judged_is_absent_and_said_to_be(shown: Any) -> None:
    figures = shown(audited(HOURLY, unjudged="idle_paid_seat"))

    for metric in ("hex_findings", "hex_findings_saving_month_usd", "hex_findings_saving_month_runs"):
        assert ("idle_paid_seat",) not in figures[metric]
    assert figures["hex_findings_judged"][("idle_paid_seat",)] == 0
    assert figures["hex_findings_judged"][("abandoned_project",)] == 1


def test_without_any_price_there_is_no_money_not_even_none(shown: Any) -> None:
    figures = shown(audited(HOURLY, is_priced=False))

    assert "hex_findings_saving_month_usd" not in figures
    assert figures["hex_findings_saving_month_runs"][("abandoned_project",)] == 730.5


def test_the_ignored_are_counted_apart(shown: Any) -> None:
    figures = shown(audited(HOURLY, ignored=(SEAT,)))

    assert figures["hex_findings"][("idle_paid_seat",)] == 0
    assert figures["hex_findings_ignored"][("idle_paid_seat",)] == 1
    assert ("idle_paid_seat", "u1") not in figures["hex_finding_saving_month_usd"]


def test_the_top_findings_have_names_and_series_and_the_rest_have_none(world: Any, shown: Any) -> None:
    world.configure(audit=AuditSettings(top=1))

    figures = shown(audited(SEAT, HOURLY))

    assert figures["hex_finding_saving_month_usd"] == {("idle_paid_seat", "u1"): 75}
    assert figures["hex_finding_saving_month_runs"] == {("idle_paid_seat", "u1"): 0}
    assert set(figures["hex_finding_info"]) == {
        ("idle_paid_seat", "u1", "user", "ada@acme.example", "sales", "measured", "give it a free role")
    }


def test_what_a_subject_costs_is_told_where_nobody_can_tell_what_it_would_save(shown: Any) -> None:
    """The board ranks connections that overlap by it."""
    figures = shown(audited(SECOND_WAY, HOURLY))

    assert figures["hex_finding_cost_month_usd"] == {("overlapping_connections", "c2"): 95.5}
    assert ("overlapping_connections", "c2") not in figures["hex_finding_saving_month_usd"]


def test_people_are_shown_as_owners_are(world: Any, shown: Any, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    world.configure(labels=Labels(owner="hash", hash_key_file=str(tmp_path / "key")))

    figures = shown(audited(SEAT, HOURLY, CROWD))

    assert "@" not in repr([labels for name in figures if name.startswith("hex_finding") for labels in figures[name]])
    assert len(figures["hex_finding_info"]) == 3


def test_where_owners_are_not_shown_their_findings_have_no_series(world: Any, shown: Any) -> None:
    world.configure(labels=Labels(owner="none"))

    figures = shown(audited(SEAT, CROWD))

    assert {labels[:4] for labels in figures["hex_finding_info"]} == {("idle_paid_seat", "u1", "user", "u1")}
    assert figures["hex_findings"][("colliding_schedules",)] == 1


def test_teams_add_up_to_what_kinds_add_up_to(shown: Any) -> None:
    figures = shown(audited(SEAT, HOURLY, CROWD))

    assert figures["hex_team_findings"] == {("sales",): 1, ("",): 2}
    assert figures["hex_team_saving_month_usd"] == {("sales",): 75, ("",): 36.5}
    assert sum(figures["hex_team_saving_month_runs"].values()) == sum(
        figures["hex_findings_saving_month_runs"].values()
    )


def test_a_finding_is_as_old_as_its_first_sight(world: Any, shown: Any) -> None:
    known = KnownFinding(kind="idle_paid_seat", subject="u1", first_seen_ms=400_000, last_seen_ms=1_000_000)
    world.acme.findings.write([known], {}, world.now_ms)

    figures = shown(audited(SEAT, HOURLY))

    assert figures["hex_finding_first_seen_timestamp_seconds"] == {("idle_paid_seat", "u1"): 400}


def test_another_process_shows_the_same_of_the_audit_that_was_kept(world: Any, shown: Any) -> None:
    audit = audited(SEAT, HOURLY, SECOND_WAY, CROWD)
    world.acme.findings.write([], {}, world.now_ms, {}, audit)

    kept, whole = shown(world.acme.findings.last_audit()), shown(audit)

    assert len([name for name in whole if name.startswith("hex_finding")]) > 5
    assert {name: one for name, one in kept.items() if "finding" in name} == {
        name: one for name, one in whole.items() if "finding" in name
    }


def test_realised_savings_are_dollars(world: Any) -> None:
    world.acme.findings.write([], {"idle_paid_seat": 2_500_000}, world.now_ms)
    world.release()

    assert world.figures()["hex_findings_realised_usd_total"] == {("idle_paid_seat",): 2.5}
