"""A workspace with a past."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from history_world import CONTACT_MS, Historian


@pytest.fixture
def historian(manual_clock: Any, tmp_path: Path) -> Iterator[Historian]:
    manual_clock.step(CONTACT_MS / 1000 - manual_clock.now())
    made = Historian(manual_clock, tmp_path / "ledger.db")
    yield made
    made.ledger.close()
