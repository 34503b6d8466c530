"""A PostgreSQL server of its own for tests, on a unix socket alone, as an ordinary user: it refuses to run as root."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from helpers.programs import linked, server_library_path, skip_absent

if TYPE_CHECKING:
    import psycopg

READY = "database system is ready to accept"  # "connections", or a standby "read-only connections"
SETTINGS = (
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off"),
    *("listen_addresses=", "max_connections=40", "jit=off", "unix_socket_permissions=0777"),
)
DEADLINE_SECONDS = 60


class PostgresServer:
    """A server whose superuser is `postgres`, trusted without a password. Stop it by `stop`."""

    def __init__(self, binary: Path, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._numbers = 0
        as_user = ordinary_user(folder)
        init = [binary.with_name("initdb"), "--pgdata", self.data, "--username=postgres", "--auth=trust", "--no-sync"]
        init += ["--encoding=UTF8", "--locale=C"]
        done = subprocess.run(
            init, env=env, cwd=folder, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False, **as_user
        )
        assert done.returncode == 0, done.stdout + done.stderr
        self._command = [binary, "-D", self.data, "-k", folder, *(part for one in SETTINGS for part in ("-c", one))]
        self._start_as = {"env": env, "cwd": folder, **as_user}
        self.said: list[str] = []
        self.start()

    def start(self) -> None:
        """Have it run, for the first time or after `stop`; returns when it takes connections."""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **self._start_as
        )
        self.said.clear()
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(DEADLINE_SECONDS), "".join(self.said)
        assert any(READY in line for line in self.said), "".join(self.said)

    def url(self, database: str = "postgres", *, user: str = "postgres", password: str = "") -> str:
        """What SQLAlchemy connects with."""
        login = f"{user}:{quote(password, safe='')}" if password else user
        return f"postgresql+psycopg://{login}@/{database}?host={quote(str(self.folder), safe='')}"

    def connect(self, database: str = "postgres") -> "psycopg.Connection":
        """A connection in which each statement is a transaction of its own."""
        import psycopg

        return psycopg.connect(f"host={self.folder} user=postgres dbname={database}", autocommit=True)

    def new_database(self) -> str:
        """The name of a database that is empty."""
        self._numbers += 1
        name = f"test_{self._numbers}"
        with self.connect() as connection:
            connection.execute(f"create database {name}")
        return name

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """End the server at once, whoever is connected; what it held is kept only by SIGINT."""
        if self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(DEADLINE_SECONDS)
        self._reader.join(DEADLINE_SECONDS)

    def become_standby(self) -> None:
        """Only read from the next start on, as a standby whose primary is gone."""
        (self.data / "standby.signal").touch()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self.said.append(line)
                if READY in line:
                    self._ready.set()
        self._ready.set()


class PostgresLedgers:
    """A database with a ledger's tables, made once and emptied for each test that wants one."""

    def __init__(self, server: PostgresServer) -> None:
        # Every run of the tests loads this file.
        from exporter.clock import SystemClock
        from exporter.ledger import SCHEMA_VERSION, open_ledger

        self._schema_version = SCHEMA_VERSION
        self.server = server
        self.database = server.new_database()
        self.url = server.url(self.database)
        open_ledger(self.url, clock=SystemClock()).close()
        self._connection = server.connect(self.database)
        tables = self._connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        self._emptying = ";".join(f"delete from {name}" for (name,) in tables)

    def empty(self) -> str:
        """The URL of a ledger in which nothing is."""
        meta = f"insert into meta values ('schema_version', {self._schema_version}), ('created_ms', 0)"
        self._connection.execute(f"{self._emptying}; {meta}")
        return self.url

    def end_connections(self) -> None:
        """End every connection of an exporter, as an administrator or a restart does."""
        wanted = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and application_name = %s"
        self._connection.execute(wanted, (self.database, "hex-exporter"))

    @contextmanager
    def away(self) -> Iterator[None]:
        """No exporter is connected, and none can connect."""
        with self.server.connect() as connection:
            connection.execute(f"alter database {self.database} with allow_connections false")
            self.end_connections()
            try:
                yield
            finally:
                connection.execute(f"alter database {self.database} with allow_connections true")

    def close(self) -> None:
        self._connection.close()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that wants a server is an integration test, also where nothing but its parameter says so."""
    for item in items:
        if "postgres_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def postgres_ledgers(postgres_server: PostgresServer) -> Iterator[PostgresLedgers]:
    ledgers = PostgresLedgers(postgres_server)
    yield ledgers
    ledgers.close()


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest, postgres: Path) -> Iterator[PostgresServer]:
    """A server that runs as long as the tests do."""
    if "not found" in linked(postgres, postgres.with_name("initdb"), path=server_library_path(postgres)):
        skip_absent(request.config, "the libraries of PostgreSQL", "as root: apt-get install postgresql-15")
    with running_server(postgres) as server:
        yield server


@contextmanager
def running_server(binary: Path) -> Iterator[PostgresServer]:
    """A server of this program, with nothing in it."""
    env = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "LD_LIBRARY_PATH": server_library_path(binary)}
    # Short, since the path of a socket is, and where another user can get at it.
    folder = Path(tempfile.mkdtemp(prefix="hexpg-", dir="/tmp"))
    try:
        server = PostgresServer(reachable(binary, folder), folder, env)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ordinary_user(folder: Path) -> dict:
    """How a child is started so that it is not root; the folder is made its own."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def reachable(binary: Path, folder: Path) -> Path:
    """The binary where an ordinary user can get at it: a tree in somebody's home is copied."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & stat.S_IXOTH for parent in binary.parents):
        return binary
    tree = folder / "tree"
    # The server finds what belongs to it by its own place.
    usr = next(parent for parent in binary.parents if parent.name == "usr")
    shutil.copytree(usr, tree / "usr", symlinks=True)
    return tree / "usr" / binary.relative_to(usr)
