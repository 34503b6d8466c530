"""Environments of their own for packages that call Hex, made once under `.cache/clients/` with pip."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from helpers.programs import skip_absent
from helpers.running import ROOT

CACHE = ROOT / ".cache" / "clients"
INSTALL_SECONDS = 600.0


def python_with(config: pytest.Config, requirements: Sequence[str]) -> Path:
    """The Python of an environment that has these packages; skips the test with a word where they cannot be had."""
    key = hashlib.sha256("\n".join([sys.version, *requirements]).encode()).hexdigest()[:12]
    folder = CACHE / f"{requirements[0].partition('=')[0]}-{key}"
    python, made = folder / "bin" / "python", folder / "made"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            shutil.rmtree(folder, ignore_errors=True)
            problem = _run([sys.executable, "-m", "venv", folder]) or _run(
                [python, "-m", "pip", "install", "--quiet", *requirements]
            )
            if problem:
                (CACHE / f"{folder.name}.log").write_text(problem)
                skip_absent(config, requirements[0], f"pip says why in {CACHE / folder.name}.log")
            made.touch()
    return python


def _run(command: Sequence[str | Path]) -> str:
    """What it said if it failed, else nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"not done within {INSTALL_SECONDS:.0f} seconds"
    return "" if done.returncode == 0 else done.stdout + done.stderr
