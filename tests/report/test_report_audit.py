"""`audit`: ranked, in four forms, beside a running server, whatever the titles say."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from audited_workspace import CONFIG, record

from exporter.audit.auditor import Auditor
from exporter.config import Config, load_config
from exporter.errors import ConfigError
from exporter.facts import FINDING_KINDS, Seat
from exporter.ledger import open_ledger
from exporter.report.audit_forms import AUDIT_FORMS


def changed(audit_folder: Path, before: str, after: str) -> Config:
    text = CONFIG.replace(before, after)
    assert text != CONFIG
    return load_config(text.encode(), source="hex.yml", environ={}, state_dir=audit_folder)


class TestFindings:
    def test_are_ranked_by_what_hex_bills_before_the_own_estimate(self, audit_text: Any) -> None:
        acme, _ = audit_text()

        kinds = [(row["kind"], row["subject"]) for row in acme["findings"]]
        assert kinds == [("idle_paid_seat", "u2"), ("idle_paid_seat", "u3"), ("abandoned_project", "p1")]
        savings = [row["saving_month_usd"] for row in acme["findings"]]
        assert savings == [28.0, 10.0, pytest.approx(24 * 0.05 * 365.25 / 12, rel=0.01)]
        assert [row["saving_month_billed_usd"] for row in acme["findings"]] == [28.0, 10.0, 0.0]
        assert acme["saving"]["saving_month_usd"] == pytest.approx(sum(savings))
        assert acme["spent"]["spent_month_usd"] > acme["saving"]["saving_month_usd"]

    def test_each_has_figures_action_and_place(self, audit_text: Any) -> None:
        row = audit_text()[0]["findings"][-1]

        assert row["evidence"]["views"] == 0
        assert (row["confidence"], row["team"], row["owner"]) == ("measured", "sales", "gone@sales.example")
        assert row["action"]
        assert "Hex" in row["where"]
        assert row["saving_month_minutes"] == pytest.approx(row["saving_month_runs"])

    def test_figures_of_run_time_say_what_they_rest_on(self, audit_text: Any, audit_folder: Path) -> None:
        acme, _ = audit_text()

        basis = {row["subject"]: row["basis"] for row in acme["findings"]}
        assert basis == {"u2": "", "u3": "", "p1": "lower bound, assumed profile"}
        stated = changed(
            audit_folder, "week:", "compute: {profiles: [{match: {project_id: p1}, profile: small}]}\nweek:"
        )
        assert audit_text(settings=stated)[0]["findings"][-1]["basis"] == "lower bound"
        assert "measured; lower bound, assumed profile" in audit_text("markdown", workspace="acme")

    def test_ignored_ones_are_shown_with_reason_and_end_and_count_nowhere(self, audit_text: Any) -> None:
        acme, _ = audit_text()

        (row,) = acme["ignored"]
        assert (row["kind"], row["subject"], row["ignored"]) == ("failing_schedule", "p2", "fixed | next week")
        assert row["ignored_until"] == "2026-12-31"
        (total,) = [one for one in acme["kinds"] if one["kind"] == "failing_schedule"]
        assert (total["findings"], total["ignored"], total["saving_month_runs"]) == (0, 1, 0)

    def test_one_whose_end_has_passed_counts_again(self, audit_text: Any, audit_folder: Path) -> None:
        (acme, _) = audit_text(settings=changed(audit_folder, "2026-12-31", "2026-11-17"))

        assert acme["ignored"] == []
        assert "failing_schedule" in {row["kind"] for row in acme["findings"]}

    def test_what_could_not_be_judged_is_said_with_what_is_needed(self, audit_text: Any) -> None:
        acme, beta = audit_text()

        missing = {row["kind"]: row for row in acme["not_judged"]}
        assert missing["colliding_schedules"]["needs"] == "limits.connection_runs"
        assert all(row["needs"] and row["why"] for row in acme["not_judged"])
        assert beta["findings"] == beta["kinds"] == []
        assert len({row["kind"] for row in beta["not_judged"]}) == len(FINDING_KINDS)
        assert any("has not listed them yet" in remark for remark in beta["remarks"])

    def test_without_prices_it_ranks_by_runs_and_names_the_keys(self, audit_text: Any, audit_folder: Path) -> None:
        settings = changed(
            audit_folder,
            "prices: {plan: team, run_usd: 0.05, overrides: {team: {editor_month: 28, explorer_month: 10}}}",
            "",
        )
        (acme,) = audit_text(settings=settings, workspace="acme")

        assert acme["findings"][0]["subject"] == "p1"
        assert {row["saving_month_usd"] for row in acme["findings"]} == {None}
        assert acme["findings"][0]["saving_month_runs"] > 700
        assert any("prices.run_usd" in remark for remark in acme["remarks"])
        assert "usd" not in audit_text("table", settings=settings, workspace="acme").splitlines()[2]

    @pytest.mark.slow
    def test_people_are_shown_as_owners_are(self, audit_text: Any, audit_folder: Path) -> None:
        settings = changed(audit_folder, "week:", "labels: {owner: none}\nweek:")

        for form in AUDIT_FORMS:
            text = json.dumps(audit_text(form, settings=settings, workspace="acme"))
            assert "example" not in text, form
        (acme,) = audit_text(settings=settings, workspace="acme")
        assert [row["name"] for row in acme["findings"][:2]] == ["u2", "u3"]

    def test_what_is_not_judged_is_never_said_to_be_nothing(
        self, audit_text: Any, audit_config: Any, manual_clock: Any
    ) -> None:
        ledger = open_ledger(audit_config.storage.url, clock=manual_clock)
        ledger.workspace("acme").record_collector("users", False, round(manual_clock.now() * 1000))
        ledger.close()
        manual_clock.advance(7 * 3600)
        ledger = open_ledger(audit_config.storage.url, clock=manual_clock)
        ledger.workspace("acme").record_projects([], round(manual_clock.now() * 1000))
        ledger.workspace("acme").record_collector("projects", True, round(manual_clock.now() * 1000))
        ledger.close()

        (acme,) = audit_text(workspace="acme", kinds=("idle_paid_seat", "costly_role"))

        assert acme["kinds"] == []
        assert {row["kind"] for row in acme["not_judged"]} == {"idle_paid_seat", "costly_role"}
        assert all("the last attempt failed" in row["why"] for row in acme["not_judged"])
        text = audit_text("table", workspace="acme", kinds=("idle_paid_seat", "costly_role"))
        assert "none of these kinds could be judged" in text
        assert "needed: a token that may read users" in text


class TestFilters:
    def test_by_kind(self, audit_text: Any) -> None:
        (acme,) = audit_text(kinds=("idle_paid_seat", "unused_connection"), workspace="acme")

        assert {row["kind"] for row in acme["findings"]} == {"idle_paid_seat"}
        assert {row["kind"] for row in acme["kinds"]} == {"idle_paid_seat", "unused_connection"}
        assert acme["saving"]["saving_month_usd"] == 38.0

    def test_by_saving(self, audit_text: Any) -> None:
        (acme,) = audit_text(least_micro=28_000_000, workspace="acme")

        assert [row["subject"] for row in acme["findings"]] == ["u2", "p1"]
        assert acme["ignored"] == []

    def test_by_team(self, audit_text: Any) -> None:
        (acme,) = audit_text(team="ops", workspace="acme")

        assert [row["subject"] for row in acme["findings"]] == ["u3"]
        assert [row["team"] for row in acme["teams"]] == ["ops"]

    @pytest.mark.parametrize(
        ("wanted", "said"),
        [
            ({"workspace": "gamma"}, "--workspace: 'gamma' is not a workspace; write one of acme, beta"),
            ({"team": "it"}, "--team: 'it' is not a team; write one of sales, ops"),
        ],
    )
    def test_what_does_not_exist_is_refused(self, audit_text: Any, wanted: dict[str, str], said: str) -> None:
        with pytest.raises(ConfigError) as caught:
            audit_text(**wanted)

        assert str(caught.value) == said


class TestTeams:
    def test_each_has_its_findings_cost_and_runs(self, audit_text: Any) -> None:
        (acme,) = audit_text(workspace="acme")

        teams = {row["team"]: row for row in acme["teams"]}
        assert set(teams) == {"sales", "ops"}
        assert teams["sales"]["findings"] == 2
        assert teams["sales"]["saving_month_usd"] == pytest.approx(
            sum(row["counted_month_usd"] for row in acme["findings"] if row["team"] == "sales")
        )
        assert teams["sales"]["cost_month_usd"] == pytest.approx(28 + 36.5, rel=0.01)
        assert teams["ops"]["cost_month_runs"] == pytest.approx(2 * 30.4, rel=0.05)
        spent = acme["spent"]["spent_month_usd"]
        assert sum(row["cost_month_usd"] for row in teams.values()) == pytest.approx(spent)


class TestOverTime:
    @pytest.mark.slow
    def test_it_shows_since_when_and_what_was_saved(
        self, audit_text: Any, audit_config: Any, manual_clock: Any
    ) -> None:
        assert audit_text()[0]["findings"][0]["first_seen"] is None

        def serve(*, idle: bool) -> None:
            ledger = open_ledger(audit_config.storage.url, clock=manual_clock)
            now_ms = round(manual_clock.now() * 1000)
            record(ledger, now_ms)
            if not idle:
                seats = [Seat(user_id="u1", email="a@ops.example", role="editor", last_login_ms=now_ms)]
                ledger.workspace("acme").record_seats(seats, now_ms)
            asyncio.run(Auditor(ledger.workspace("acme"), audit_config, manual_clock).once())
            ledger.close()

        serve(idle=True)
        for days, idle in ((3, True), (1, False), (10, False)):
            manual_clock.advance(days * 86_400)
            serve(idle=idle)

        (acme,) = audit_text(workspace="acme")
        assert acme["findings"][0]["days"] == 14
        assert {row["subject"] for row in acme["gone"]} == {"u2", "u3"}
        assert acme["realised_usd"] == pytest.approx(38 * 10 / 30.4375, abs=0.01)
        (total,) = [row for row in acme["kinds"] if row["kind"] == "idle_paid_seat"]
        assert (total["findings"], total["realised_usd"]) == (0, acme["realised_usd"])
        assert "14 days" in audit_text("details", workspace="acme")

    def test_a_ledger_that_nobody_writes_any_more_is_judged_as_of_its_last_day(
        self, audit_text: Any, manual_clock: Any
    ) -> None:
        manual_clock.advance(3 * 86_400)

        (acme,) = audit_text(workspace="acme")

        assert len(acme["findings"]) == 3
        assert any(remark.startswith("as of 2026-11-18") for remark in acme["remarks"])


class TestIgnored:
    OVER = "ignore[1] (abandoned project 'p1') is over since 2026-07-01: write a later until, or remove it"

    def test_an_entry_that_is_over_is_said_once_after_all_workspaces(self, audit_text: Any) -> None:
        acme, beta = audit_text()

        assert self.OVER not in acme["remarks"]
        assert self.OVER in beta["remarks"]

    def test_an_entry_that_matches_no_finding_is_said(self, audit_text: Any, audit_folder: Path) -> None:
        one = changed(audit_folder, "workspaces: [{name: acme, token_env: A}, {name: beta, token_env: B}]",
                      "workspaces: [{name: acme, token_env: A}]")  # fmt: skip
        text = CONFIG.replace('subject: "Nightly*"', 'subject: "Nigthly*"').replace(", {name: beta, token_env: B}", "")
        wrong = load_config(text.encode(), source="hex.yml", environ={}, state_dir=audit_folder)
        sentence = "ignore[0] matches no finding: no failing schedule is called 'Nigthly*'; correct it, or remove it"

        assert sentence in audit_text(settings=wrong)[0]["remarks"]
        assert not any("ignore[0]" in remark for remark in audit_text(settings=one)[0]["remarks"])
