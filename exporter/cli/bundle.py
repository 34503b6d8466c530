"""`bundle`: everything that goes with the exporter, written to a folder."""

from pathlib import Path

import click

from exporter.bundle import Addresses, write_bundle


def run_bundle(folder: Path, addresses: Addresses, *, is_kubernetes: bool, is_forced: bool) -> None:
    """Write the bundle and say what comes next. Raises ConfigError where something is in the way."""
    folder = folder.absolute()
    count = write_bundle(folder, addresses, is_kubernetes=is_kubernetes, is_forced=is_forced)
    next_step = f"kubectl apply -k {folder}" if is_kubernetes else f"see {folder}/README.md"
    click.echo(f"{count} files in {folder}; next: {next_step}")
