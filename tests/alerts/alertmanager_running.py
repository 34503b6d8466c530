"""A real Alertmanager on a free port of the loopback, and an alert as a rule makes it."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.launch import alertmanager_command
from rulebook import ALERTS

CONFIG = ALERTS / "alertmanager.yml"

BUDGET = {"workspace": "acme", "budget": "weekly-runs", "unit": "runs"}


@contextmanager
def started(alertmanager: Path, config_file: Path, storage: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [
            *alertmanager_command(alertmanager),
            f"--config.file={config_file}",
            f"--storage.path={storage}",
            "--cluster.listen-address=",
            "--web.listen-address=127.0.0.1:0",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"address=(127\.0\.0\.1:\d+)", line):
                yield f"http://{found[1]}"
                break
        else:
            pytest.fail("".join(said))
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
