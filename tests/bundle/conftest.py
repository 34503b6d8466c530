"""The bundle as a person gets it: by the command."""

import subprocess
import sys
from collections.abc import Callable

import pytest

Bundle = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """Runs `hex-exporter bundle` with these arguments."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "exporter", "bundle", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    return run
