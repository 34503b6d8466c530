"""The `hex-exporter` command."""

from exporter.cli import gateway_commands as gateway_commands  # they add their commands
from exporter.cli import ledger_commands as ledger_commands
from exporter.cli import reconcile_command as reconcile_command
from exporter.cli import report_commands as report_commands
from exporter.cli.commands import main

__all__ = ["main"]
