"""The demo's sample invoice: each of its lines is explained, by what the simulated vendor bills and the API hides."""

from importlib import resources
from typing import Any

import pytest
from helpers.wasteful import MovingClock, follow

from exporter.config import Week, load_config
from exporter.facts import ProjectVersion
from exporter.insight import period_at, period_before
from exporter.reconcile import InvoiceForm, parse_invoice
from exporter.report import reconcile_report
from exporter.simulator import invoice_csv
from exporter.simulator.project_settings import profile_at

ZONE = Week(timezone="Europe/Zurich")


@pytest.fixture(scope="module")
def report(tmp_path_factory: Any) -> Any:
    folder = tmp_path_factory.mktemp("demo")
    clock = MovingClock(1_795_000_000.0)
    simulation, following = follow(clock, f"sqlite:///{folder / 'ledger.db'}")
    read_every_version(simulation, following.known)
    text = (resources.files("exporter.cli") / "demo.yml").read_text("utf-8")
    text = text.replace("HEX_ADDRESS", "127.0.0.1:1").replace("GATEWAY_ADDRESS", "127.0.0.1:2")
    text = text.replace("TOKEN_FILE", "token")
    text = text.replace("STORAGE_URL", f"sqlite:///{folder / 'ledger.db'}").replace("name: demo", "name: w")
    config = load_config(text.encode(), source="demo.yml", environ={}, state_dir=folder)
    now_ms = round(clock.now() * 1000)
    period = period_before(period_at(now_ms, "month", ZONE), "month", ZONE)
    invoice = parse_invoice(invoice_csv(simulation, period).encode(), InvoiceForm(), "invoice.csv")
    return reconcile_report(following.ledger, config, clock, invoice, month="2026-10")


def read_every_version(simulation: Any, known: Any) -> None:
    """The ledger of somebody who has followed the workspace since before the month."""
    projects = {project.project_id: project for project in simulation.projects}
    for project_id, version in {(run.project_id, run.version) for run in known.runs_between(0, None) if run.version}:
        profile = profile_at(simulation.seed, projects[project_id], int(version))
        known.record_version(ProjectVersion(project_id=project_id, version=version, profile=profile), None, 0)


def lines(report: Any) -> dict[str, dict[str, Any]]:
    (table,) = [one for one in report.tables if one.name == "line"]
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    return {row["description"]: row for row in rows}


@pytest.mark.slow
def test_every_line_is_explained(report: Any) -> None:
    found = lines(report)

    assert {what: row["explained_by"].split(":")[0].split(";")[0] for what, row in found.items()} == {
        "Team plan: editor seats": "agrees",
        "Team plan: explorer seats": "agrees",
        "Advanced compute: 4XL": "notebook and app sessions, which the API does not show (lower bound)",
        "Advanced compute: Large": "agrees",
        "AI credits: automatic top-ups": "private threads, which the API does not list (lower bound)",
        "Goodwill for compute, incident of the 12th": "a credit on compute",
        "VAT 8.1 %": "tax is no part of list prices",
    }


@pytest.mark.slow
def test_the_hours_of_sessions_are_those_that_were_billed(report: Any) -> None:
    """Three and a half hours at 2.58 dollars."""
    found = lines(report)

    assert found["Advanced compute: 4XL"]["difference_usd"] == pytest.approx(3.5 * 2.58, abs=0.01)
    assert "3.5 hours on 4xl would make it" in found["Advanced compute: 4XL"]["explained_by"]
