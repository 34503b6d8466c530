"""A small workspace, empty or with some of everything; its figures are those of the page."""

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


@pytest.fixture
def wednesday(world: World) -> World:
    """Wednesday, 18 November 2026, 11:06:40 UTC, with a project that has existed for a hundred days."""
    world.list_projects(world.published("p1", title="Orders", owner="a@m.example"), world.published("p2"))
    return world
