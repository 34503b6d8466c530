"""SIGKILL at random moments: whatever was committed stays, a later poll restores the rest, nothing is doubled."""

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exporter.clock import SystemClock
from exporter.facts import Project, Run
from exporter.ledger import GatewayRun, RunProgress, open_ledger

NOW_MS = 1_795_000_000_000
ROUNDS = 12


def write_until_killed(path: Path, first_page: int, started: int) -> None:
    ledger = open_ledger(f"sqlite:///{path}", clock=SystemClock())
    workspace = ledger.workspace("acme")
    workspace.first_contact(NOW_MS)
    workspace.record_projects([Project(project_id="p", published_ms=1)], NOW_MS)
    workspace.choose_members(10, NOW_MS)
    os.write(started, b"!")
    for page in range(first_page, first_page + 100_000):
        runs = [listed(number, page) for number in range(page * 3, page * 3 + 6)]
        workspace.record_runs("p", runs, RunProgress(known_until_ms=NOW_MS + page), NOW_MS)
        workspace.record_exchange("runs", "200", 0.1, NOW_MS)


def listed(number: int, page: int) -> Run:
    """A run as this page shows it: pages overlap, and every other run is running when it is first seen."""
    is_running = number % 2 == 1 and number >= page * 3 + 3
    return Run(
        run_id=str(number),
        project_id="p",
        status="running" if is_running else "completed",
        trigger="api",
        start_ms=NOW_MS + number,
        end_ms=None if is_running else NOW_MS + number + 1_000,
    )


def kill_a_writer(write: Callable[[int], None], after_seconds: float) -> int:
    """Let another process write for so long, then kill it with SIGKILL; returns how many bytes it had reported."""
    reading, telling = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            write(telling)
        os._exit(1)
    os.close(telling)
    assert os.read(reading, 1) == b"!"
    time.sleep(after_seconds)
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    reported = 1
    while chunk := os.read(reading, 65_536):
        reported += len(chunk)
    os.close(reading)
    return reported


def page_in_file(path: Path) -> int:
    connection = sqlite3.connect(path)
    (text,) = connection.execute("SELECT json_extract(progress, '$.known_until_ms') FROM projects").fetchone()
    connection.close()
    return int(text or NOW_MS) - NOW_MS


@pytest.mark.integration
def test_sigkill_at_random_moments_loses_and_doubles_nothing(tmp_path: Path, manual_clock: Any) -> None:
    path = tmp_path / "ledger.db"
    rng = random.Random(7)
    page = 0

    for _ in range(ROUNDS):
        kill_a_writer(partial(write_until_killed, path, page), rng.uniform(0, 0.2))
        page = page_in_file(path)

    ledger = open_ledger(f"sqlite:///{path}", clock=manual_clock)
    workspace = ledger.workspace("acme")
    known = list(workspace.runs_between(0, None))
    ended = [run for run in known if not run.is_active]
    assert page > 0
    assert ledger.problem is None
    assert {int(run.run_id) for run in known} == set(range(page * 3 + 6))
    workspace.release_holds(NOW_MS * 2)
    values = {(one.metric, one.labels): one.value for one in workspace.counters()}
    assert values["hex_runs_total", ("p", "api", "completed")] == len(ended)
    assert values["hex_run_seconds_total", ("p", "api")] == 1_000 * len(ended)
    assert values["hex_run_duration_seconds_count", ("api", "completed")] == len(ended)

    # The next poll sees the same runs, all ended by now.
    again = [
        Run(run_id=run.run_id, project_id="p", status="completed", trigger="api", end_ms=NOW_MS + 9) for run in known
    ]
    workspace.record_runs("p", again, RunProgress(), NOW_MS)
    values = {(one.metric, one.labels): one.value for one in workspace.counters()}
    assert values["hex_runs_total", ("p", "api", "completed")] == len(known)
    ledger.close()


def intend_until_killed(path: Path, prefix: str, telling: int) -> None:
    """Write intents, starts and probes down, and send a byte after each intent: from then on it would be sent."""
    ledger = open_ledger(f"sqlite:///{path}", clock=SystemClock())
    workspace = ledger.workspace("acme")
    for number in range(100_000):
        workspace.sources.record("k", f"{prefix}{number}", NOW_MS + number, NOW_MS + number)
        run = GatewayRun(
            intent_id=f"{prefix}{number:06}",
            project_id="p",
            fingerprint="f",
            request="{}",
            caller="c",
            source_key="k",
            source_digest=f"{prefix}{number}",
            version="1",
            sent_ms=NOW_MS,
        )
        workspace.gateway.intend(run)
        os.write(telling, b"!")
        workspace.gateway.started(replace(run, run_id=f"run {run.intent_id}", answer="{}"), NOW_MS)
        workspace.count_many({("hex_gateway_requests_total", ("miss",)): 1}, NOW_MS)


@pytest.mark.integration
def test_sigkill_loses_no_intent_that_may_have_been_sent(tmp_path: Path, manual_clock: Any) -> None:
    path = tmp_path / "ledger.db"
    rng = random.Random(11)

    reported = {
        prefix: kill_a_writer(partial(intend_until_killed, path, prefix), rng.uniform(0, 0.2)) for prefix in "abcdef"
    }

    ledger = open_ledger(f"sqlite:///{path}", clock=manual_clock)
    workspace = ledger.workspace("acme")
    runs = workspace.gateway.runs(0)
    unsettled = [run for run in runs if run.state == "intended"]
    assert ledger.problem is None
    for prefix, count in reported.items():
        known = [run.intent_id for run in runs if run.intent_id.startswith(prefix)]
        assert known == [f"{prefix}{number:06}" for number in range(len(known))]
        assert count <= len(known) <= count + 1
        assert [run.intent_id for run in unsettled if run.intent_id.startswith(prefix)] in ([], known[-1:])
    assert all(run.run_id == f"run {run.intent_id}" for run in runs if run.state == "started")
    workspace.release_holds(NOW_MS * 2)
    counted = [one.value for one in workspace.counters() if one.metric == "hex_gateway_requests_total"]
    started = len(runs) - len(unsettled)
    assert counted
    assert started - len(reported) <= counted[0] <= started
    state = workspace.sources.states()["k"]
    assert state.digest == workspace.sources.spans("k", 0)[-1].digest
    ledger.close()
