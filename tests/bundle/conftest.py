"""The bundle as a person gets it: by the command."""

import subprocess
from collections.abc import Callable

import pytest
from click.testing import CliRunner

from exporter.cli import main

Bundle = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    """Runs `hex-exporter bundle` with these arguments, in this process: a new one would import it a hundred times."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = ["bundle", *map(str, arguments)]
        done = CliRunner().invoke(main, command)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return subprocess.CompletedProcess(command, done.exit_code, done.stdout, done.stderr)

    return run
