"""Two `serve` on one PostgreSQL ledger: the owner is killed or paused, the other follows Hex on, nothing is doubled."""

import re
import signal
import time
from pathlib import Path

import pytest
from helpers.postgres import PostgresServer
from helpers.running import Exporter, Simulator, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TAKEN_OVER_SECONDS = 15


def libpq_url(server: PostgresServer) -> str:
    """An address of an empty database, as libpq reads it."""
    return f"postgresql://postgres@/{server.new_database()}?host={server.folder}"


def figure(exporter: Exporter, name: str) -> float | None:
    """The sum of a metric's series on the page, None without any."""
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", exporter.get().text, re.M)
    return sum(map(float, found)) if found else None


def counters(exporter: Exporter) -> list[str]:
    """What the page counts, but for requests to Hex, which go on."""
    lines = exporter.get().text.splitlines()
    return sorted(line for line in lines if re.match(r"hex_(runs|run_seconds|missed_schedules)_total", line))


@pytest.fixture
def pair(tmp_path: Path, postgres_server: PostgresServer):
    """A simulated Hex, the replica that came first, and another."""
    with Simulator(tmp_path, "--plant-every", "1", projects=5) as simulator:
        (tmp_path / "hex-exporter.yml").write_text(
            f"""
workspaces:
  - name: sim
    base_url: "{simulator.base_url}"
    token_env: HEX_API_TOKEN
    rate_limit: {{per_minute: 6000, per_hour: 100000, share: 1}}
storage: {{url: "{libpq_url(postgres_server)}"}}
"""
        )
        with Exporter(tmp_path, simulator.base_url) as first:
            first.listening()
            wait_for(lambda: figure(first, "hex_exporter_lease_owner") == 1)
            with Exporter(tmp_path, simulator.base_url) as second:
                second.listening()
                wait_for(lambda: figure(second, "hex_exporter_lease_owner") == 0)
                yield first, second


def test_the_other_replica_follows_on_when_the_owner_is_killed(pair):
    first, second = pair
    wait_for(lambda: counters(second) and counters(first) == counters(second))
    wait_for(lambda: figure(second, "hex_project_week_runs"))
    before = figure(second, "hex_project_week_runs")
    first.kill()
    began = time.monotonic()
    wait_for(lambda: figure(second, "hex_exporter_lease_owner") == 1, seconds=TAKEN_OVER_SECONDS)

    assert time.monotonic() - began < TAKEN_OVER_SECONDS
    assert figure(second, "hex_exporter_lease_changes_total") == 1
    assert figure(second, "hex_project_week_runs") >= before
    wait_for(lambda: figure(second, "hex_project_week_runs") > before)


def test_a_paused_owner_changes_nothing_when_it_goes_on(pair):
    first, second = pair
    first.signal(signal.SIGSTOP)
    wait_for(lambda: figure(second, "hex_exporter_lease_owner") == 1, seconds=TAKEN_OVER_SECONDS)
    first.signal(signal.SIGCONT)
    wait_for(lambda: figure(first, "hex_exporter_lease_owner") == 0)

    wait_for(lambda: counters(second) and counters(first) == counters(second))
    assert figure(second, "hex_exporter_lease_epoch") == 2
    assert "Traceback" not in first.text + second.text


def test_an_owner_that_is_ended_is_succeeded_at_once(pair):
    first, second = pair
    first.signal(signal.SIGTERM)

    assert first.exit_status() == 0
    wait_for(lambda: figure(second, "hex_exporter_lease_owner") == 1, seconds=5)
