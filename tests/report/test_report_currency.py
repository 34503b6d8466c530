"""Money in another currency: what people read and the bill in FOCUS are in it, programs and the ledger in dollars."""

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from test_report_money_kinds import CONFIG, config, written  # noqa: F401  # two editors, two projects, a run a day

from exporter.config import Config, load_config
from exporter.ledger import open_ledger
from exporter.report.audit_forms import AUDIT_FORMS
from exporter.report.audit_report import FindingFilter, audit_reports
from exporter.report.week_digest import digest
from exporter.report.week_forms import WEEK_FORMS
from exporter.report.week_report import week_reports

Shown = Callable[..., dict[str, str]]
EURO = "currency: {code: EUR, per_usd: 0.92}"


@pytest.fixture
def shown(config: Config, tmp_path: Path, manual_clock: Any) -> Shown:  # noqa: F811
    """Every form of report, audit and digest, with this currency in the file."""

    def made(currency: str, **period: str) -> dict[str, str]:
        file = tmp_path / "hex.yml"
        settings = load_config((CONFIG + currency).encode(), source=str(file), environ={}, state_dir=tmp_path)
        ledger = open_ledger(config.storage.url, clock=manual_clock, read_only=True)
        reports = list(week_reports(ledger, settings, manual_clock, **period))
        audits = list(audit_reports(ledger, settings, manual_clock, FindingFilter()))
        ledger.close()
        return {
            **{name: form(reports) for name, form in WEEK_FORMS.items()},
            "audit": AUDIT_FORMS["table"](audits),
            "digest": digest(zip(reports, audits, strict=True)),
        }

    return made


def bill(found: dict[str, str]) -> Decimal:
    return Decimal(str(json.loads(found["json"])[0]["total"][0]["billed_usd"]))


@pytest.mark.slow
def test_people_read_the_currency_and_programs_dollars(shown: Shown) -> None:
    dollars, euros = shown(""), shown(EURO)

    assert bill(dollars) == bill(euros)
    for form in ("table", "markdown"):
        assert f"{bill(dollars):,.2f}" in dollars[form]
        assert f"{bill(dollars) * Decimal('0.92'):,.2f}" in euros[form]
        assert "billed EUR" in euros[form]
        assert "billed USD" not in euros[form]
    assert f"Hex bills {bill(dollars) * Decimal('0.92'):,.2f} EUR" in euros["digest"].replace("\\", "")
    assert "a dollar being 0.92 EUR" in euros["table"]
    assert "EUR a month" in euros["audit"]
    assert "USD a month" not in euros["audit"]


def test_the_bill_in_focus_is_in_the_currency_and_says_so(shown: Shown) -> None:
    dollars, euros = (list(csv.DictReader(io.StringIO(shown(one)["csv"]))) for one in ("", EURO))

    assert {row["BillingCurrency"] for row in dollars} == {"USD"}
    assert {row["BillingCurrency"] for row in euros} == {"EUR"}
    for before, after in zip(dollars, euros, strict=True):
        for name in ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost", "ListUnitPrice", "x_OwnEstimate"):
            if before[name]:
                assert Decimal(after[name]) == round(Decimal(before[name]) * Decimal("0.92"), 9)
        assert after["ConsumedQuantity"] == before["ConsumedQuantity"]


def test_a_period_has_the_rate_of_its_last_day(shown: Shown) -> None:
    """The week of 9 to 15 November ends before the new rate, the running one has it."""
    rates = "currency: [{code: EUR, per_usd: 0.92}, {code: EUR, per_usd: 0.5, valid_from: 2026-11-16}]"

    assert "a dollar being 0.92 EUR" in shown(rates, week="2026-W46")["table"]
    assert "a dollar being 0.5 EUR" in shown(rates)["table"]
