"""The `hex-exporter` command."""

from exporter.cli import gateway_commands as gateway_commands  # adds its commands
from exporter.cli.commands import main

__all__ = ["main"]
