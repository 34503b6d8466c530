"""The book of findings: an identity over time, and realised savings in step with their counter."""

from typing import Any

import pytest

from exporter.ledger import FindingRepository, KnownFinding


def finding(subject: str = "p", **changes: Any) -> KnownFinding:
    facts = {"kind": "abandoned_project", "first_seen_ms": 10, "last_seen_ms": 20}
    return KnownFinding(subject=subject, **{**facts, **changes})


def test_findings_outlive_a_restart_with_every_figure(bench: Any, now_ms: int) -> None:
    whole = finding(
        "a",
        saving_micro=5_000_000,
        saving_runs=12.5,
        saving_ms=60_000,
        cost_micro=7,
        realised_micro=9,
        gone_ms=30,
        saving_estimate_micro=3_000_000,
        realised_estimate_micro=4,
    )
    bench.workspace.findings.write([whole, finding("b")], {}, now_ms)

    bench.restart()

    assert bench.workspace.findings.known() == (whole, finding("b"))
    assert bench.ledger.workspace("other").findings.known() == ()


def test_a_later_record_takes_the_place_of_the_earlier_and_the_others_stay(bench: Any, now_ms: int) -> None:
    findings: FindingRepository = bench.workspace.findings
    findings.write([finding("a"), finding("b"), finding("a", kind="failing_schedule")], {}, now_ms)

    findings.write([finding("a", last_seen_ms=99)], {}, now_ms)

    assert findings.known() == (
        finding("a", last_seen_ms=99),
        finding("b"),
        finding("a", kind="failing_schedule"),
    )


def test_what_was_realised_is_counted_by_kind(bench: Any, now_ms: int) -> None:
    findings: FindingRepository = bench.workspace.findings
    findings.write([], {"abandoned_project": 0}, now_ms)
    findings.write([], {"abandoned_project": 3, "idle_paid_seat": 4}, now_ms)
    findings.write([], {"abandoned_project": 5}, now_ms)

    assert bench.sums() == {
        ("hex_findings_realised_usd_total", ("abandoned_project",)): 8,
        ("hex_findings_realised_usd_total", ("idle_paid_seat",)): 4,
    }


def test_records_and_counter_are_one(bench: Any, now_ms: int) -> None:
    with pytest.raises(ValueError, match="a counter never falls"):
        bench.workspace.findings.write([finding()], {"abandoned_project": -1}, now_ms)

    assert bench.workspace.findings.known() == ()


def test_what_is_gone_for_long_is_forgotten(bench: Any, now_ms: int) -> None:
    findings: FindingRepository = bench.workspace.findings
    findings.write([finding("gone", gone_ms=30), finding("still", last_seen_ms=20)], {}, now_ms)

    bench.workspace.prune(25)
    assert [one.subject for one in findings.known()] == ["gone", "still"]
    bench.workspace.prune(31)

    assert [one.subject for one in findings.known()] == ["still"]
