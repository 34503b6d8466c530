"""What only a ledger in PostgreSQL has: a server that refuses, ends connections or goes away, and schemas."""

from collections.abc import Iterator
from typing import Any

import pytest
from helpers.manual_clock import ManualClock
from helpers.postgres import PostgresLedgers, PostgresServer

from exporter.errors import LedgerError, LedgerTooNewError
from exporter.facts import Group
from exporter.ledger import Ledger, WorkspaceLedger, open_ledger

SERIES = ("hex_exporter_bad_items_total", ("runs",))


@pytest.fixture
def url(postgres_ledgers: PostgresLedgers) -> str:
    return postgres_ledgers.empty()


@pytest.fixture
def ledger(url: str, manual_clock: ManualClock) -> Iterator[Ledger]:
    ledger = open_ledger(url, clock=manual_clock)
    yield ledger
    ledger.close()


def value(ledger: Ledger, clock: ManualClock) -> int | None:
    workspace = ledger.workspace("acme")
    clock.advance(90)
    workspace.release_holds(round(clock.now() * 1000))
    return {(one.metric, one.labels): one.value for one in workspace.counters()}.get(SERIES)


def refusal(url: str, clock: ManualClock, *, read_only: bool = False) -> str:
    with pytest.raises(LedgerError) as caught:
        open_ledger(url, clock=clock, read_only=read_only).close()
    return str(caught.value)


def end_connections(ledgers: PostgresLedgers) -> None:
    with ledgers.server.connect() as connection:
        wanted = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and application_name = %s"
        connection.execute(wanted, (ledgers.database, "hex-exporter"))


class TestOpening:
    def test_a_schema_is_made_and_ledgers_in_two_do_not_mix(
        self, postgres_ledgers: PostgresLedgers, manual_clock: ManualClock
    ) -> None:
        server = postgres_ledgers.server
        url = server.url(server.new_database())
        one, other = (open_ledger(f"{url}&options=-csearch_path%3D{name}", clock=manual_clock) for name in ("A", "b"))
        one.workspace("acme").record_groups([Group(group_id="g")], 1)

        assert one.workspace("acme").listing("groups") is not None
        assert other.workspace("acme").listing("groups") is None
        one.close()
        other.close()
        assert refusal(url, manual_clock, read_only=True).endswith(": no ledger here: start `hex-exporter serve` first")

    def test_a_database_that_is_missing_is_to_be_created(
        self, postgres_server: PostgresServer, manual_clock: ManualClock
    ) -> None:
        said = refusal(postgres_server.url("absent"), manual_clock)

        assert said.endswith("there is no such database: create it with CREATE DATABASE, or correct storage.url")

    def test_a_user_without_rights_is_to_be_granted_them(
        self, postgres_server: PostgresServer, manual_clock: ManualClock
    ) -> None:
        database = postgres_server.new_database()
        with postgres_server.connect(database) as connection:
            connection.execute("create user poor")
            connection.execute("revoke create on schema public from public")

        said = refusal(postgres_server.url(database, user="poor"), manual_clock)

        assert "poor lacks a right: grant it CREATE and USAGE on the schema" in said

    def test_a_server_that_only_reads_is_named_as_such(self, postgres_ledgers: PostgresLedgers, manual_clock) -> None:
        url = postgres_ledgers.empty()
        read_only = f"{url}&options=-cdefault_transaction_read_only%3Don"

        assert "point storage.url at the primary" in refusal(read_only, manual_clock)
        open_ledger(read_only, clock=manual_clock, read_only=True).close()

    def test_somebody_elses_schema_is_left_alone(self, postgres_server: PostgresServer, manual_clock: Any) -> None:
        database = postgres_server.new_database()
        with postgres_server.connect(database) as connection:
            connection.execute("create table theirs (a int)")

        said = refusal(postgres_server.url(database), manual_clock)

        assert said.endswith("not a ledger: set storage.url to another database or schema")
        assert "'theirs'" in said

    @pytest.mark.parametrize("read_only", [False, True])
    def test_a_newer_ledger_is_refused(self, postgres_ledgers: PostgresLedgers, manual_clock, read_only: bool) -> None:
        url = postgres_ledgers.empty()
        with postgres_ledgers.server.connect(postgres_ledgers.database) as connection:
            connection.execute("update meta set value = 99 where key = 'schema_version'")

        with pytest.raises(LedgerTooNewError, match="schema version 99"):
            open_ledger(url, clock=manual_clock, read_only=read_only)

    @pytest.mark.parametrize(
        "url",
        [
            "postgresql://user:s3cr3t@host:port/db",
            "postgresql://user:s3cr3t@host/db?schema=hex",
            "postgresql://user:s3/cr3t@host:1x/db",
            "postgresql://user:s3cr3t@127.0.0.1:9/db",
        ],
    )
    def test_no_message_has_the_password(self, manual_clock: ManualClock, url: str) -> None:
        assert "r3t" not in refusal(url, manual_clock)


class TestAway:
    def test_connections_that_were_ended_are_made_anew(
        self, ledger: Ledger, postgres_ledgers: PostgresLedgers, manual_clock: ManualClock
    ) -> None:
        ledger.workspace("acme").count(*SERIES, 5)
        end_connections(postgres_ledgers)
        ledger.workspace("acme").count(*SERIES, 2)

        assert value(ledger, manual_clock) == 7
        assert ledger.problem is None

    def test_a_transaction_whose_connection_is_ended_is_undone_whole(
        self, ledger: Ledger, postgres_ledgers: PostgresLedgers, manual_clock: ManualClock
    ) -> None:
        workspace = ledger.workspace("acme")
        workspace.count(*SERIES, 5)

        with pytest.raises(LedgerError, match="continues when"):
            self.count_and_lose(workspace, postgres_ledgers, 100)

        assert ledger.problem is not None
        assert value(ledger, manual_clock) == 5
        assert ledger.problem is None

    def test_what_was_committed_when_the_connection_was_lost_is_read_again(
        self, ledger: Ledger, postgres_ledgers: PostgresLedgers, manual_clock: ManualClock
    ) -> None:
        """The server may have committed what this process takes for undone: what it remembers must not differ."""
        workspace = ledger.workspace("acme")
        workspace.count(*SERIES, 5)
        with postgres_ledgers.server.connect(postgres_ledgers.database) as connection:
            connection.execute("update counters set value = 12 where metric = %s", SERIES[:1])

        with pytest.raises(LedgerError):
            self.count_and_lose(workspace, postgres_ledgers, 100)

        workspace.count(*SERIES, 1)
        assert value(ledger, manual_clock) == 13

    def count_and_lose(self, workspace: WorkspaceLedger, ledgers: PostgresLedgers, amount: int) -> None:
        with workspace._store.transaction("acme") as transaction:
            workspace._counters.count(transaction, {SERIES: amount})
            end_connections(ledgers)
