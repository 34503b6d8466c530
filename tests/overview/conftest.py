"""A small workspace, empty or with some of everything."""

from collections.abc import Iterator
from typing import Any

import pytest
from helpers.workspace_world import World, fill


@pytest.fixture
def world(manual_clock: Any) -> Iterator[World]:
    made = World(manual_clock)
    yield made
    made.ledger.close()


@pytest.fixture
def busy(world: World) -> World:
    return fill(world)
