"""A small workspace, empty or with some of everything; its figures are those of the page."""

import pytest
from helpers.workspace_world import World, busy, world

__all__ = ["busy", "wednesday", "world"]


@pytest.fixture
def wednesday(world: World) -> World:
    """Wednesday, 18 November 2026, 11:06:40 UTC, with a project that has existed for a hundred days."""
    world.list_projects(world.published("p1", title="Orders", owner="a@m.example"), world.published("p2"))
    return world
