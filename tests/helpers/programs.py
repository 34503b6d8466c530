"""Programs from Debian that the tests drive, as pytest fixtures: fetched once, unpacked into `.cache/programs/`.

No root is needed, nothing is installed and no service is started. A test asks for `prometheus`, `promtool`,
`alertmanager`, `amtool` or `postgres` and gets the path of bookworm's; for others than PostgreSQL's,
`@pytest.mark.parametrize("promtool", ["bookworm", "trixie", "sid"], indirect=True)`.
`buildah` and `debootstrap` have to be installed; `./test` does that where it may.

What could not be had skips the tests that need it and is named in one line at the end of the run.
"""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "programs"
DEFAULT_SUITE = "bookworm"
FETCH_SECONDS = 300.0

PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "promtool",
    "alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
    "postgres": "postgresql-15",
    "pgbouncer": "pgbouncer",
    "docker_compose": "docker-compose",
}
BINARIES = {"alertmanager": "prometheus-alertmanager", "docker_compose": "docker-compose"}
FOLDERS = {"postgres": "usr/lib/postgresql/15/bin", "pgbouncer": "usr/sbin"}

# What PostgreSQL of bookworm links that a slim machine may lack; fetched only where something is missing.
LIBRARIES = (
    *("libpq5", "libicu72", "libxml2", "libldap-2.5-0", "libsasl2-2", "libgssapi-krb5-2", "libkrb5-3", "libk5crypto3"),
    *("libkrb5support0", "libkeyutils1", "libcom-err2", "libgnutls30", "libp11-kit0", "libidn2-0", "libunistring2"),
    *("libtasn1-6", "libnettle8", "libhogweed6", "libgmp10", "libffi8", "libssl3", "libzstd1", "liblz4-1", "zlib1g"),
    *("liblzma5", "libpam0g", "libaudit1", "libcap-ng0", "libsystemd0", "libcap2", "libgcrypt20", "libgpg-error0"),
    *("libstdc++6", "libgcc-s1"),
)

POOLER_LIBRARIES = ("libevent-2.1-7", "libc-ares2")

_absent = pytest.StashKey[dict[str, str]]()


@pytest.fixture
def prometheus(request: pytest.FixtureRequest) -> Path:
    """Prometheus' server."""
    return _program(request)


@pytest.fixture
def promtool(request: pytest.FixtureRequest) -> Path:
    """Prometheus' tool for checking metrics and testing rules."""
    return _program(request)


@pytest.fixture
def alertmanager(request: pytest.FixtureRequest) -> Path:
    """Prometheus' Alertmanager."""
    return _program(request)


@pytest.fixture
def amtool(request: pytest.FixtureRequest) -> Path:
    """Alertmanager's tool for checking its configuration and routes."""
    return _program(request)


@pytest.fixture
def docker_compose(request: pytest.FixtureRequest) -> Path:
    """Compose v2, which Debian has since trixie; it reads a file without Docker."""
    return _program(request)


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Path:
    """PostgreSQL's server; `initdb` lies beside it. `postgres.py` has one that runs."""
    return _program(request)


@pytest.fixture(scope="session")
def pgbouncer(request: pytest.FixtureRequest) -> Path:
    """PostgreSQL's connection pooler. `pgbouncer.py` has one that runs."""
    return _program(request)


@pytest.fixture(scope="session")
def buildah(request: pytest.FixtureRequest) -> Path:
    """The builder of container images; needs root for its chroot isolation."""
    return _installed(request.config, "buildah")


@pytest.fixture(scope="session")
def debootstrap(request: pytest.FixtureRequest) -> Path:
    """The maker of bare Debian trees; needs root."""
    return _installed(request.config, "debootstrap")


def debian_mirrors() -> list[str]:
    """Addresses of the Debian archives that this machine's apt is set up with; empty on another system."""
    if shutil.which("apt-get") is None:
        return []

    planned = subprocess.run(
        ["apt-get", "--print-uris", "update"], capture_output=True, text=True, timeout=60, check=False
    )
    # Security and update suites live in archives, or parts of them, that have no whole distribution.
    found = re.findall(r"^'(\S+)/dists/[^/-]+/main/binary-", planned.stdout, flags=re.MULTILINE)
    return list(dict.fromkeys(found))


def pytest_addoption(parser: pytest.Parser) -> None:
    """`./test` fetches programs beside lint, before its workers would all wait for them."""
    parser.addoption("--fetch-programs", action="store_true", help="fetch what tests drive though they are not run")


def pytest_configure(config: pytest.Config) -> None:
    """Start the list of what could not be had; keep programs in Go from using both processors to tidy up."""
    config.stash[_absent] = {}
    os.environ.setdefault("GOMAXPROCS", "1")  # promtool needs a fifth less time in all
    os.environ.setdefault("GOGC", "400")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Fetch, before any test's time runs, the programs that the selected tests ask for."""
    if session.config.option.collectonly and not session.config.option.fetch_programs:
        return

    wanted = set()
    for item in session.items:
        for name in PACKAGES.keys() & set(getattr(item, "fixturenames", ())):
            callspec = getattr(item, "callspec", None)
            suite = callspec.params.get(name, DEFAULT_SUITE) if callspec else DEFAULT_SUITE
            wanted.add((_package(name, suite), suite))

    missing = sorted(package for package in wanted if unpacked(*package) is None)
    if missing:
        fetch(missing)
    server = unpacked(PACKAGES["postgres"], DEFAULT_SUITE)
    if server is not None and (PACKAGES["postgres"], DEFAULT_SUITE) in wanted:
        server_library_path(server / FOLDERS["postgres"] / "postgres")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say in one line what could not be had and how to get it."""
    absent = config.stash[_absent]
    if absent:
        ways = dict.fromkeys(absent.values())
        grouped = (", ".join(what for what, how in absent.items() if how == way) + f" ({way})" for way in ways)
        terminalreporter.write_line("Not to be had, so not tested: " + "; ".join(grouped))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In one of several processes: hand the list to the one that speaks at the end."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output["absent"] = session.config.stash[_absent]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the list of a process that has ended."""
    node.config.stash[_absent].update(getattr(node, "workeroutput", {}).get("absent", {}))


def skip_absent(config: pytest.Config, what: str, how: str) -> NoReturn:
    """Skip the test that needs what could not be had; the end of the run names it, and how to get it."""
    config.stash[_absent][what] = how
    pytest.skip(f"{what} could not be had")


def unpacked(package: str, suite: str) -> Path | None:
    """The folder that `package` of `suite` was unpacked into, if it was."""
    return next((CACHE / suite).glob(f"{package}-[0-9]*"), None)


def library_path(*binaries: Path, packages: Iterable[str] = LIBRARIES) -> str:
    """Where the libraries of these are that this machine lacks, fetched if need be; empty if it has all."""
    if "not found" not in linked(*binaries):
        return ""
    packages = tuple(packages)
    fetch((package, DEFAULT_SUITE) for package in packages if unpacked(package, DEFAULT_SUITE) is None)
    trees = filter(None, (unpacked(package, DEFAULT_SUITE) for package in packages))
    folders = [folder for tree in trees for place in ("lib", "usr/lib") for folder in (tree / place).glob("*-linux-*")]
    return ":".join(map(str, folders))


def server_library_path(server: Path) -> str:
    """The same for a PostgreSQL server and its initdb."""
    return library_path(server, server.with_name("initdb"))


def linked(*binaries: Path, path: str = "") -> str:
    """What the loader says about the libraries of these binaries."""
    env = {**os.environ, "LD_LIBRARY_PATH": path, "LC_ALL": "C"}
    command = ["ldd", *map(str, binaries)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False).stdout


def fetch(packages: Iterable[tuple[str, str]]) -> None:
    """Fetch and unpack each (package, suite) that the machine's Debian mirrors have, in bounded time.

    The machine's own apt lists are neither read nor changed. Safe to run in several processes at once.
    """
    mirrors = debian_mirrors()
    if not mirrors:
        return

    deadline = time.monotonic() + FETCH_SECONDS
    with only_one(), tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        todo = [package for package in packages if unpacked(*package) is None]
        suites = sorted({suite for _, suite in todo})
        lines = [f"deb {mirror} {suite} main\n" for mirror in mirrors for suite in suites]
        apt = _apt(Path(scratch), lines)
        _run([*apt, "update"], deadline=deadline, cwd=scratch)

        for package, suite in todo:
            place = Path(tempfile.mkdtemp(dir=scratch))
            _run([*apt, "download", f"{package}/{suite}"], deadline=deadline, cwd=place)
            for archive in place.glob("*.deb"):
                version = archive.name.split("_")[1]
                if _run(["dpkg-deb", "-x", str(archive), str(place / "tree")], deadline=deadline, cwd=place):
                    (CACHE / suite).mkdir(exist_ok=True)
                    (place / "tree").rename(CACHE / suite / f"{package}-{version}")


def _package(name: str, suite: str) -> str:
    if suite == "bookworm" and name == "promtool":
        return "prometheus"  # a package of its own since trixie
    return PACKAGES[name]


def _program(request: pytest.FixtureRequest) -> Path:
    name = request.fixturename
    assert name is not None
    binary = BINARIES.get(name, name)
    suite = getattr(request, "param", DEFAULT_SUITE)

    tree = unpacked(_package(name, suite), suite)
    place = Path(FOLDERS.get(name, "usr/bin")) / binary
    if tree is not None and (tree / place).exists():
        return tree / place

    on_path = shutil.which(binary)
    if on_path is not None and suite == DEFAULT_SUITE:
        return Path(on_path).resolve()

    skip_absent(request.config, f"{name} of Debian {suite}", "run ./test on Debian where apt reaches a mirror")


def _installed(config: pytest.Config, name: str) -> Path:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        config.stash[_absent][name] = f"as root: apt-get install {name}"
        pytest.skip(f"{name} is not installed")

    if os.geteuid() != 0:
        config.stash[_absent][name] = "run ./test as root"
        pytest.skip(f"{name} needs root")

    return Path(found)


@contextmanager
def only_one() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _apt(scratch: Path, lines: list[str]) -> list[str]:
    sources = scratch / "sources.list"
    sources.write_text("".join(lines))
    for folder in ("lists/partial", "archives/partial"):
        (scratch / folder).mkdir(parents=True)

    settings = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": scratch / "lists",
        "Dir::Cache": scratch,
        "APT::Sandbox::User": "root",
        "Acquire::Retries": "2",
        "Acquire::http::Timeout": "30",
    }
    return ["apt-get", "-qq", *(part for key, value in settings.items() for part in ("-o", f"{key}={value}"))]


def _run(command: list[str], *, deadline: float, cwd: str | Path) -> bool:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=max(1.0, deadline - time.monotonic()),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0
