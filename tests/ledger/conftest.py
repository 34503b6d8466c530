"""Fixtures of the ledger's tests: a ledger in a file or in PostgreSQL that can be closed and opened again."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.postgres import PostgresLedgers

from exporter.clock import Clock
from exporter.facts import Project, Run
from exporter.ledger import Ledger, RunProgress, WorkspaceLedger, open_ledger

NOW_MS = 1_795_000_000_000


class Bench:
    """One ledger and short words for what tests do with it."""

    def __init__(self, url: str, clock: Clock) -> None:
        self.url = url
        self.clock = clock
        self.ledger: Ledger = open_ledger(url, clock=clock)

    @property
    def path(self) -> Path:
        assert self.url.startswith("sqlite:///")
        return Path(self.url.removeprefix("sqlite:///"))

    @property
    def workspace(self) -> WorkspaceLedger:
        return self.ledger.workspace("acme")

    def restart(self) -> None:
        self.ledger.close()
        self.ledger = open_ledger(self.url, clock=self.clock)

    def begin(self, *project_ids: str, limit: int = 500) -> None:
        """First contact, a listing of these published projects, and series for them."""
        self.workspace.first_contact(NOW_MS)
        projects = [Project(project_id=one, published_ms=1) for one in project_ids]
        self.workspace.record_projects(projects, NOW_MS)
        self.workspace.choose_members(limit, NOW_MS)

    def see(self, *runs: Run, project_id: str = "p", progress: RunProgress | None = None, at_ms: int = NOW_MS) -> None:
        self.workspace.record_runs(project_id, runs, progress or RunProgress(known_until_ms=at_ms), at_ms)

    def sums(self) -> dict[tuple[str, tuple[str, ...]], int]:
        """Every sum above 0, holds released."""
        self.workspace.release_holds(NOW_MS * 2)
        return {(one.metric, one.labels): one.value for one in self.workspace.counters() if one.value}

    def runs_total(self) -> dict[tuple[str, ...], int]:
        return {labels: value for (metric, labels), value in self.sums().items() if metric == "hex_runs_total"}


@pytest.fixture
def now_ms() -> int:
    return NOW_MS


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty ledger is, with each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state' / 'ledger.db'}"
    ledgers: PostgresLedgers = request.getfixturevalue("postgres_ledgers")
    return ledgers.empty()


@pytest.fixture
def bench(ledger_url: str, manual_clock: Clock) -> Iterator[Bench]:
    bench = Bench(ledger_url, manual_clock)
    yield bench
    bench.ledger.close()


@pytest.fixture
def file_bench(tmp_path: Path, manual_clock: Clock) -> Iterator[Bench]:
    bench = Bench(f"sqlite:///{tmp_path / 'state' / 'ledger.db'}", manual_clock)
    yield bench
    bench.ledger.close()


@pytest.fixture
def make_run() -> Callable[..., Run]:
    """A run of `p` that ended well five seconds after it started, a minute after first contact."""

    def make(run_id: str = "r", **changes: object) -> Run:
        facts: dict[str, object] = {
            "project_id": "p",
            "status": "completed",
            "trigger": "scheduled",
            "start_ms": NOW_MS + 60_000,
            "end_ms": NOW_MS + 65_000,
            "elapsed_ms": 5_000,
        }
        return Run(run_id=run_id, **{**facts, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that another user may read but not write."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)
