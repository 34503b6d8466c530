"""Real processes for tests and benchmarks: `hex-exporter` and others, each ended by its own process id."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import httpx

from helpers.forked import ROOT as ROOT
from helpers.forked import SCRIPT, Forked

TOKEN = "hxtw_" + "5e" * 48

Found = TypeVar("Found")


def environment(**more: str) -> dict[str, str]:
    """The environment of a child: no HEX_ variables but those given, and bytecode that the next child can use."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("HEX_", "PYTHON", "XDG_"))}
    return inherited | more


def wait_for(probe: Callable[[], Found], *, seconds: float = 60.0, every: float = 0.1) -> Found:
    """What the probe returns as soon as that is true; AssertionError with its last answer when the time is up.

    `every` is the longest pause between two looks, in seconds.
    """
    deadline = time.monotonic() + seconds
    pause = 0.01
    while not (found := probe()):
        assert time.monotonic() < deadline, f"still {found!r} after {seconds:.0f} seconds"
        time.sleep(pause)
        pause = min(pause * 1.2, every)  # what takes long needs no hundred questions a second
    return found


# `verify=False` below and in tests: for plain HTTP too, httpx reads all certificates of the machine, 24 ms a request.


class Running:
    """One process with its output in a file. A context manager: it is killed at the end if it still runs."""

    def __init__(self, command: Sequence[str | Path], output: Path, *, env: Mapping[str, str] | None = None) -> None:
        self.output = output
        self.process = _started([str(part) for part in command], output, environment() if env is None else env)

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()

    @property
    def text(self) -> str:
        """All that it has said."""
        return self.output.read_text(errors="replace")

    def said(self, pattern: str, *, seconds: float = 60.0) -> re.Match[str]:
        """Wait until it says something that fits; AssertionError with what it said if it ends before."""

        def look() -> re.Match[str] | None:
            ended = self.process.poll() is not None
            found = re.search(pattern, self.text)
            assert found or not ended, f"ended with {self.process.returncode} and said:\n{self.text}"
            return found

        try:
            found = wait_for(look, seconds=seconds)
        except AssertionError:
            self.kill()
            raise
        assert found is not None
        return found

    def kill(self) -> None:
        """End it with SIGKILL; returns when it is gone."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(60)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def exit_status(self, *, seconds: float = 60.0) -> int:
        """Wait for its end; its exit status."""
        return self.process.wait(seconds)


def _started(command: list[str], output: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes] | Forked:
    if Forked.can(command):
        return Forked(command, env=env, cwd=output.parent, output=output)
    with output.open("ab") as out:
        streams = {"stdin": subprocess.DEVNULL, "stdout": out, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, env=dict(env), cwd=output.parent, **streams)


class Simulator(Running):
    """`hex-exporter simulate` on a free port of the loopback interface."""

    def __init__(self, folder: Path, *flags: str, projects: int = 5, limits: str = "off") -> None:
        size = ["--projects", str(projects), "--limits", limits]
        super().__init__([SCRIPT, "simulate", "--listen", "127.0.0.1:0", *size, *flags], folder / "simulator.log")
        self.base_url = self.said(r"answers at (http://\S+)").group(1)
        self._root = self.base_url.removesuffix("/api/v1")

    def ask(self, what: str, **params: object) -> dict:
        """What its own controls answer to GET."""
        return httpx.get(
            f"{self._root}/_simulator/{what}", params=params, timeout=60, trust_env=False, verify=False
        ).json()

    def tell(self, what: str, **content: object) -> dict:
        """Set something by its own controls."""
        return httpx.post(
            f"{self._root}/_simulator/{what}", json=content, timeout=60, trust_env=False, verify=False
        ).json()

    def end_faults(self) -> None:
        """Take back all faults."""
        httpx.delete(f"{self._root}/_simulator/faults", timeout=60, trust_env=False, verify=False)


class Exporter(Running):
    """`hex-exporter serve` with its ledger in `folder`, asking Hex at `base_url` with any token, as fast as it can."""

    def __init__(self, folder: Path, base_url: str, *flags: str, listen: str = "127.0.0.1:0") -> None:
        self.ledger = folder / "ledger.db"
        self.config = folder / "hex-exporter.yml"
        if not self.config.exists():
            self.config.write_text(configuration(base_url, self.ledger))
        log = folder / f"exporter-{len(list(folder.glob('exporter-*.log')))}.log"
        command = [SCRIPT, "serve", "--config.file", self.config, "--web.listen-address", listen, *flags]
        super().__init__(command, log, env=environment(HEX_API_TOKEN=TOKEN))

    def listening(self) -> str:
        """Wait until it has bound its socket; where it listens, HOST:PORT."""
        self.address = self.said(r"event=Listening address=(\S+)").group(1)
        return self.address

    def get(self, path: str = "/metrics", **headers: str) -> httpx.Response:
        """One request to it."""
        return httpx.get(f"http://{self.address}{path}", headers=headers, timeout=60, trust_env=False, verify=False)

    def post(self, path: str) -> httpx.Response:
        """One request to it with no body."""
        return httpx.post(f"http://{self.address}{path}", timeout=60, trust_env=False, verify=False)


def configuration(base_url: str, ledger: Path, more: str = "") -> str:
    """A configuration that follows a simulated workspace without holding back."""
    return f"""
workspaces:
  - name: sim
    base_url: {base_url}
    token_env: HEX_API_TOKEN
    rate_limit: {{per_minute: 60000, per_hour: 1000000, share: 1}}
storage: {{url: "sqlite:///{ledger}"}}
{"" if "collect:" in more else "collect: {exports: false}"}
{more}"""
