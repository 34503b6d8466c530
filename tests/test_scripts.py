"""The scripts of the repository: portable, quick the second time, working where little is writable."""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ["demo", "test", ".ci/run", "scripts/debian", "scripts/install", "scripts/lint", "scripts/up"]


class TestScripts:
    @pytest.mark.parametrize("name", SCRIPTS)
    def test_is_an_executable_posix_shell_script(self, name: str) -> None:
        script = ROOT / name

        assert os.access(script, os.X_OK)
        assert script.read_text().startswith("#!/bin/sh\n")
        shell = shutil.which("dash") or "sh"
        assert subprocess.run([shell, "-n", script], capture_output=True, check=True).stderr == b""

    def test_list_is_complete(self) -> None:
        assert {f"scripts/{path.name}" for path in (ROOT / "scripts").iterdir()} <= set(SCRIPTS)

    @pytest.mark.parametrize("argument", ["", "everything"])
    def test_install_says_how_to_call_it(self, argument: str) -> None:
        called = subprocess.run(
            [ROOT / "scripts" / "install", *argument.split()], capture_output=True, text=True, check=False
        )

        assert called.returncode == 2
        assert called.stderr == "usage: scripts/install run|test\n"

    def test_debian_has_nothing_to_do_when_nothing_is_missing(self) -> None:
        if shutil.which("dpkg-query") is None:
            pytest.skip("not a Debian")

        called = subprocess.run([ROOT / "scripts" / "debian", "dpkg"], capture_output=True, text=True, check=False)

        assert (called.returncode, called.stdout, called.stderr) == (0, "", "")

    def test_make_lists_every_target(self) -> None:
        make = shutil.which("make")
        if make is None:
            pytest.skip("make is not installed")

        listed = subprocess.run([make, "-C", ROOT, "-s"], capture_output=True, text=True, check=True).stdout

        phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        assert phony is not None
        assert [line.split()[1] for line in listed.splitlines()] == phony[1].split()


class TestDemo:
    @pytest.mark.integration
    @pytest.mark.timeout(300)
    def test_serves_metrics_from_a_fresh_clone(self, tmp_path: Path) -> None:
        """In a folder with spaces, from another one, with a home that nothing can be written to."""
        clone = tmp_path / "a fresh clone"
        ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().split()]
        shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(".git", *ignored))
        state = tmp_path / "state"
        cache = subprocess.run(
            [sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=True
        )
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))},
            "PATH": f"{sys.base_prefix}/bin:{os.environ['PATH']}",
            "HOME": "/proc",
            "XDG_STATE_HOME": str(state),
            "PIP_CACHE_DIR": cache.stdout.strip(),
        }

        first = self._served_metrics(clone, environment, tmp_path)
        second = self._served_metrics(clone, environment, tmp_path)

        assert 'hex_up{workspace="demo"} 1' in first.metrics
        assert 'hex_up{workspace="demo"} 1' in second.metrics
        assert "Installing" in first.errors
        assert "Installing" not in second.errors

    def _served_metrics(self, clone: Path, environment: dict[str, str], place: Path) -> "Served":
        errors = place / "errors"
        with errors.open("w") as stderr:
            demo = subprocess.Popen(
                [clone / "demo", "--projects", "5", "--web.listen-address", "127.0.0.1:0"],
                cwd=place,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        assert demo.stdout is not None
        try:
            url = next((found[0] for line in demo.stdout if (found := re.findall(r"http://\S+/metrics", line))), None)
            assert url is not None, errors.read_text()
            metrics = _read_until(url, 'hex_up{workspace="demo"} 1', demo)
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.communicate(timeout=20)

        return Served(metrics=metrics, errors=errors.read_text())


@dataclass(frozen=True, kw_only=True)
class Served:
    """What one start of the demo served, and what it said on standard error."""

    metrics: str
    errors: str


def _read_until(url: str, wanted: str, program: subprocess.Popen[str]) -> str:
    """The page at `url` once it has `wanted`; as it is when the program ends or a minute is over."""
    for _ in range(240):
        page: str = urlopen(url, timeout=10).read().decode()
        if wanted in page:
            break
        try:
            program.wait(timeout=0.25)
        except subprocess.TimeoutExpired:
            continue
        break
    return page
