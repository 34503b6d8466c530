"""A database that is not there when `serve` starts is waited for; one that waiting does not help ends the process."""

import threading
from collections.abc import Callable

import pytest
from helpers.manual_clock import ManualClock
from helpers.postgres import PostgresLedgers, PostgresServer

from exporter.clock import SystemClock
from exporter.config import Config, Storage, Workspace
from exporter.errors import LedgerError
from exporter.hexapi import TokenSource
from exporter.ledger.engines import postgresql
from exporter.metrics import Publisher, Status
from exporter.service import awaited_ledger
from exporter.service.awaited_ledger import StoppedError, await_ledger
from exporter.service.follower import Follower
from exporter.service.overview_page import OverviewPage
from exporter.service.workers import Assignment


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(awaited_ledger, "_RETRY_SECONDS", 0.01)
    monkeypatch.setattr(postgresql, "_RECONNECT_SECONDS", 0.0)


class Started:
    """A follower, and what it shows."""

    def __init__(self, url: str) -> None:
        workspace = Workspace(name="acme", base_url="http://127.0.0.1:9/api/v1", token_env="T")
        config = Config(workspaces=(workspace,), storage=Storage(url=url))
        assignment = Assignment(config, {"acme": TokenSource(value="hxtw_x")})
        self.publisher, self.overview = Publisher(), OverviewPage()
        self.overview.begin(("acme",), telemetry_path="/metrics", grafana_url=None)
        self.follower = Follower(assignment, self.publisher, self.overview, Status(), SystemClock())
        self.follower.start()

    @property
    def metrics(self) -> str:
        return self.publisher.page.body(openmetrics=False, gzip=False).decode()


def wait(probe: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if probe():
            return
        threading.Event().wait(0.01)
    raise AssertionError(probe)


def test_the_database_is_waited_for_with_the_problem_on_every_page(postgres_ledgers: PostgresLedgers) -> None:
    url = postgres_ledgers.empty()
    with postgres_ledgers.away():
        started = Started(url)
        wait(lambda: "not currently accepting" in started.follower.ready()[1])

        assert started.follower.ready()[0] is False
        assert started.follower.health()[0] is True
        wait(lambda: "hex_exporter_ledger_durable 0" in started.metrics)
        assert 'hex_up{workspace="acme"} 0' in started.metrics
        assert "The ledger cannot be opened yet" in started.overview.body.decode()
    started.follower.opened.result(20)
    started.follower.showed.result(20)

    assert started.follower.ready() == (True, "OK")
    wait(lambda: "hex_exporter_ledger_durable 1" in started.metrics)
    wait(lambda: 'hex_exporter_lease_owner{workspace="acme"} 1' in started.metrics)
    started.follower.stop(20)


def test_a_process_that_waits_ends_when_it_should(postgres_ledgers: PostgresLedgers) -> None:
    with postgres_ledgers.away():
        started = Started(postgres_ledgers.url)
        wait(lambda: "not currently accepting" in started.follower.ready()[1])
        started.follower.stop(20)

        assert started.follower.opened.cancelled()
        assert started.follower.health()[0] is False


@pytest.mark.parametrize(
    ("parameters", "advice"),
    [
        ("host=127.0.0.1&port=9", "start the database, or correct the host and the port"),
        ("host=nowhere.invalid", "start the database, or correct the host and the port"),
        ("options=-cdefault_transaction_read_only%3Don", "point storage.url at the primary"),
    ],
)
def test_what_may_be_over_later_is_waited_for(
    postgres_ledgers: PostgresLedgers, manual_clock: ManualClock, parameters: str, advice: str
) -> None:
    url = postgres_ledgers.empty()
    url = f"{url}&{parameters}" if "options" in parameters else f"postgresql://postgres@/db?{parameters}"
    said: list[str] = []
    stop = threading.Event()

    def on_absent(problem: str) -> None:
        said.append(problem)
        stop.set()

    with pytest.raises(StoppedError):
        await_ledger(url, clock=manual_clock, keep=lambda _: None, on_absent=on_absent, stop=stop)
    assert advice in said[0]


def test_a_database_without_free_connections_is_waited_for(
    postgres_ledgers: PostgresLedgers, postgres_server: PostgresServer, manual_clock: ManualClock
) -> None:
    database = postgres_server.new_database()
    with postgres_server.connect(database) as connection:
        connection.execute("create user waiting connection limit 0")
        connection.execute("grant all on schema public to waiting")
    said: list[str] = []

    def give_room(problem: str) -> None:
        said.append(problem)
        with postgres_server.connect() as connection:
            connection.execute("alter user waiting connection limit 5")

    ledger, _ = await_ledger(
        postgres_server.url(database, user="waiting"),
        clock=manual_clock,
        keep=lambda _: None,
        on_absent=give_room,
        stop=threading.Event(),
    )
    ledger.close()
    assert len(said) == 1
    assert "raise max_connections" in said[0]


def test_what_must_be_mended_is_not_waited_for(postgres_server: PostgresServer, manual_clock: ManualClock) -> None:
    with pytest.raises(LedgerError, match="there is no such database: create it"):
        await_ledger(
            postgres_server.url("absent"),
            clock=manual_clock,
            keep=lambda _: None,
            on_absent=lambda problem: pytest.fail(problem),
            stop=threading.Event(),
        )
