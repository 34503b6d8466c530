"""What a replica reads of what another has written: the changed rows, and by them all that there is."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from helpers.manual_clock import ManualClock
from helpers.postgres import PostgresLedgers

from exporter.facts import Project, ProjectVersion, Run
from exporter.ledger import Leases, Ledger, Replica, RunProgress, WorkspaceLedger, open_ledger
from exporter.ledger.changed_rows import ChangedRows
from exporter.ledger.copying import copy_ledger
from exporter.ledger.cost_schema import PROJECT_VERSIONS
from exporter.ledger.schema import COUNTERS, PROJECTS

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000
PROJECTS_LISTED = 20
RUNS = "hex_runs_total"


@dataclass
class Pair:
    """The ledger of the owner of a workspace, and that of another replica."""

    ledgers: tuple[Ledger, Ledger]
    leases: Leases

    @property
    def owner(self) -> WorkspaceLedger:
        return self.ledgers[0].workspace("acme")

    @property
    def other(self) -> WorkspaceLedger:
        return self.ledgers[1].workspace("acme")


@pytest.fixture
def pair(postgres_ledgers: PostgresLedgers, manual_clock: ManualClock) -> Iterator[Pair]:
    url = postgres_ledgers.empty()
    ledgers = open_ledger(url, clock=manual_clock), open_ledger(url, clock=manual_clock)
    leases = ledgers[0].leases("a")
    assert leases is not None
    epoch = leases.take(leases.beat(Replica(name="a", workspaces=frozenset({"acme"}))).leases[0])
    assert epoch is not None
    leases.fence.open("acme", epoch)
    pair = Pair(ledgers, leases)
    pair.owner.record_projects(listed(), NOW_MS)
    pair.owner.choose_members(500, NOW_MS)
    pair.other.refresh()
    yield pair
    for one in ledgers:
        one.close()


def listed(*edited: int) -> list[Project]:
    """The projects of a listing, some of them edited."""
    return [
        Project(project_id=f"p{number}", published_ms=1, edited_ms=2 if number in edited else 1)
        for number in range(PROJECTS_LISTED)
    ]


def shown(workspace: WorkspaceLedger) -> tuple[object, ...]:
    """What a page shows of the tables that are read so."""
    projects = {one.project.project_id: one for one in workspace.projects(include_gone=True)}
    versions = {project_id: dict(workspace.versions.of(project_id)) for project_id in projects}
    return projects, sorted(workspace.counters()), versions, runs_of(workspace)


def runs_of(workspace: WorkspaceLedger) -> tuple[object, ...]:
    """What a page shows of runs that is not read anew for each."""
    weeks = [
        workspace.week_counts(NOW_MS + 7 * week * DAY_MS, NOW_MS + 7 * (week + 1) * DAY_MS) for week in (-2, -1, 0)
    ]
    return workspace.last_runs(), weeks


@pytest.mark.parametrize("table", [COUNTERS, PROJECTS, PROJECT_VERSIONS], ids=str)
def test_only_rows_that_were_written_since_are_read(pair: Pair, table) -> None:
    reading = ChangedRows(pair.ledgers[1]._store, table, "acme")
    reading.rows()
    assert not reading.rows(only_changes=True)
    pair.owner.count(RUNS, ("p7", "api", "completed"), 2)
    pair.owner.record_projects(listed(3, 4), NOW_MS)
    pair.owner.record_version(ProjectVersion(project_id="p7", version="1"), 1, NOW_MS)

    expected = {COUNTERS: 1, PROJECTS: 2, PROJECT_VERSIONS: 1}
    assert len(reading.rows(only_changes=True)) == expected[table]
    assert not reading.rows(only_changes=True)


def test_by_what_has_changed_another_replica_comes_to_show_all_that_the_owner_does(
    pair: Pair, postgres_ledgers: PostgresLedgers, manual_clock: ManualClock
) -> None:
    beside = open_ledger(postgres_ledgers.url, clock=manual_clock, read_only=True)  # which remembers none of it
    dice = random.Random(17)
    for step in range(60):
        project_id, at_ms = f"p{dice.randrange(PROJECTS_LISTED)}", NOW_MS + step
        match dice.randrange(10):
            case 0:
                pair.owner.record_projects(dice.sample(listed(dice.randrange(9)), 15), at_ms)
            case 1:
                pair.owner.count(RUNS, (project_id, "api", "completed"), dice.randrange(3))
            case 2:
                pair.owner.record_runs(project_id, [], RunProgress(known_until_ms=at_ms), at_ms)
            case 3:
                pair.owner.record_version(ProjectVersion(project_id=project_id, version=str(step)), step, at_ms)
            case 4 | 5 | 6 | 7 | 8:
                started_ms = at_ms - dice.randrange(10 * DAY_MS)
                status = dice.choice(("completed", "running"))
                run = Run(run_id=str(dice.randrange(5)), project_id="p1", status=status, start_ms=started_ms)
                if status == "completed":
                    run = replace(run, end_ms=started_ms + 1)
                pair.owner.record_runs("p1", [run], RunProgress(known_until_ms=at_ms), at_ms)
                if dice.random() < 0.3:
                    pair.owner.prune(at_ms - 5 * DAY_MS)
            case 9:
                manual_clock.advance(60)
                pair.owner.release_holds(pair.ledgers[0].now_ms)
        if dice.random() < 0.6:
            pair.other.refresh(only_changes=True)
            assert shown(pair.other) == shown(pair.owner)
            assert runs_of(pair.owner) == runs_of(beside.workspace("acme"))
    beside.close()


def test_what_is_written_after_a_copy_is_seen_by_the_replicas_of_the_copy(
    pair: Pair, postgres_ledgers: PostgresLedgers, manual_clock: ManualClock
) -> None:
    server = postgres_ledgers.server
    for _ in range(5):
        pair.owner.count(RUNS, ("p1", "api", "completed"))
    pair.leases.hand_over((), leaves=True)
    url = server.url(server.new_database())
    copy_ledger(postgres_ledgers.url, url, clock=manual_clock, on_progress=lambda *_: None)
    owner, other = open_ledger(url, clock=manual_clock), open_ledger(url, clock=manual_clock)
    leases = owner.leases("b")
    assert leases is not None
    assert leases.take(leases.beat(Replica(name="b", workspaces=frozenset({"acme"}))).leases[0]) == 1
    leases.fence.open("acme", 1)
    other.workspace("acme").refresh()
    owner.workspace("acme").record_projects(listed(5), NOW_MS)
    other.workspace("acme").refresh(only_changes=True)

    assert shown(other.workspace("acme")) == shown(owner.workspace("acme"))
    owner.close()
    other.close()
