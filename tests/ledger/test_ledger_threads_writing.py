"""Two threads write one workspace, others read it meanwhile: every sum is exact and no one meets an error."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers.sizes import size

from exporter.clock import Clock
from exporter.errors import LedgerError
from exporter.facts import Project, Run
from exporter.ledger import GatewayRun, Ledger, RunProgress, WorkspaceLedger, observed, open_ledger

NOW_MS = 1_795_000_000_000
ROUNDS = size(30, 100)
PROJECTS = ("p", "q")


@pytest.fixture(params=["file", "memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path, manual_clock: Clock) -> Iterator[Ledger]:
    url = "sqlite://" if request.param == "memory" else f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = open_ledger(url, clock=manual_clock)
    yield ledger
    ledger.close()


def in_threads(*tasks: Callable[[], None]) -> None:
    """Let the tasks begin together and wait for all; what one raises is raised here."""
    start = threading.Barrier(len(tasks))
    raised: list[BaseException] = []

    def work(task: Callable[[], None]) -> None:
        start.wait()
        try:
            task()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=work, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


@contextmanager
def readers(*reads: Callable[[], object]) -> Iterator[None]:
    """Read over and over in threads of their own for as long as the block lasts."""
    is_over = threading.Event()
    raised: list[BaseException] = []

    def read_on(read: Callable[[], object]) -> None:
        try:
            while not is_over.wait(0.002):  # so that the writers have turns as well
                read()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=read_on, args=(read,)) for read in reads]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    if raised:
        raise raised[0]


def follow(workspace: WorkspaceLedger) -> None:
    """What the follower does: listings, runs, requests, members that come and go, holds released, a source probed."""
    for number in range(ROUNDS):
        at_ms = NOW_MS + number
        listed = [Project(project_id=one, published_ms=1) for one in PROJECTS[: 1 + number % 2]]
        workspace.record_projects(listed, at_ms)
        workspace.choose_members(number % 3, at_ms)
        run = Run(
            run_id=f"r{number}", project_id="p", status="completed", trigger="api", start_ms=at_ms, end_ms=at_ms + 5
        )
        workspace.record_runs("p", [run], RunProgress(known_until_ms=at_ms), at_ms)
        workspace.record_exchange("runs", "200", 0.1, NOW_MS)
        workspace.sources.record("k", str(number % 7), at_ms, at_ms)
        workspace.release_holds(at_ms + number * 90_000)
        workspace.count("hex_exporter_bad_items_total", ("shared",), 1, at_ms)


def answer(workspace: WorkspaceLedger) -> None:
    """What the gateway's writer does: intents, starts, ends, requests, counters of projects that lose their series."""
    for number in range(ROUNDS):
        at_ms = NOW_MS + number
        run = GatewayRun(
            intent_id=f"i{number}",
            project_id="p",
            fingerprint="f",
            request="{}",
            caller=f"caller {number}",
            version="1",
            sent_ms=at_ms,
        )
        workspace.gateway.intend(run)
        workspace.record_exchange("run_project", "201", 0.2, NOW_MS)
        workspace.gateway.started(replace(run, run_id=f"r{number}", answer="{}"), at_ms)
        workspace.count_many(
            {
                ("hex_cache_lookups_total", (PROJECTS[number % 2],)): 1,
                ("hex_gateway_requests_total", (f"outcome {number}",)): 1,
                ("hex_exporter_bad_items_total", ("shared",)): 1,
                **observed("hex_gateway_queue_seconds", (), 10),
            },
            at_ms,
        )
        workspace.gateway.finished(f"r{number}", "completed", at_ms + 5, 5)


def sums(workspace: WorkspaceLedger) -> dict[tuple[str, tuple[str, ...]], int]:
    workspace.record_projects([Project(project_id=one, published_ms=1) for one in PROJECTS], NOW_MS)
    workspace.choose_members(10, NOW_MS)
    workspace.release_holds(NOW_MS * 2)
    return {(one.metric, one.labels): one.value for one in workspace.counters()}


def total(found: dict[tuple[str, tuple[str, ...]], int], metric: str) -> int:
    return sum(value for (name, _), value in found.items() if name == metric)


@pytest.mark.slow
def test_the_sums_of_two_writing_threads_are_exact(ledger: Ledger) -> None:
    workspace = ledger.workspace("acme")
    workspace.first_contact(NOW_MS)
    workspace.foresee_gateway(NOW_MS)

    with readers(
        workspace.counters,
        lambda: workspace.gateway.is_starter("p", "caller 3"),
        lambda: workspace.gateway.runs(0),
        lambda: (workspace.projects(), workspace.sources.states(), workspace.active_runs()),
    ):
        in_threads(lambda: follow(workspace), lambda: answer(workspace))

    found = sums(workspace)
    assert total(found, "hex_runs_total") == ROUNDS
    assert total(found, "hex_cache_lookups_total") == ROUNDS
    assert total(found, "hex_gateway_requests_total") == ROUNDS
    assert found["hex_exporter_bad_items_total", ("shared",)] == 2 * ROUNDS
    assert found["hex_gateway_queue_seconds_count", ()] == ROUNDS
    assert found["hex_api_requests_total", ("runs", "200")] == ROUNDS
    assert found["hex_api_requests_total", ("run_project", "201")] == ROUNDS
    assert sum(count for _, count in workspace.requests_by_minute(0)) == 2 * ROUNDS
    assert [run.status for run in workspace.gateway.runs(0)] == ["completed"] * ROUNDS
    assert all(workspace.gateway.is_starter("p", f"caller {number}") for number in range(ROUNDS))
    spans = workspace.sources.spans("k", 0)
    assert (len(spans), spans[-1].digest) == (ROUNDS, str((ROUNDS - 1) % 7))


@pytest.mark.slow
def test_what_is_in_memory_is_what_is_in_the_file(tmp_path: Path, manual_clock: Clock) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = open_ledger(url, clock=manual_clock)
    workspace = ledger.workspace("acme")
    in_threads(lambda: follow(workspace), lambda: answer(workspace))
    counters, states = sorted(workspace.counters()), workspace.sources.states()
    projects = workspace.projects(include_gone=True)
    ledger.close()

    again = open_ledger(url, clock=manual_clock)

    workspace = again.workspace("acme")
    assert sorted(workspace.counters()) == counters
    assert workspace.sources.states() == states
    assert set(workspace.projects(include_gone=True)) == set(projects)
    again.close()


@pytest.mark.parametrize("attempt", range(5))
class TestOnce:
    """Two threads come first: what is made is made once."""

    def test_first_contact(self, ledger: Ledger, attempt: int) -> None:
        workspace = ledger.workspace("acme")
        reported: list[int] = []

        in_threads(
            lambda: reported.append(workspace.first_contact(5)),
            lambda: reported.append(workspace.first_contact(6)),
        )

        assert reported == [workspace.first_contact_ms] * 2

    def test_the_workspace(self, ledger: Ledger, attempt: int) -> None:
        made: list[WorkspaceLedger] = []

        in_threads(*[lambda: made.append(ledger.workspace("acme"))] * 4)

        assert [one is made[0] for one in made] == [True] * 4

    def test_the_secret(self, ledger: Ledger, attempt: int) -> None:
        gateway = ledger.workspace("acme").gateway
        reported: list[bytes] = []

        in_threads(*[lambda: reported.append(gateway.secret())] * 4)

        assert reported == [gateway.secret()] * 4


def test_a_damaged_file_is_replaced_once(tmp_path: Path, manual_clock: Any) -> None:
    path = tmp_path / "ledger.db"
    ledger = open_ledger(f"sqlite:///{path}", clock=manual_clock)
    workspace = ledger.workspace("acme")
    workspace.first_contact(NOW_MS)
    for suffix in ("", "-wal", "-shm"):
        file = path.with_name(path.name + suffix)
        file.write_bytes(b"\xff" * file.stat().st_size)

    def count() -> None:
        done = 0
        while done < 20:
            try:
                workspace.count("hex_exporter_bad_items_total", ("runs",), 1, NOW_MS)
            except LedgerError:
                continue
            done += 1

    in_threads(count, count)

    workspace.release_holds(NOW_MS * 2)
    assert [one.value for one in workspace.counters() if one.metric == "hex_exporter_bad_items_total"] == [40]
    assert len(list(tmp_path.glob("*.corrupt-*"))) <= 3
    ledger.close()


def test_nothing_is_written_after_the_end(tmp_path: Path, manual_clock: Any) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledger = open_ledger(url, clock=manual_clock)
    workspace = ledger.workspace("acme")
    ledger.close()
    next_owner = open_ledger(url, clock=manual_clock)

    with pytest.raises(LedgerError, match="closed: nothing more is written"):
        workspace.count("hex_exporter_bad_items_total", ("runs",), 1, NOW_MS)

    next_owner.close()
