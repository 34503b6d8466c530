"""What only a ledger in PostgreSQL has: a server that refuses, ends connections or goes away, and schemas."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from helpers.cut_proxy import CutProxy
from helpers.manual_clock import ManualClock
from helpers.postgres import PostgresLedgers, PostgresServer, running_server
from psycopg import OperationalError
from sqlalchemy import select

from exporter.config import Config, Storage, Workspace
from exporter.errors import LedgerAwayError, LedgerError, LedgerTooNewError
from exporter.facts import Group
from exporter.ledger import Ledger, WorkspaceLedger, open_ledger
from exporter.ledger.engines import database_clock, postgresql
from exporter.ledger.engines.postgresql_errors import sentence_of
from exporter.ledger.lease_plan import GONE_MS, Replica
from exporter.ledger.leases import Leases
from exporter.ledger.opening import open_store
from exporter.ledger.schema import NOTES, upsert
from exporter.metrics import Collector, Status

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


@contextmanager
def refusing_groups(ledgers: PostgresLedgers, state: str) -> Iterator[None]:
    """Each listing of groups is refused as the server would with this SQLSTATE."""
    with ledgers.server.connect(ledgers.database) as connection:
        connection.execute(
            "create function refuse() returns trigger language plpgsql as "
            f"$$ begin raise 'no' using errcode = '{state}', detail = 'secret detail'; end $$"
        )
        connection.execute("create trigger refuse before insert on listings for each row execute function refuse()")
        try:
            yield
        finally:
            connection.execute("drop function refuse cascade")


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

    @pytest.mark.slow
    def test_a_standby_is_read_and_waited_for(self, postgres: Path, manual_clock: ManualClock) -> None:
        with running_server(postgres) as server:
            url = server.url(server.new_database())
            ledger = open_ledger(url, clock=manual_clock)
            ledger.workspace("acme").record_groups([Group(group_id="g")], 1)
            ledger.close()
            server.stop(signal.SIGINT)
            server.become_standby()
            server.start()

            with pytest.raises(
                LedgerAwayError, match=r"only reads, as a standby does: point storage.url at the primary"
            ):
                open_ledger(url, clock=manual_clock)
            ledger = open_ledger(url, clock=manual_clock, read_only=True)
            assert ledger.workspace("acme").listing("groups") is not None
            ledger.close()

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

    def test_a_refused_login_names_what_to_correct(
        self, postgres_server: PostgresServer, manual_clock: ManualClock
    ) -> None:
        rules = postgres_server.data / "pg_hba.conf"
        with postgres_server.connect() as connection:
            connection.execute("create user locked password 'right'")
            rules.write_text(f"local all locked scram-sha-256\n{rules.read_text()}")
            connection.execute("select pg_reload_conf()")
            while not connection.execute("select 1 from pg_hba_file_rules where 'locked' = any(user_name)").fetchone():
                """The server reads its files at its own pace."""

        said = refusal(postgres_server.url(user="locked", password="s3cr3t"), manual_clock)

        assert "the login of locked was refused: correct the user and the password in storage.url" in said
        assert "s3cr3t" not in said

    def test_a_server_without_free_connections_is_to_have_more(
        self, postgres_server: PostgresServer, manual_clock: ManualClock
    ) -> None:
        with postgres_server.connect() as connection:
            connection.execute("create user crowded connection limit 0")

        assert "raise max_connections" in refusal(postgres_server.url(user="crowded"), manual_clock)

    def test_an_old_server_is_to_be_upgraded(self, url: str, manual_clock: ManualClock, monkeypatch: Any) -> None:
        monkeypatch.setattr(postgresql, "OLDEST_SERVER", 99)

        assert "is too old: upgrade the server to 99 or later" in refusal(url, manual_clock)

    def test_a_database_in_another_encoding_is_refused(
        self, postgres_server: PostgresServer, manual_clock: ManualClock
    ) -> None:
        with postgres_server.connect() as connection:
            connection.execute("create database old encoding 'LATIN1' template template0")

        assert "ENCODING 'UTF8'" in refusal(postgres_server.url("old"), manual_clock)

    def test_two_that_start_at_once_make_one_ledger(
        self, postgres_server: PostgresServer, manual_clock: ManualClock
    ) -> None:
        url = postgres_server.url(postgres_server.new_database())
        with ThreadPoolExecutor(3) as pool:
            ledgers = list(pool.map(lambda _: open_ledger(url, clock=manual_clock), range(3)))

        assert len({one.created_ms for one in ledgers}) == 1
        for one in ledgers:
            one.close()

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


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("server is in hot standby mode", "point storage.url at the primary"),
        ("session is read-only", "point storage.url at the primary"),
        ("server is not in hot standby mode", "wants a server that only reads: set it to read-write"),
        ("session is not read-only", "wants a server that only reads: set it to read-write"),
    ],
)
def test_a_server_of_the_other_kind_is_named_as_such(said: str, advice: str) -> None:
    assert advice in sentence_of(OperationalError(f"connection failed: {said}"), user="u", schema=None)


def test_two_clusters_on_one_schema_are_refused_while_both_live(url: str, manual_clock: ManualClock) -> None:
    stores = [open_store(url, clock=manual_clock) for _ in range(2)]
    here, there = (Leases(store, name, database_clock) for store, name in zip(stores, "ab", strict=True))
    here.join({"acme": "https://app.hex.tech/api/v1"})
    here.beat(Replica(name="a"))

    with pytest.raises(LedgerError, match=r"a on this ledger follows https://app.* give each cluster a schema"):
        there.join({"acme": "https://eu.hex.tech/api/v1", "labs": "https://eu.hex.tech/api/v1"})
    there.join({"acme": "https://app.hex.tech/api/v1", "labs": "https://eu.hex.tech/api/v1"})
    here.hand_over((), leaves=True)
    there.join({"acme": "https://eu.hex.tech/api/v1"})
    for store in stores:
        store.close()


def test_an_owner_that_stands_still_in_the_middle_of_many_rows_is_succeeded(
    url: str, manual_clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = [open_store(url, clock=manual_clock) for _ in range(2)]
    here = Leases(stores[0], "a", database_clock)
    there = Leases(stores[1], "b", lambda: database_clock() + GONE_MS)
    epoch = here.take(here.beat(Replica(name="a", workspaces=frozenset({"acme"}))).leases[0])
    assert epoch == 1
    here.fence.open("acme", epoch)
    rows = [{"workspace": "acme", "key": str(number), "value": "0"} for number in range(9)]

    def write() -> None:
        with stores[0].transaction("acme") as stalled:
            upsert(stalled.connection, NOTES, rows)
            lease = there.board().leases[0]
            assert there.take(lease) is None  # it is busy for all that is known
            monkeypatch.setattr(postgresql, "_WRITER_IDLE_SECONDS", 0)
            assert there.take(lease) is None
            assert there.take(lease) == 2

    with pytest.raises(LedgerError):
        write()
    with stores[1].reading() as connection:
        assert not connection.execute(select(NOTES.c.key)).all()
    for store in stores:
        store.close()


class TestAway:
    def test_connections_that_were_ended_are_made_anew(
        self, ledger: Ledger, postgres_ledgers: PostgresLedgers, manual_clock: ManualClock
    ) -> None:
        ledger.workspace("acme").count(*SERIES, 5)
        postgres_ledgers.end_connections()
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

    @pytest.mark.parametrize("is_committing", [False, True])
    def test_a_server_that_is_silent_behind_a_proxy_that_lives_is_given_up(
        self, postgres_ledgers: PostgresLedgers, manual_clock: ManualClock, monkeypatch: Any, is_committing: bool
    ) -> None:
        postgres_ledgers.empty()
        proxy = CutProxy(postgres_ledgers.server.folder / ".s.PGSQL.5432")
        url = f"postgresql://postgres@127.0.0.1:{proxy.port}/{postgres_ledgers.database}"
        ledger = open_ledger(url, clock=manual_clock)
        workspace = ledger.workspace("acme")
        monkeypatch.setattr(postgresql, "_STATEMENT_SECONDS", 0)
        monkeypatch.setattr(postgresql, "_SILENCE_SECONDS", 0.2)

        def count_and_lose(amount: int) -> None:
            with workspace._store.transaction("acme") as transaction:
                workspace._counters.count(transaction, {SERIES: amount})
                proxy.cut()
                if not is_committing:
                    workspace._counters.count(transaction, {SERIES: amount})

        workspace.count(*SERIES, 5)
        with pytest.raises(LedgerError, match="no answer from the server for 0 seconds: the connection was lost"):
            count_and_lose(100)
        proxy.mend()
        workspace.count(*SERIES, 2)

        assert value(ledger, manual_clock) in ((7, 107) if is_committing else (7,))
        with postgres_ledgers.server.connect(postgres_ledgers.database) as connection:
            (stored,) = connection.execute("select sum(value) from counters where metric = %s", SERIES[:1]).fetchone()
        assert stored == value(ledger, manual_clock)
        ledger.close()
        proxy.close()

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
            ledgers.end_connections()

    @pytest.mark.parametrize(
        ("state", "advice"),
        [
            ("53100", "the database's disk is full: free space there"),
            ("40P01", "this one is undone whole, and the next attempt writes it"),
            ("40001", "this one is undone whole, and the next attempt writes it"),
            ("55P03", "a row stayed locked for too long"),
            ("57014", "a statement took too long and was ended"),
            ("25006", "point storage.url at the primary"),
        ],
    )
    def test_a_write_that_the_server_refuses_is_undone_whole(
        self, ledger: Ledger, postgres_ledgers: PostgresLedgers, manual_clock: ManualClock, state: str, advice: str
    ) -> None:
        workspace = ledger.workspace("acme")
        workspace.count(*SERIES, 5)
        with refusing_groups(postgres_ledgers, state), pytest.raises(LedgerError) as caught:
            self.count_with_groups(workspace)

        assert advice in str(caught.value)
        assert "secret detail" not in str(caught.value)
        assert ledger.problem == str(caught.value)
        self.count_with_groups(workspace)
        assert value(ledger, manual_clock) == 105
        assert ledger.problem is None

    def count_with_groups(self, workspace: WorkspaceLedger) -> None:
        with workspace._store.transaction("acme") as transaction:
            workspace._counters.count(transaction, {SERIES: 100})
            workspace._listings.record(transaction, "groups", (), 1)

    def test_a_page_is_served_and_nothing_counts_twice_while_the_database_is_away(
        self, ledger: Ledger, postgres_ledgers: PostgresLedgers, manual_clock: ManualClock, monkeypatch: Any
    ) -> None:
        monkeypatch.setattr(postgresql, "_RECONNECT_SECONDS", 0.0)
        workspace = ledger.workspace("acme")
        workspace.first_contact(1)
        workspace.count(*SERIES, 5)
        config = Config(workspaces=(Workspace(name="acme"),), storage=Storage(url=""))
        collector = Collector(ledger, Status())

        def page() -> dict[str, float]:
            families = collector.collect(config, round(manual_clock.now() * 1000))
            return {
                one.metric.name: sum(number for _, number in one.samples if isinstance(number, (int, float)))
                for one in families
            }

        manual_clock.advance(90)
        workspace.release_holds(round(manual_clock.now() * 1000))
        before = page()
        with postgres_ledgers.away():
            for _ in range(3):
                with pytest.raises(LedgerError, match="is not currently accepting connections"):
                    workspace.count(*SERIES, 1)
            manual_clock.advance(600)
            during, problem = page(), ledger.problem
        workspace.count(*SERIES, 1)
        after = page()

        assert problem is not None
        assert [one["hex_exporter_ledger_durable"] for one in (before, during, after)] == [1, 0, 1]
        assert [one["hex_exporter_bad_items_total"] for one in (before, during, after)] == [5, 5, 6]
        assert during.keys() == before.keys()
        read = [one["hex_exporter_ledger_read_timestamp_seconds"] for one in (before, during, after)]
        assert [read[1] - read[0], read[2] - read[0]] == [0, 600]
