"""Chargeback and unit costs: every part from prices and facts, and all parts together the bill to the millionth."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from helpers.sizes import size
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.config import load_config
from exporter.facts import Project, Run, Seat, Thread
from exporter.ledger import RunProgress, open_ledger
from exporter.report.week_forms import WEEK_FORMS
from exporter.report.week_report import week_reports

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS

# Team: 75 dollars a month and editor, 40 credits with each; a credit beyond is 0.50. 4XL: 2.58 dollars an hour.
CONFIG = """\
workspaces: [{name: acme, token_env: A}]
storage: {url: "sqlite:///ledger.db"}
prices: {plan: team, run_usd: 0.05}
compute: {default: 4xl}
teams:
  - {name: ads, match: {owner: "*@ads.example"}}
  - {name: ops, match: {owner: "*@ops.example"}}
"""


@pytest.fixture
def report(tmp_path: Path, manual_clock: Any) -> Callable[..., Any]:
    """The week to Wednesday, 18 November 2026, in UTC: runs, seats and credits of two teams and of no team."""

    def made(shared_by: str, runs: dict[str, list[int]], seats: dict[str, str], credits: dict[str, int]) -> Any:
        file = tmp_path / "hex.yml"
        file.write_text(CONFIG + (f"chargeback: {{shared_by: {shared_by}}}" if shared_by else ""))
        config = load_config(file.read_bytes(), source=str(file), environ={}, state_dir=tmp_path)
        (tmp_path / "ledger.db").unlink(missing_ok=True)
        now_ms = round(manual_clock.now() * 1000)
        ledger = open_ledger(config.storage.url, clock=manual_clock)
        acme = ledger.workspace("acme")
        acme.first_contact(now_ms)
        acme.record_projects(
            [
                Project(project_id=f"p-{owner}", title=owner, owner=owner, created_ms=1, published_ms=1)
                for owner in runs
            ],
            now_ms,
        )
        acme.record_seats(
            [Seat(user_id=email, email=email, role=role, last_login_ms=now_ms) for email, role in seats.items()], now_ms
        )
        acme.record_threads(
            [
                Thread(thread_id=user, user_id=user, created_ms=now_ms - HOUR_MS, credits_milli=milli)
                for user, milli in credits.items()
            ],
            now_ms,
        )
        for collector in ("projects", "users", "threads"):
            acme.record_collector(collector, True, now_ms)
        for owner, lengths in runs.items():
            found = [
                Run(
                    run_id=f"{owner}-{number}",
                    project_id=f"p-{owner}",
                    status="completed" if number else "errored",
                    trigger="scheduled",
                    start_ms=now_ms - (number + 2) * 60_000 - HOUR_MS,
                    elapsed_ms=length,
                )
                for number, length in enumerate(lengths)
            ]
            acme.record_runs(f"p-{owner}", found, RunProgress(known_until_ms=now_ms, known_from_ms=0), now_ms)
        text = WEEK_FORMS["json"](list(week_reports(ledger, config, manual_clock)))
        ledger.close()
        return json.loads(text, parse_float=Decimal)[0]

    return made


ADS, OPS, OTHER = "a@ads.example", "o@ops.example", "x@else.example"
RUNS = {ADS: [1_234_567] * 3, OPS: [600_000], OTHER: [777_777, 1_000]}
SEATS = {ADS: "editor", OPS: "editor", "o2@ops.example": "editor", OTHER: "editor"}
CREDITS = {ADS: 50_000, OPS: 41_000, OTHER: 30_000}


def micro(dollars: Any) -> int:
    return int((Decimal(dollars) * 1_000_000).to_integral_value())


def cost(lengths: list[int]) -> int:
    """Each run is rounded to the millionth by itself."""
    return sum(int(Decimal("2.58") * 1_000_000 * ms / HOUR_MS + Decimal("0.5")) for ms in lengths)


@pytest.mark.parametrize(
    ("shared_by", "weights"),
    [("runs", (3, 1)), ("minutes", (3 * 1_234_567, 600_000)), ("seats", (1, 2))],
)
def test_what_belongs_to_no_team_is_shared_by_the_key(report: Any, shared_by: str, weights: tuple[int, int]) -> None:
    found = report(shared_by, RUNS, SEATS, CREDITS)

    ads, ops = found["chargeback"]
    assert (ads["chargeback"], ops["chargeback"]) == ("ads", "ops")
    assert micro(ads["compute_usd"]) == cost(RUNS[ADS])
    assert micro(ops["compute_usd"]) == cost(RUNS[OPS])
    assert abs(micro(ads["seats_usd"]) - 17_500_000) <= 1  # seven days of thirty
    assert abs(micro(ops["seats_usd"]) - 35_000_000) <= 1
    assert micro(ads["ai_credits_usd"]) == 5_000_000  # ten credits beyond the grant, and one
    assert micro(ops["ai_credits_usd"]) == 500_000
    shared = cost(RUNS[OTHER]) + 17_500_000
    assert abs(micro(ads["shared_usd"]) - shared * weights[0] // sum(weights)) <= 2
    assert micro(ads["billed_usd"]) + micro(ops["billed_usd"]) == micro(found["total"][0]["billed_usd"])


people = st.sampled_from([ADS, OPS, OTHER, "o2@ops.example"])


@pytest.mark.slow
@settings(max_examples=size(8, 60), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(["runs", "minutes", "seats"]),
    st.dictionaries(people, st.lists(st.integers(0, 5_000_000), max_size=3)),
    st.dictionaries(people, st.sampled_from(["editor", "member"]), min_size=1),
    st.dictionaries(people, st.integers(0, 200_000)),
)
def test_the_parts_add_up_to_the_bill_whatever_it_is_made_of(
    report: Any, shared_by: str, runs: Any, seats: Any, credits: Any
) -> None:
    found = report(shared_by, {ADS: [], **runs}, seats, credits)

    rows = found["chargeback"]
    assert sum(micro(row["billed_usd"]) for row in rows) == micro(found["total"][0]["billed_usd"])
    for row in rows:
        parts = ("compute_usd", "seats_usd", "ai_credits_usd", "shared_usd")
        assert sum(micro(row[part]) for part in parts) == micro(row["billed_usd"])


def test_without_the_key_there_is_no_chargeback(report: Any) -> None:
    assert "chargeback" not in report("", RUNS, SEATS, CREDITS)


def test_unit_costs_say_what_they_are_made_of(report: Any) -> None:
    found = report("", RUNS, SEATS, CREDITS)
    units = {row["project"] or row["unit_cost"]: row for row in found["unit_cost"]}

    bill = found["total"][0]["billed_usd"]
    compute = sum(map(cost, RUNS.values()))
    assert units["active viewer"]["amount"] == 4
    assert micro(units["active viewer"]["unit_usd"]) == pytest.approx(micro(bill) / 4, abs=1)
    assert units["successful refresh"]["amount"] == 3  # the first run of each project failed, and is paid all the same
    assert micro(units["successful refresh"]["unit_usd"]) == pytest.approx(compute / 3, abs=1)
    assert micro(units["p-" + ADS]["unit_usd"]) == pytest.approx(cost(RUNS[ADS]) / 2, abs=1)
    assert units["p-" + OPS]["unit_usd"] is None  # its only run failed
    assert "whose last login" in units["active viewer"]["made_of"]
