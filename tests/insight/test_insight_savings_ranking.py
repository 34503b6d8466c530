"""The audit as a whole: what is ignored, how findings rank, and what is said where money is lacking."""

from dataclasses import replace
from datetime import date

import pytest
from helpers.auditing import NOW_MS, boss, days_ago, project, runs, schedule, seat, world

from exporter.config import Ignore, Prices
from exporter.facts import FINDING_KINDS
from exporter.insight.savings.audit_input import WarehouseQueries
from exporter.insight.savings.finding import Saving
from exporter.insight.savings.ranking import audit
from exporter.insight.tariffs import tariff

TODAY = date(2026, 11, 18)
UNPRICED = tariff(Prices())


def ignore(kind="abandoned_project", subject="p", until=None):
    return Ignore(kind=kind, subject=subject, reason="kept for the auditors", until=until)


class TestIgnored:
    @pytest.mark.parametrize("subject", ["p", "title of *", "*"])
    @pytest.mark.parametrize("until", [None, TODAY])
    def test_it_is_shown_and_counts_nowhere(self, subject, until):
        audited = audit(world(project()), (ignore(subject=subject, until=until),), TODAY)

        (one,) = audited.ignored
        assert (one.ignored, one.ignored_until) == ("kept for the auditors", until)
        assert one.saving.runs > 0
        assert one.counted == Saving()
        assert audited.findings == ()
        assert audited.totals["abandoned_project"].findings == 0
        assert (audited.saving.micro, audited.saving.runs) == (None, 0)

    @pytest.mark.parametrize(
        "rule", [ignore("unviewed_schedule"), ignore(subject="q"), ignore(until=date(2026, 11, 17))]
    )
    def test_other_kinds_other_subjects_and_entries_that_ended_ignore_nothing(self, rule):
        audited = audit(world(project()), (rule,), TODAY)

        assert (len(audited.findings), audited.ignored) == (1, ())

    def test_today_is_the_day_of_the_evidence_unless_it_is_said(self):
        assert len(audit(world(project()), (ignore(until=date(2026, 11, 18)),)).ignored) == 1
        assert len(audit(world(project()), (ignore(until=date(2026, 11, 17)),)).ignored) == 0

    def test_an_ignored_finding_leaves_its_runs_to_the_next(self):
        failing = world(project(), uses={"p": runs(8, 20, last_scheduled=("errored",) * 5)})

        both, one = audit(failing), audit(failing, (ignore(),), TODAY)

        assert [finding.counted.runs > 0 for finding in both.findings] == [True, False]
        assert [(finding.kind, finding.counted.runs > 0) for finding in one.findings] == [("failing_schedule", True)]


class TestRanking:
    def evidence(self):
        small = project("small")
        large = project("large", schedules=(schedule("0 * * * *"),))
        return world(
            small,
            large,
            uses={"small": runs(28), "large": runs(672)},
            seats=(boss(), seat()),
        )

    def test_by_money(self):
        """A seat is 75 dollars, hourly runs at 10 cents are 73, daily ones are 3."""
        assert [one.subject for one in audit(self.evidence()).findings] == ["u", "large", "small"]

    def test_what_hex_bills_comes_before_a_larger_estimate(self):
        """Half a dollar a run makes 365 dollars of hourly runs, but no bill is smaller without them."""
        dear = replace(self.evidence(), tariff=tariff(Prices(plan="team", run_micro_usd=500_000)))

        findings = audit(dear).findings

        assert [one.subject for one in findings] == ["u", "large", "small"]
        assert [one.saving.money("billed") for one in findings] == [75_000_000, 0, 0]
        assert findings[1].saving.money("estimate") > 75_000_000

    def test_by_runs_and_minutes_where_nothing_has_a_price(self):
        audited = audit(replace(self.evidence(), tariff=UNPRICED))

        assert [one.subject for one in audited.findings] == ["large", "small", "u"]
        assert {one.saving.micro for one in audited.findings} == {None}
        assert audited.saving.micro is None
        assert any("prices.run_usd" in hint and "prices.warehouse_usd_per_minute" in hint for hint in audited.hints)
        assert any("prices.plan" in hint for hint in audited.hints)

    def test_paid_compute_alone_is_money_too(self):
        evidence = replace(self.evidence(), tariff=UNPRICED, compute_hour_micro={"small": 2_580_000})

        audited = audit(evidence)

        assert audited.findings[0].subject == "small"
        assert audited.saving.micro == 28 * 60_000 * 2_580_000 // 3_600_000 * 2_629_800_000 // (28 * 86_400_000)

    def test_the_order_does_not_depend_on_the_order_of_the_evidence(self):
        evidence = self.evidence()
        turned = replace(evidence, projects=evidence.projects[::-1], seats=evidence.seats[::-1])

        assert audit(turned).findings == audit(evidence).findings


class TestNothingKnown:
    def test_every_kind_is_not_judged_and_says_what_it_needs(self):
        nothing = world(projects=None, uses={}, seats=None, connections=None, tables=None, threads=None, since_ms=None)

        audited = audit(replace(nothing, connection_runs=None))

        assert (audited.findings, audited.totals) == ((), {})
        assert {one.kind for one in audited.not_judged} == set(FINDING_KINDS)
        assert all(one.why and one.needs and not one.is_partial for one in audited.not_judged)

    def test_an_empty_workspace_has_every_kind_judged_and_none_found(self):
        audited = audit(world(settings={}, queries=WarehouseQueries(span_ms=1, hours=())))

        assert set(audited.totals) == set(FINDING_KINDS)
        assert {one.findings for one in audited.totals.values()} == {0}

    def test_teams_and_owners_are_on_the_findings(self):
        audited = audit(world(project(), teams={"p": "sales"}))

        assert [(one.team, one.owner) for one in audited.findings] == [("sales", "gone@x.example")]

    def test_what_runs_lately_of_a_gone_project_is_still_spent(self):
        audited = audit(world(uses={"gone": runs(28, last_ms={"scheduled": days_ago(1)})}, now_ms=NOW_MS))

        assert audited.spent.runs == pytest.approx(30.4375)
