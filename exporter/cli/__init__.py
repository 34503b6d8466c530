"""The commands: they read arguments and environment, wire the rooms together and print."""

from exporter.cli.commands import main

__all__ = ["main"]
