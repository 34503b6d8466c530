"""`hex-exporter ledger`: what is done with a ledger as a whole, and the flags."""

import click

from exporter.cli.commands import main, prints_errors


@main.group("ledger")
def ledger() -> None:
    """What is done with a ledger as a whole."""


@ledger.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@prints_errors
def copy(source: str, target: str) -> None:
    """Copy a ledger to an empty place, to another engine too: every row, compared at the end.

    FROM and TO are addresses as storage.url has them, or @FILE for a file that has one: a password on a command line is
    seen by others. Stop every `serve` on both first. A copy that was stopped continues where it was when run again.
    """
    from exporter.cli.ledger_copy import run_ledger_copy

    run_ledger_copy(source, target)
