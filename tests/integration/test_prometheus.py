"""A real Prometheus scrapes the exporter, which follows a simulated workspace over real sockets."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from helpers.prometheus_server import Prometheus, Samples
from helpers.running import Exporter, Simulator, wait_for

from exporter.clock import SystemClock
from exporter.ledger import HOLD_MS, open_ledger
from exporter.simulator import Simulation

pytestmark = pytest.mark.integration

COUNTED = '{__name__=~"hex_.*_(total|count|bucket)"}'

SUITES = ["bookworm", "trixie", "sid"]


class AuditContext:
    """A workspace, the exporter that has read its history, and a burst of runs that came and went since."""

    def __init__(self, folder: Path, running: ExitStack) -> None:
        self._folder = folder
        self._running = running
        self.simulator = running.enter_context(Simulator(folder, "--plant-every", "3600"))
        self.exporter = self._exporter("127.0.0.1:0")
        self._let_90_seconds_pass()

    def run_away(self, seconds: float) -> None:
        """Let a project of short runs have two a second for so long."""
        state = self.simulator.ask("state")
        until_ms = state["now_ms"] + int(seconds * 1000)
        project_id = state["planted_project_id"]
        self.simulator.tell("runaway", project_id=project_id, until_ms=until_ms, every_seconds=0.5)

    def truth(self) -> Samples:
        """The runs that ended since first contact, by project, trigger and status."""
        ledger = open_ledger(f"sqlite:///{self.exporter.ledger}", clock=SystemClock(), read_only=True)
        contact_ms = ledger.workspace("sim").first_contact_ms
        ledger.close()
        reported = self.simulator.ask("truth", ended_from=contact_ms)["runs"]
        ended = (run for run in reported if run["status"] not in ("pending", "running"))
        return {(run["project_id"], run["trigger"], run["status"]): run["count"] for run in ended}

    def requested(self) -> Samples:
        """The requests that the workspace has answered, by endpoint and code."""
        return {(one["endpoint"], one["code"]): one["count"] for one in self.simulator.ask("state")["requests"]}

    def start_again(self) -> None:
        """Kill the exporter with SIGKILL and start another on its address and its ledger."""
        self.exporter.kill()
        self.exporter = self._exporter(self.exporter.address)

    def _let_90_seconds_pass(self) -> None:
        """What a new series waits for at 0 before it may show more, so that Prometheus sees it grow."""
        wait_for(self._is_quiet)
        self.exporter.kill()
        ledger = open_ledger(f"sqlite:///{self.exporter.ledger}", clock=SystemClock())
        ledger.workspace("sim").release_holds(round(time.time() * 1000) + HOLD_MS + 1)
        ledger.close()
        self.exporter = self._exporter(self.exporter.address)

    def _is_quiet(self) -> bool:
        """Whether the history is read: for a second nothing was requested, and all that was requested is on record."""
        before = sum(self.requested().values())
        time.sleep(1)
        ledger = open_ledger(f"sqlite:///{self.exporter.ledger}", clock=SystemClock(), read_only=True)
        recorded = sum(count for _, count in ledger.workspace("sim").requests_by_minute(0))
        ledger.close()
        return 0 < recorded == before == sum(self.requested().values())

    def _exporter(self, listen: str) -> Exporter:
        started = self._running.enter_context(Exporter(self._folder, self.simulator.base_url, listen=listen))
        started.listening()
        wait_for(lambda: started.get("/-/ready").is_success)
        return started


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditContext]:
    with ExitStack() as running:
        made = AuditContext(tmp_path_factory.mktemp("scene"), running)
        made.run_away(4)
        yield made


@pytest.fixture
def watching(scene: AuditContext, prometheus: Path, tmp_path: Path) -> Iterator[Prometheus]:
    with Prometheus(prometheus, tmp_path / "prometheus", [scene.exporter.address]) as running:
        yield running


def runs_counted(prometheus: Prometheus) -> Samples:
    return prometheus.query("hex_runs_total > 0", "project_id", "trigger", "status")


@pytest.mark.parametrize("prometheus", SUITES, indirect=True)
def test_what_prometheus_stores_is_what_happened(scene: AuditContext, watching: Prometheus) -> None:
    wait_for(lambda: sum((found := runs_counted(watching)).values()) > 4 and found == scene.truth(), seconds=100)

    assert watching.query("hex_up", "workspace") == {("sim",): 1}
    assert watching.number("sum(min_over_time(up[1h]))") == 1
    assert watching.complaints() == []


@pytest.mark.parametrize("prometheus", SUITES, indirect=True)
def test_listings_and_requests_are_those_of_the_workspace(scene: AuditContext, watching: Prometheus) -> None:
    wait_for(lambda: watching.number("hex_up") == 1)
    requests = wait_for(
        lambda: (
            (found := watching.query("hex_api_requests_total > 0", "endpoint", "code")) == scene.requested() and found
        )
    )

    workspace = Simulation(1, 5, clock=SystemClock())
    assert requests
    assert watching.number("sum(hex_seats)") == len(workspace.seats)
    assert watching.number("sum(hex_connections)") == len(workspace.connections)
    assert watching.number("sum(hex_schedules)") > 0
    assert watching.complaints() == []


@pytest.mark.parametrize("promtool", SUITES, indirect=True)
def test_promtool_finds_nothing_to_say(scene: AuditContext, promtool: Path) -> None:
    wait_for(lambda: "hex_seats{" in scene.exporter.get().text)
    page = scene.exporter.get(Accept="text/plain;version=0.0.4").text

    checked = subprocess.run(
        [promtool, "check", "metrics"], input=page, capture_output=True, text=True, timeout=60, check=False
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_kill_9_changes_no_total_and_none_falls(scene: AuditContext, watching: Prometheus) -> None:
    wait_for(lambda: watching.number("sum(hex_runs_total)") > 0, seconds=100)
    scene.run_away(6)
    for _ in range(2):
        before = watching.query(COUNTED, "__name__", "project_id", "trigger", "status", "endpoint", "code")
        started_at = watching.number("process_start_time_seconds")
        scene.start_again()
        wait_for(lambda then=started_at: watching.number("process_start_time_seconds") > then)
        after = watching.query(COUNTED, "__name__", "project_id", "trigger", "status", "endpoint", "code")
        assert {labels for labels, value in before.items() if not after.get(labels, -1) >= value} == set()

    wait_for(lambda: runs_counted(watching) == scene.truth(), seconds=100)

    assert before
    for name in {labels[0] for labels in before}:
        assert watching.query(f"resets({name}[1h]) > 0") == {}, name
