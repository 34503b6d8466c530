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
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from programs import DEFAULT_SUITE, fetch, skip_absent, unpacked

# What PostgreSQL of bookworm links that a slim image may lack; fetched only where something is missing.
LIBRARIES = (
    *("libpq5", "libicu72", "libxml2", "libldap-2.5-0", "libsasl2-2", "libgssapi-krb5-2", "libkrb5-3", "libk5crypto3"),
    *("libkrb5support0", "libkeyutils1", "libcom-err2", "libgnutls30", "libp11-kit0", "libidn2-0", "libunistring2"),
    *("libtasn1-6", "libnettle8", "libhogweed8", "libgmp10", "libffi8", "libssl3", "libzstd1", "liblz4-1"),
    *("liblzma5", "libpam0g", "libaudit1", "libcap-ng0", "libsystemd0", "libcap2", "libgcrypt20", "libgpg-error0"),
)
READY = "database system is ready to accept connections"
SETTINGS = ("fsync=off", "listen_addresses=", "max_connections=40", "jit=off", "unix_socket_permissions=0777")
DEADLINE_SECONDS = 60


class PostgresServer:
    """A server whose superuser is `postgres`, trusted without a password. Stop it by `stop`."""

    def __init__(self, binary: Path, folder: Path, env: Mapping[str, str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self._numbers = 0
        as_user = _ordinary_user(folder)
        init = [binary.with_name("initdb"), "--pgdata", self.data, "--username=postgres", "--auth=trust", "--no-sync"]
        init += ["--encoding=UTF8", "--locale=C"]
        done = subprocess.run(
            init, env=env, cwd=folder, capture_output=True, text=True, timeout=DEADLINE_SECONDS, check=False, **as_user
        )
        assert done.returncode == 0, done.stdout + done.stderr
        command = [binary, "-D", self.data, "-k", folder, *(part for one in SETTINGS for part in ("-c", one))]
        self._process = subprocess.Popen(
            command, env=env, cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **as_user
        )
        self.said: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._ready.wait(DEADLINE_SECONDS), "".join(self.said)
        assert any(READY in line for line in self.said), "".join(self.said)

    def url(self, database: str = "postgres", *, user: str = "postgres", password: str = "") -> str:
        """What SQLAlchemy connects with."""
        login = f"{user}:{quote(password, safe='')}" if password else user
        return f"postgresql+psycopg://{login}@/{database}?host={quote(str(self.folder), safe='')}"

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection in which each statement is a transaction of its own."""
        return psycopg.connect(f"host={self.folder} user=postgres dbname={database}", autocommit=True)

    def new_database(self) -> str:
        """The name of a database that is empty."""
        self._numbers += 1
        name = f"test_{self._numbers}"
        with self.connect() as connection:
            connection.execute(f"create database {name}")
        return name

    def stop(self) -> None:
        """End the server, whoever is connected."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(DEADLINE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait(DEADLINE_SECONDS)
        self._reader.join(DEADLINE_SECONDS)

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                self.said.append(line)
                if READY in line:
                    self._ready.set()
        self._ready.set()


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest, postgres: Path) -> Iterator[PostgresServer]:
    """A server that runs as long as the tests do."""
    env = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "LD_LIBRARY_PATH": _library_path(postgres)}
    if "not found" in _linked(postgres, env):
        skip_absent(request.config, "the libraries of PostgreSQL", "as root: apt-get install postgresql-15")
    # Short, since the path of a socket is, and where another user can get at it.
    folder = Path(tempfile.mkdtemp(prefix="hexpg-", dir="/tmp"))
    try:
        server = PostgresServer(_reachable(postgres, folder), folder, env)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ordinary_user(folder: Path) -> dict:
    """How a child is started so that it is not root; the folder is made its own."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _reachable(binary: Path, folder: Path) -> Path:
    """The binary where an ordinary user can get at it: a tree in somebody's home is copied."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & stat.S_IXOTH for parent in binary.parents):
        return binary
    tree = folder / "tree"
    # The server finds what belongs to it by its own place.
    shutil.copytree(binary.parents[4], tree / "usr", symlinks=True)
    return tree / "usr" / binary.relative_to(binary.parents[4])


def _linked(binary: Path, env: Mapping[str, str]) -> str:
    """What the loader says about the libraries of the server and of initdb."""
    command = ["ldd", binary, binary.with_name("initdb")]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False).stdout


def _library_path(binary: Path) -> str:
    """Where libraries are that this machine lacks; empty if it has all."""
    if "not found" not in _linked(binary, os.environ):
        return ""
    fetch((package, DEFAULT_SUITE) for package in LIBRARIES if unpacked(package, DEFAULT_SUITE) is None)
    trees = filter(None, (unpacked(package, DEFAULT_SUITE) for package in LIBRARIES))
    folders = [folder for tree in trees for place in ("lib", "usr/lib") for folder in (tree / place).glob("*-linux-*")]
    return ":".join(map(str, folders))
