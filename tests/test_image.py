"""The container image, built for real with buildah on a bare Debian and started as a runtime would start it.

There is no container engine here, so `Container` does by hand what one does: own mount and network namespaces,
the image's environment, user and command, a read-only root, one writable volume. What a test runs inside goes in
the way `docker exec` does. The first run has debootstrap make the Debian tree, which is kept in `.cache/`.
"""

import ast
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from helpers.programs import debian_mirrors

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parent.parent
BASE = ROOT / ".cache" / "image" / "debian-bookworm.tar"
VOLUME = "/var/lib/hex-exporter"

# Loopback up, the root read-only, the volume alone writable; then the image's user without any right of root's.
START = """
set -eu
root=$1 volume=$2 user=$3 python=$4; shift 4
"$python" -c '
import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP
'
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind "$volume" "$root/var/lib/hex-exporter"
mount --rbind /dev "$root/dev"
mount --bind /proc "$root/proc"
exec chroot --userspec="$user" --groups= "$root" /usr/bin/env -i "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Image:
    """A built image: its unpacked root file system, its configuration and its size."""

    root: Path
    config: Mapping[str, Any]
    bytes_added: int

    def command(self, *arguments: str) -> list[str]:
        """What a runtime would start, with `arguments` in place of the image's own, if there are any."""
        return [*self.config["Entrypoint"], *(arguments or self.config["Cmd"])]


class Container:
    """A program of the image running in namespaces of its own."""

    def __init__(self, image: Image, volume: Path, command: Sequence[str], **environment: str) -> None:
        variables = [*image.config["Env"], *(f"{key}={value}" for key, value in environment.items())]
        shell = ["sh", "-c", START, "start", image.root, volume, image.config["User"], sys.executable]
        self._image = image
        self._variables = variables
        self._process = subprocess.Popen(
            ["unshare", "--mount", "--net", "--propagation", "private", *shell, *variables, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def execute(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run `command` beside the program: same files, same network, same user."""
        user, group = self._image.config["User"].split(":")
        enter = ["nsenter", f"--target={self._process.pid}", "--mount", "--net", "--root", "--wdns=/"]
        become = ["/usr/bin/setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
        return subprocess.run(
            [*enter, *become, "/usr/bin/env", "-i", *self._variables, *command],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def execute_until(
        self, is_enough: Callable[[subprocess.CompletedProcess[str]], bool], *command: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` until what it did is enough, the program ends, or half a minute is over."""
        deadline = time.monotonic() + 30
        done = self.execute(*command)
        while not is_enough(done) and self.is_running(within_seconds=0.1) and time.monotonic() < deadline:
            done = self.execute(*command)
        return done

    def is_running(self, within_seconds: float) -> bool:
        """Whether the program is still running after `within_seconds`; ends early when it ends."""
        try:
            self._process.wait(timeout=within_seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def stop(self) -> tuple[int, str]:
        """End the program as a runtime does and return its exit status and all that it printed."""
        self._process.send_signal(signal.SIGTERM)
        try:
            output, _ = self._process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            output, _ = self._process.communicate()
        return self._process.returncode, output


@pytest.fixture(scope="module")
def image(buildah: Path, debootstrap: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """The image, built from the Dockerfile on a Debian that has only Python and its venv module."""
    if subprocess.run(["unshare", "--mount", "--net", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine allows no mount and network namespaces")

    place = tmp_path_factory.mktemp("image")
    store = [str(buildah), f"--root={place / 'root'}", f"--runroot={place / 'run'}", "--storage-driver=vfs"]

    base = _run(*store, "from", "scratch")
    _run(*store, "add", "--quiet", base, str(_bare_debian(debootstrap)), "/")
    _run(*store, "commit", "--quiet", "--rm", base, "localhost/debian")

    build = ["build", "--isolation=chroot", "--format=docker", "--tag=localhost/hex-exporter"]
    arguments = ["--build-arg=BASE=localhost/debian", f"--build-arg=VERSION={_version()}", "--build-arg=REVISION=test"]
    arguments.append(
        "--build-arg=EXTRAS=postgres"
    )  # one image for both: the drivers are looked for and left out by name
    _run(*store, *build, *arguments, *_index_volumes(place), str(ROOT))
    container = _run(*store, "from", "localhost/hex-exporter")
    root = Path(_run(*store, "mount", container))
    described = json.loads(_run(*store, "inspect", "--type=image", "localhost/hex-exporter"))

    added = root / "opt" / "hex-exporter"
    size = sum(path.lstat().st_size for path in added.rglob("*") if not any("psycopg" in part for part in path.parts))
    yield Image(root=root, config=described["Docker"]["config"], bytes_added=size)

    shutil.rmtree(place)  # vfs mounts nothing


@pytest.fixture
def volume(image: Image, tmp_path: Path) -> Path:
    """A new volume, owned as a runtime makes it: like the folder in the image that it covers."""
    owner = (image.root / VOLUME.lstrip("/")).stat()
    folder = tmp_path / "volume"
    folder.mkdir(mode=0o755)
    os.chown(folder, owner.st_uid, owner.st_gid)
    tmp_path.chmod(0o755)
    return folder


def test_has_what_its_bundle_is_written_from(image: Image, volume: Path) -> None:
    container = Container(image, volume, image.command("bundle", f"{VOLUME}/made"))

    assert not container.is_running(within_seconds=30)
    status, output = container.stop()
    assert status == 0, output
    for folder, source in (("grafana/dashboards", "dashboards/*.json"), ("prometheus/rules", "alerts/rules/*.yml")):
        assert {path.name for path in (volume / "made" / folder).iterdir()} == {path.name for path in ROOT.glob(source)}


def test_says_its_version(image: Image, volume: Path) -> None:
    container = Container(image, volume, image.command("--version"))

    assert not container.is_running(within_seconds=30)
    status, output = container.stop()

    assert status == 0, output
    assert _version() in output


def test_serves_and_is_healthy_as_a_user_without_rights_on_a_read_only_root(image: Image, volume: Path) -> None:
    """Started with nothing but a token, Hex away: metrics, a passing health check and state in the volume alone."""
    get = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9891/metrics', timeout=5).read().decode())"
    away = {"HEX_API_TOKEN": "not-a-real-token", "HEX_BASE_URL": "http://127.0.0.1:9/api/v1"}
    container = Container(image, volume, image.command(), **away)
    try:
        health = image.config["Healthcheck"]["Test"]
        checked = container.execute_until(lambda done: done.returncode == 0, *health[1:])
        page = container.execute_until(lambda done: "hex_up{" in done.stdout, "python", "-c", get)
        write = container.execute("python", "-c", "open('/opt/hex-exporter/x', 'w')")
        user = container.execute("id", "-u")
    finally:
        status, output = container.stop()

    assert health[0] == "CMD", "the health check must need no shell"
    assert checked.returncode == 0, output + checked.stderr
    assert 'hex_up{workspace="default"} 0' in page.stdout, output + page.stderr
    assert "Read-only file system" in write.stderr
    assert user.stdout.strip() == "10001"
    assert status in (0, -signal.SIGTERM), output
    assert list(volume.iterdir()), "the ledger belongs in the volume"
    assert "not-a-real-token" not in output


def test_health_check_fails_when_nothing_answers(image: Image, volume: Path) -> None:
    container = Container(image, volume, ["python", *image.config["Healthcheck"]["Test"][2:]])

    assert not container.is_running(within_seconds=30)
    status, output = container.stop()

    assert status != 0
    assert "ConnectionRefusedError" in output


def test_carries_what_it_needs_and_no_more(image: Image, capsys: pytest.CaptureFixture[str]) -> None:
    """No build tool, cache or source of the build; modules compiled, as nothing can be written later."""
    [packages] = (image.root / "opt" / "hex-exporter" / "lib").glob("python3*/site-packages")
    installed = {path.name.split("-")[0].lower() for path in packages.glob("*.dist-info")}

    assert {"hex_exporter", "httpx", "uvicorn"} <= installed
    assert not installed & {"pip", "setuptools", "wheel", "hatchling", "uv", "pytest"}
    assert list(packages.glob("exporter/__pycache__/*.pyc"))
    assert not (image.root / "build").exists()
    assert not (image.root / "root" / ".cache").exists()
    assert list((image.root / "tmp").iterdir()) == []
    assert {path.owner() for path in packages.rglob("*")} == {"root"}

    assert image.bytes_added < 60e6, "without drivers"
    with capsys.disabled():
        print(f"\nimage: {image.bytes_added / 1e6:.0f} MB on top of its base")


def test_has_the_drivers_that_were_named_and_lacks_nothing_that_is_imported(image: Image, volume: Path) -> None:
    """Every module of the program, and the driver, with what was taken out of the libraries."""
    every = (
        "import exporter, importlib, pkgutil, psycopg;"
        "names = [one.name for one in pkgutil.walk_packages(exporter.__path__, 'exporter.')];"
        "[importlib.import_module(name) for name in names if not name.endswith('__main__')];"
        "print(len(names), psycopg.pq.__impl__)"
    )
    container = Container(image, volume, ["python", "-c", every])

    assert not container.is_running(within_seconds=60)
    status, output = container.stop()

    assert status == 0, output
    assert output.split()[-1] == "binary"
    assert int(output.split()[-2]) > 100


def test_keeps_its_promises_in_its_configuration(image: Image) -> None:
    assert image.config["User"] == "10001:10001"
    assert image.config["Entrypoint"] == ["hex-exporter"]
    assert image.config["Cmd"] == ["--web.listen-address=:9891"]
    assert list(image.config["Volumes"]) == [VOLUME]
    assert list(image.config["ExposedPorts"]) == ["9891/tcp"]
    assert image.config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert image.config["Labels"]["org.opencontainers.image.version"] == _version()


def _bare_debian(debootstrap: Path) -> Path:
    if BASE.exists():
        return BASE

    mirrors = debian_mirrors()
    if not mirrors:
        pytest.skip("debootstrap needs the address of a Debian mirror, and apt is set up with none")

    BASE.parent.mkdir(parents=True, exist_ok=True)
    for left in BASE.parent.glob("making-*"):
        if not Path("/proc", left.name.removeprefix("making-")).exists():
            _remove(left)
    scratch = BASE.parent / f"making-{os.getpid()}"
    # In namespaces of its own, what it mounts and starts is gone when this process is, however that ends.
    alone = ["setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--propagation=private", "--pid", "--fork"]
    wanted = ["--foreign", "--variant=minbase", "--include=python3,python3-venv", "bookworm"]
    try:
        _run(*alone, "--kill-child", "--mount-proc", str(debootstrap), *wanted, str(scratch / "tree"), mirrors[0])
        _set_up(scratch / "tree")
        with tarfile.open(scratch / "tree.tar", "w") as archive:
            archive.add(scratch / "tree", ".", filter=_worth_keeping)
        (scratch / "tree.tar").rename(BASE)
    finally:
        _remove(scratch)
    return BASE


def _set_up(tree: Path) -> None:
    """Unpack what is left to unpack, and do by hand what an image needs of what the scripts of packages do."""
    for name in (tree / "debootstrap" / "base").read_text().split():
        [package] = (tree / "var" / "cache" / "apt" / "archives").glob(f"{name}_*.deb")
        unpack = 'dpkg-deb --fsys-tarfile "$1" | tar -xf - --keep-directory-symlink -C "$2"'
        _run("sh", "-c", unpack, "unpack", str(package), str(tree))
    for name in ("passwd", "group"):
        shutil.copy(tree / "usr" / "share" / "base-passwd" / f"{name}.master", tree / "etc" / name)
    authorities = (tree / "usr" / "share" / "ca-certificates" / "mozilla").glob("*.crt")
    bundle = tree / "etc" / "ssl" / "certs" / "ca-certificates.crt"
    bundle.write_text("".join(path.read_text() for path in sorted(authorities)))
    (tree / "proc").unlink()  # debootstrap leaves a link to its own
    (tree / "proc").mkdir()
    shutil.rmtree(tree / "debootstrap")


def _remove(scratch: Path) -> None:
    """Remove a tree, but nothing that is mounted in it."""
    mounted = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for place in sorted((place for place in mounted if place.startswith(f"{scratch}/")), reverse=True):
        _run("umount", place)
    shutil.rmtree(scratch, ignore_errors=True)


def _worth_keeping(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    caches = ("./dev/", "./var/cache/apt/", "./var/lib/apt/lists/", "./var/log/")
    for_people = ("./usr/share/doc/", "./usr/share/info/", "./usr/share/locale/", "./usr/share/man/")
    return None if member.name.startswith(caches + for_people) else member


def _index_volumes(place: Path) -> list[str]:
    """Options that lend this machine's pip configuration, and the files it names, to the build alone."""
    listed = _run(sys.executable, "-m", "pip", "config", "list")
    settings: dict[str, str] = {}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        if key.startswith(("global.", ":env:.")):
            settings[key.rpartition(".")[2]] = " ".join(str(ast.literal_eval(value)).split())

    configuration = place / "pip.conf"
    configuration.write_text("[global]\n" + "".join(f"{key} = {value}\n" for key, value in settings.items()))
    words = [word for value in settings.values() for word in value.split()]
    named = {Path(word) for word in words} | {
        # The pages of an index in a folder link to files beside that folder.
        Path(word.removeprefix("file://")).parent
        for word in words
        if word.startswith("file://")
    }
    lent = sorted(path for path in named if path.is_absolute() and path.exists())
    return [f"--volume={configuration}:/etc/pip.conf:ro", *(f"--volume={path}:{path}:ro" for path in lent)]


def _version() -> str:
    source = (ROOT / "exporter" / "__init__.py").read_text()
    return source.partition('__version__ = "')[2].partition('"')[0]


def _run(*command: str) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{command[0]}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout.strip()
