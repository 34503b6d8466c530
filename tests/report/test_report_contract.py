"""A contract in report, audit and metrics: sums made here from the price list and the calendar, not by the code."""

import asyncio
import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exporter.audit import Auditor
from exporter.config import load_config
from exporter.facts import Project, Run, Seat, Thread
from exporter.ledger import RunProgress, open_ledger
from exporter.metrics import Collector, Status
from exporter.report.audit_forms import AUDIT_FORMS
from exporter.report.audit_report import FindingFilter, audit_reports
from exporter.report.week_forms import WEEK_FORMS
from exporter.report.week_report import week_reports

DAY_MS = 86_400_000

# Team: 75 dollars a month and editor. 4XL: 2.58 dollars an hour.
CONFIG = """\
workspaces: [{name: acme, token_env: A}]
storage: {url: "sqlite:///ledger.db"}
week: {timezone: Europe/Zurich}
prices: {plan: team}
compute: {default: 4xl}
CONTRACT
"""
CONTRACT = (
    "contract: {seats: {editor: 4}, credits_month: 100, commit_usd_year: 6000, renews_on: 2027-03-01, billing: annual}"
)
RUN_MS = 1_234_567
RUNS = 60
MONTHS_LEFT = Decimal(13) / 30 + 3  # 18 to 30 November; December, January and February


@pytest.fixture
def report(tmp_path: Path, manual_clock: Any) -> Callable[..., Any]:
    """Wednesday, 18 November 2026: seats as they are wanted, a run on each of sixty days, 40 credits today."""

    def made(*seats: tuple[str, bool], contract: str = CONTRACT, days: int = 0) -> dict[str, Any]:
        file = tmp_path / "hex.yml"
        config = CONFIG if "prices:" not in contract else CONFIG.replace("prices: {plan: team}\n", "")
        file.write_text(config.replace("CONTRACT", contract))
        config = load_config(file.read_bytes(), source=str(file), environ={}, state_dir=tmp_path)
        manual_clock.advance(days * 86_400)
        now_ms = round(manual_clock.now() * 1000)
        ledger = open_ledger(config.storage.url, clock=manual_clock)
        acme = ledger.workspace("acme")
        acme.first_contact(now_ms)
        acme.record_projects([Project(project_id="ml", title="ML", created_ms=1, published_ms=1)], now_ms)
        acme.record_seats(
            [
                Seat(user_id=f"u{n}", email=f"u{n}@x.example", role=role, last_login_ms=None if is_idle else now_ms)
                for n, (role, is_idle) in enumerate(seats)
            ],
            now_ms,
        )
        acme.record_threads(
            [Thread(thread_id="t", user_id="u0", created_ms=now_ms - 3_600_000, credits_milli=40_000)], now_ms
        )
        for collector in ("projects", "users", "threads"):
            acme.record_collector(collector, True, now_ms)
        runs = [
            Run(
                run_id=str(ago),
                project_id="ml",
                status="completed",
                trigger="scheduled",
                start_ms=now_ms - ago * DAY_MS - 7_200_000,
                elapsed_ms=RUN_MS,
            )
            for ago in range(RUNS)
        ]
        acme.record_runs("ml", runs, RunProgress(known_until_ms=now_ms, known_from_ms=0), now_ms)
        asyncio.run(Auditor(acme, config, manual_clock).once())
        audits = list(audit_reports(ledger, config, manual_clock, FindingFilter()))
        reports = list(week_reports(ledger, config, manual_clock))
        figures = {
            family.metric.name: {labels[1:]: value for labels, value in family.samples}
            for family in Collector(ledger, Status()).collect(config, now_ms)
        }
        found = {
            "report": json.loads(WEEK_FORMS["json"](reports))[0],
            "audit": json.loads(AUDIT_FORMS["json"](audits))[0],
            "audit_text": AUDIT_FORMS["table"](audits),
            "table": WEEK_FORMS["table"](reports),
            "csv": WEEK_FORMS["csv"](reports),
            "figures": figures,
        }
        ledger.close()
        return found

    return made


def row(found: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [one for one in found["report"]["contract"] if one["contract"] == name]
    return one


BUSY, IDLE = ("editor", False), ("editor", True)
ADMIN = ("admin", False)


def test_seats_beyond_the_contract_are_trued_up_until_the_renewal(report: Any) -> None:
    found = report(ADMIN, BUSY, BUSY, BUSY, BUSY, BUSY, ("member", False))

    seats = row(found, "editor seats")
    assert (seats["bought"], seats["used"], seats["unused"], seats["over"]) == (4, 6, 0, 2)
    assert Decimal(str(seats["true_up_usd"])) == round(2 * 75 * MONTHS_LEFT, 6)
    assert found["figures"]["hex_contract_true_up_usd"][("seats",)] == seats["true_up_usd"]
    assert found["figures"]["hex_contract_seats"] == {("editor",): 4}
    assert found["figures"]["hex_contract_seats_used"] == {("editor",): 6}


def test_idle_seats_save_nothing_before_the_renewal_and_their_price_at_it(report: Any) -> None:
    found = report(ADMIN, BUSY, IDLE)

    seats = row(found, "editor seats")
    assert (seats["unused"], seats["idle"]) == (1, 1)
    assert seats["saves_before_renewal_month_usd"] == 0
    assert seats["saves_at_renewal_month_usd"] == 2 * 75
    assert any(
        "before the renewal on 2027-03-01 idle seats save nothing, they are paid" in one and "150.00 USD" in one
        for one in found["report"]["remarks"]
    )
    (finding,) = [one for one in found["audit"]["findings"] if one["kind"] == "idle_paid_seat"]
    assert finding["saving_month_usd"] == 0
    assert finding["saving_at_renewal_month_usd"] == 75
    assert finding["evidence"]["saves before renewal"] == 0
    assert finding["evidence"]["saves at renewal"] == 75
    assert "the contract has paid until the renewal on 2027-03-01: nothing is saved before" in finding["why"]
    assert "from the renewal of the contract on: " in found["audit_text"]


def test_of_idle_seats_beyond_the_contract_each_saves_at_once(report: Any) -> None:
    found = report(ADMIN, BUSY, BUSY, IDLE, IDLE)

    savings = sorted(
        (one["saving_month_usd"], one["saving_at_renewal_month_usd"])
        for one in found["audit"]["findings"]
        if one["kind"] == "idle_paid_seat"
    )
    assert savings == [(0, 75), (75, None)]
    assert row(found, "editor seats")["saves_before_renewal_month_usd"] == 75
    assert row(found, "editor seats")["saves_at_renewal_month_usd"] == 150


def test_billed_by_the_month_an_idle_seat_saves_as_without_a_contract(report: Any) -> None:
    found = report(ADMIN, BUSY, IDLE, contract=CONTRACT.replace("annual", "monthly"))

    (finding,) = [one for one in found["audit"]["findings"] if one["kind"] == "idle_paid_seat"]
    assert (finding["saving_month_usd"], finding["saving_at_renewal_month_usd"]) == (75, None)
    assert row(found, "editor seats")["saves_before_renewal_month_usd"] == 75


def test_credits_of_the_month_at_the_pace_of_the_last_seven_days(report: Any) -> None:
    """40 credits in the last seven days; the rest of November, from 12:06:40 on the 18th in Zurich, is 12.4954 days."""
    credits = row(report(ADMIN), "AI credits")

    left_days = Decimal(12) + Decimal(11 * 3600 + 53 * 60 + 20) / 86_400
    expected = 40 + 40 * left_days / 7
    assert (credits["bought"], credits["used"]) == (100, 40)
    assert Decimal(str(credits["expected"])) == pytest.approx(expected, abs=Decimal("0.001"))
    assert Decimal(str(credits["true_up_usd"])) == pytest.approx(
        (expected - 100) * Decimal("0.5"), abs=Decimal("0.001")
    )
    assert credits["basis"] == "lower bound"


def test_the_commit_is_the_bill_of_the_known_days_and_the_year_at_their_pace(report: Any) -> None:
    """Credits are kept for 160 days, from 12 June on: 19 days of June, four months, 18 days of November."""
    found = report(ADMIN, BUSY)
    commit = row(found, "commit")

    seats = 4 * 75 * (4 + Decimal(19) / 30 + Decimal(18) / 30)  # two are held, and four are paid
    compute = round(Decimal("2.58") * RUNS * RUN_MS / 3_600_000, 6)
    used = seats + compute  # 40 credits are within the grants of two editors
    assert Decimal(str(commit["used"])) == pytest.approx(used, abs=Decimal("0.000002"))
    assert Decimal(str(commit["expected"])) == pytest.approx(used * 365 / 160, abs=Decimal("0.00001"))
    assert commit["unused"] == pytest.approx(6000 - float(used) * 365 / 160, abs=1e-5)
    assert commit["true_up_usd"] == 0
    assert any("160 days" in one for one in found["report"]["remarks"])
    assert found["figures"]["hex_contract_commit_year_usd"] == {(): 6000}


def test_a_contract_that_was_to_be_renewed_is_said_and_compared_with_nothing(report: Any) -> None:
    found = report(ADMIN, IDLE, contract=CONTRACT.replace("2027-03-01", "2026-11-18"))

    assert "contract" not in found["report"]
    assert any("was to be renewed on 2026-11-18" in one for one in found["report"]["remarks"])
    (finding,) = [one for one in found["audit"]["findings"] if one["kind"] == "idle_paid_seat"]
    assert finding["saving_month_usd"] == 75
    assert "hex_contract_seats" not in found["figures"]


def test_without_a_day_of_renewal_what_needs_it_is_left_out(report: Any) -> None:
    found = report(ADMIN, contract="contract: {seats: {editor: 4}, commit_usd_year: 5}")

    assert row(found, "editor seats")["true_up_usd"] is None
    assert [one["contract"] for one in found["report"]["contract"]] == ["editor seats"]
    assert any("contract.renews_on is not given" in one for one in found["report"]["remarks"])


def test_focus_says_which_charges_the_contract_covers(report: Any) -> None:
    """Four editors were bought and five hold a seat: the fifth counts to the commit, as compute does."""
    rows = list(csv.DictReader(io.StringIO(report(ADMIN, BUSY, BUSY, BUSY, BUSY)["csv"])))

    seats = [one for one in rows if one["ServiceName"] == "Hex seats"]
    covered = [one for one in seats if one["CommitmentDiscountId"] == "contract-2027-03-01-editor-seats"]
    assert (len(seats), len(covered)) == (5, 4)
    for one in covered:
        assert (one["CommitmentDiscountCategory"], one["CommitmentDiscountStatus"]) == ("Usage", "Used")
        assert one["CommitmentDiscountQuantity"] == one["ConsumedQuantity"]
        assert one["PricingCategory"] == "Committed"
    others = [one for one in rows if one not in covered]
    assert {one["CommitmentDiscountCategory"] for one in others} == {"Spend"}
    assert {one["CommitmentDiscountId"] for one in others} == {"contract-2027-03-01-commit"}


def test_without_a_contract_nothing_is_said_of_one(report: Any) -> None:
    found = report(ADMIN, contract="")

    assert "contract" not in found["report"]
    assert not any("contract" in one for one in found["report"]["remarks"])
    assert {one["CommitmentDiscountId"] for one in csv.DictReader(io.StringIO(found["csv"]))} == {""}
    assert not any(name.startswith("hex_contract") for name in found["figures"])


@pytest.mark.slow
def test_seats_that_are_bought_and_not_held_are_in_the_bill(report: Any) -> None:
    found = report(ADMIN, BUSY)

    week = found["figures"]["hex_cost_week_usd"]
    assert week[("seats",)] == pytest.approx(4 * 75 * 7 / 30, abs=1e-6)
    assert any("not held are in the bill" in one and "150.00 USD a month" in one for one in found["report"]["remarks"])
    rows = [one for one in csv.DictReader(io.StringIO(found["csv"])) if one["ServiceName"] == "Hex seats"]
    (unheld,) = [one for one in rows if one["CommitmentDiscountStatus"] == "Unused"]
    assert unheld["ResourceName"] == "seats that no one holds"
    assert Decimal(unheld["ConsumedQuantity"]) == pytest.approx(Decimal(2 * 7) / 30, abs=Decimal("0.00001"))
    assert sum(Decimal(one["BilledCost"]) for one in rows) == pytest.approx(
        Decimal(4 * 75 * 7) / 30, abs=Decimal("0.001")
    )
    more = report(ADMIN, BUSY, BUSY, BUSY, BUSY)["figures"]["hex_cost_week_usd"]
    assert more[("seats",)] == pytest.approx((2 * 4 + 5 * 5) * 75 / 30, abs=1e-6)  # five from Wednesday on


@pytest.mark.slow
def test_the_credits_of_the_contract_are_paid(report: Any) -> None:
    """An explorer's grant is 10: of 40 credits 30 are beyond it, and none beyond the 100 of the contract."""
    seats = (("explorer", False), ADMIN)
    prices = "prices: {plan: team, overrides: {team: {explorer_month: 10}}}"
    without = CONTRACT.replace(" credits_month: 100,", "")

    def credits(contract: str) -> float:
        return float(report(*seats, contract=f"{contract}\n{prices}")["figures"]["hex_cost_week_usd"][("ai_credits",)])

    assert credits(without) == 15
    assert credits(CONTRACT) == 0
    assert credits(CONTRACT.replace("100", "30")) == 5
