"""`audit` beside the server that keeps the ledger: both find the same, and that is what was planted."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.running import SCRIPT, TOKEN, Exporter, Simulator, configuration, environment, wait_for
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.integration

MONEY = """
prices:
  plan: team
  overrides: {team: {editor_month: 28, explorer_month: 10}}
  run_usd: 0.05
  warehouse_usd_per_minute: 0.01
limits: {connection_runs: 3}
teams: [{name: marketing, match: {owner: "*@marketing.example"}}]
"""


def served(exporter: Exporter, name: str) -> dict[str, float]:
    """A metric of the page by kind."""
    return {
        sample.labels["kind"]: sample.value
        for family in text_string_to_metric_families(exporter.get().text)
        for sample in family.samples
        if sample.name == name
    }


def audited(exporter: Exporter, *flags: str) -> Any:
    done = subprocess.run(
        [SCRIPT, "audit", "--config.file", exporter.config, "--format", "json", *flags],
        env=environment(HEX_API_TOKEN=TOKEN),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)[0]


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A workspace with projects enough for waste of every kind."""
    with Simulator(tmp_path, projects=40) as running:
        yield running


def test_finds_what_the_page_shows_and_what_was_planted(simulator: Simulator, tmp_path: Path) -> None:
    (tmp_path / "hex-exporter.yml").write_text(configuration(simulator.base_url, tmp_path / "ledger.db", MONEY))
    with Exporter(tmp_path, simulator.base_url) as exporter:
        exporter.listening()
        # The first audit does not wait for the tables of projects; the next is made once they are known.
        wait_for(lambda: "unused_connection" in served(exporter, "hex_findings"), seconds=90)
        page = served(exporter, "hex_findings")
        files = {file.name for file in tmp_path.iterdir()}
        found = audited(exporter)
        assert {file.name for file in tmp_path.iterdir()} == files
        planted = simulator.ask("waste")["waste"]

    assert {row["kind"]: row["findings"] for row in found["kinds"]} == page
    # Without a source, what runs more often than its data changes shows as more often than it is viewed.
    also = {"over_refreshed": "over_scheduled"}
    wasted = {(also.get(one["kind"], one["kind"]), frozenset(one["subjects"])) for one in planted if one["is_waste"]}
    shown = [(row["kind"], row["subject"]) for row in found["findings"] if row["subject_type"] in ("project", "user")]
    for kind, subject in shown:
        assert any(kind == other and subject in subjects for other, subjects in wasted), (kind, subject)
    # What Hex would bill less comes first, whatever the owners' own estimate is; overlaps rank by what they cost.
    saved = [row for row in found["findings"] if row["kind"] != "overlapping_connections"]
    billed = [row["saving_month_billed_usd"] or 0 for row in saved]
    assert billed == sorted(billed, reverse=True)
    kinds = [row["kind"] for row in found["findings"]]
    assert kinds.count("abandoned_project") == 2
    assert {"idle_paid_seat", "overlapping_connections"} <= set(kinds)
    assert all(row["first_seen"] for row in found["findings"])
