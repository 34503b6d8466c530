"""PgBouncer in transaction mode in front of a PostgreSQL server: another transaction may get another session."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.postgres import PostgresServer, ordinary_user, reachable
from helpers.programs import POOLER_LIBRARIES, library_path, linked, skip_absent
from helpers.running import wait_for

SESSIONS = 2
PORT = 6432

SETTINGS = """
[databases]
* = host={server} port=5432
[pgbouncer]
listen_port = {port}
unix_socket_dir = {folder}
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 50
"""


@pytest.fixture(scope="session")
def pooler(request: pytest.FixtureRequest, pgbouncer: Path, postgres_server: PostgresServer) -> Iterator[Path]:
    """The folder of the socket of one that has two sessions at the server for each database."""
    libraries = library_path(pgbouncer, packages=POOLER_LIBRARIES)
    if "not found" in linked(pgbouncer, path=libraries):
        skip_absent(request.config, "the libraries of PgBouncer", "as root: apt-get install pgbouncer")
    folder = Path(tempfile.mkdtemp(prefix="hexpb-", dir="/tmp"))
    (folder / "users").write_text('"postgres" ""\n')
    settings = folder / "pgbouncer.ini"
    settings.write_text(SETTINGS.format(server=postgres_server.folder, folder=folder, port=PORT, sessions=SESSIONS))
    as_user = ordinary_user(folder)
    try:
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [reachable(pgbouncer, folder), "-q", settings],
                env={"PATH": os.environ.get("PATH", ""), "LD_LIBRARY_PATH": libraries},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stderr=log,
                **as_user,
            )
        try:
            socket = folder / f".s.PGSQL.{PORT}"
            assert wait_for(lambda: socket.exists() or process.poll() is not None, seconds=10)
            assert socket.exists(), (folder / "log").read_text()
            yield folder
        finally:
            process.terminate()
            process.wait(10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
