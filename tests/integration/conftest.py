"""A simulated workspace and the exporter that follows it, as processes of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.running import Exporter, Simulator


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A small workspace without limits."""
    with Simulator(tmp_path) as running:
        yield running


@pytest.fixture
def exporter(tmp_path: Path, simulator: Simulator) -> Iterator[Exporter]:
    """What follows it, listening."""
    with Exporter(tmp_path, simulator.base_url, "--web.enable-lifecycle") as running:
        running.listening()
        yield running
