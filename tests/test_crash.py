"""SIGKILL at random moments of a real exporter that follows a real server: nothing is lost, nothing is doubled."""

import random
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from helpers.running import Exporter, Simulator, wait_for
from helpers.sizes import size

from exporter.clock import SystemClock
from exporter.ledger import HOLD_MS, WorkspaceLedger, open_ledger

ROUNDS = size(3, 8)
FAULTS = ("429,probability=0.05,retry_after=1", "503,probability=0.03", "truncation,probability=0.03")

Runs = Counter[tuple[str, str, str]]


def truth(simulator: Simulator, contact_ms: int) -> Runs:
    """The runs that have ended since first contact."""
    reported = simulator.ask("truth", ended_from=contact_ms)["runs"]
    ended = (run for run in reported if run["status"] not in ("pending", "running"))
    return Counter({(run["project_id"], run["trigger"], run["status"]): run["count"] for run in ended})


def known(ledger: WorkspaceLedger) -> Runs:
    """The same as the ledger has it, run by run."""
    contact_ms = ledger.first_contact_ms or 0
    ended = (run for run in ledger.runs_between(0, None) if (run.ended_ms or 0) >= contact_ms)
    return Counter((run.project_id, run.trigger, run.status) for run in ended)


def knows_all(simulator: Simulator, url: str) -> bool:
    ledger = open_ledger(url, clock=SystemClock(), read_only=True)
    try:
        workspace = ledger.workspace("sim")
        return known(workspace) == truth(simulator, workspace.first_contact_ms or 0)
    finally:
        ledger.close()


@pytest.mark.integration
@pytest.mark.timeout(300)
def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    rng = random.Random(11)
    flags = [part for fault in FAULTS for part in ("--fault", fault)]
    with ExitStack() as running:
        simulator = running.enter_context(Simulator(tmp_path, "--plant-every", "3600", *flags, projects=30))
        state = simulator.ask("state")
        until_ms = state["now_ms"] + 12_000
        simulator.tell("runaway", project_id=state["planted_project_id"], until_ms=until_ms, every_seconds=0.3)
        for _ in range(ROUNDS):
            with Exporter(tmp_path, simulator.base_url) as exporter:
                exporter.listening()
                time.sleep(rng.uniform(0.1, 1.5))
        simulator.end_faults()
        exporter = running.enter_context(Exporter(tmp_path, simulator.base_url))
        exporter.listening()
        url = f"sqlite:///{exporter.ledger}"
        wait_for(lambda: simulator.ask("state")["now_ms"] > until_ms + 3_000, seconds=100, every=1)

        wait_for(lambda: knows_all(simulator, url), seconds=150, every=1)

        exporter.kill()
        ledger = open_ledger(url, clock=SystemClock())
        workspace = ledger.workspace("sim")
        workspace.release_holds(round(time.time() * 1000) + HOLD_MS + 1)
        sums = {one.labels: one.value for one in workspace.counters() if one.metric == "hex_runs_total" and one.value}
        assert ledger.problem is None
        assert sums == known(workspace)
        assert sum(sums.values()) > 10
        ledger.close()
