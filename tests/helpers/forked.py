"""`hex-exporter` as a process of its own that imports nothing: it is forked from one that has imported all of it.

Its imports take a second of a processor, most of what many tests of a real process would need. What is tested of the
start itself, or of what the interpreter does at its end, starts the script.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from helpers import hurry

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(sys.executable).parent / "hex-exporter"

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "exporter").rglob("*.py")
        if path.stem != "__main__"
    ]
)


class Forked:
    """One `hex-exporter`, with what tests use of `subprocess.Popen`; its output is added to a file."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str], cwd: Path, output: Path) -> None:
        output.touch()  # may be read before it has begun
        arguments = (list(command), dict(env), str(cwd), str(output))
        self._process = _CONTEXT.Process(target=_run, args=arguments)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @staticmethod
    def can(command: Sequence[str]) -> bool:
        """Whether this command is `hex-exporter`, in its own time or in a faster one."""
        return command[0] == str(SCRIPT) or list(command[:2]) == [sys.executable, hurry.__file__]

    @property
    def returncode(self) -> int | None:
        """Its exit status, or the signal that ended it as a negative number."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Its exit status if it has ended."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status once it has ended; raises TimeoutExpired if that takes longer."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("hex-exporter", timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        if self._process.exitcode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send it SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _run(command: list[str], env: dict[str, str], cwd: str, output: str) -> None:
    """What a new interpreter would do with this command."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    written = os.open(output, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for number in (1, 2):
        os.dup2(written, number)
    os.close(written)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    if command[0] != str(SCRIPT):
        hurry.main(command[2:])
        return
    from exporter.cli import main

    sys.argv = command
    main()
