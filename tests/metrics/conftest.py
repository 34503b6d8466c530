"""A small workspace, empty or with some of everything."""

from helpers.workspace_world import busy, world

__all__ = ["busy", "world"]
