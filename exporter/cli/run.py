"""`run`: requests a run from the gateway, says what it did, and ends as the run ends."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console

from exporter.cli.run_destination import find_destination
from exporter.cli.run_inputs import read_inputs
from exporter.cli.run_progress import Progress
from exporter.client import RunApi
from exporter.client.run_command import RunCommand
from exporter.clock import SystemClock
from exporter.config import Route, Sample
from exporter.service import configure_logs

INTERRUPTED = 130
"""The exit status after Ctrl-C, as of a shell."""

_PROJECT_ID = re.compile(r"[A-Za-z0-9_-]+")


def run_run(
    config_file: Path | None,
    environ: Mapping[str, str],
    project_id: str,
    *,
    inputs: Sequence[str],
    gateway: str | None,
    allows_insecure: bool,
    is_fresh: bool,
    trial_header: str | None,
    waits: bool,
    timeout_seconds: float,
    route: Route | None = None,
) -> int:
    """Request a run of the project; returns the exit status.

    0: it was granted, or with `waits`, it completed; 1: it did not, or not in time; 130: interrupted. `route` is the
    way that flags give. Raises ConfigError for what a person must mend, ApiError for what was refused, click.UsageError
    for inputs.
    """
    configure_logs("error", "logfmt")
    if not _PROJECT_ID.fullmatch(project_id):
        raise click.BadParameter("is not the id of a project; copy it from its address in Hex", param_hint="PROJECT_ID")
    values = read_inputs(inputs)
    body = {"inputParams": values} if values else {}
    headers = {"Cache-Control": "no-cache"} if is_fresh else {}
    if trial_header is not None:
        headers[_own_header(trial_header)] = "1"
    destination = find_destination(config_file, environ, gateway, allows_insecure=allows_insecure, route=route)
    api = RunApi(destination)
    with Progress(Console(soft_wrap=True, highlight=False)) as progress:
        command = RunCommand(api, project_id, progress, SystemClock(), timeout_seconds)
        try:
            return asyncio.run(command.run(body, headers, waits=waits))
        except KeyboardInterrupt:
            progress.say(f"interrupted; {command.left_behind}")
            return INTERRUPTED


def _own_header(name: str) -> str:
    """The header's name, by the rules of the configuration; raises click.BadParameter."""
    try:
        return Sample(header=name, parameter="any", value=True).header
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--trial") from None
