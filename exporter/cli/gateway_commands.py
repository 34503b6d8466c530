"""`hex-exporter gateway`: the commands about what the gateway answers, and their flags."""

import os
import re
from pathlib import Path

import click

from exporter.cli.commands import main, prints_errors
from exporter.cli.flags import config_flag

_DURATION = re.compile(r"(\d{1,6})([smhd])\Z")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def _duration(context: click.Context, param: click.Parameter, written: str | None) -> float | None:
    """A duration such as `2h`, in seconds."""
    if written is None:
        return None
    found = _DURATION.match(written)
    if found is None:
        raise click.BadParameter(f"{written!r} is no duration; write one such as 90s, 15m, 24h or 7d")
    return float(int(found[1]) * _SECONDS[found[2]])


@main.group("gateway")
@config_flag
@click.pass_context
def gateway(context: click.Context, config_file: Path | None) -> None:
    """What the run gateway answered, or would answer, and why."""
    context.default_map = {name: {"config_file": config_file} for name in gateway.commands}


@gateway.command("log")
@config_flag
@click.option("--project", "project_id", metavar="PROJECT_ID", help="Only requests for this project.")
@click.option("--since", "since_seconds", metavar="DURATION", callback=_duration, help="Only so far back, such as 2h.")
@prints_errors
def log(config_file: Path | None, project_id: str | None, since_seconds: float | None) -> None:
    """The latest run requests: who, what, the outcome, the reason and the run; at most 10,000 are kept."""
    from exporter.cli.gateway import run_gateway_log

    run_gateway_log(config_file, os.environ, project_id, since_seconds)


@gateway.command("explain")
@config_flag
@click.argument("project_id", metavar="PROJECT_ID")
@click.option("--input", "inputs", metavar="NAME=VALUE", multiple=True, help="An input parameter: JSON, or else text.")
@prints_errors
def explain(config_file: Path | None, project_id: str, inputs: tuple[str, ...]) -> None:
    """What would happen to a run request now, and why; nothing is run and Hex is not queried."""
    from exporter.cli.gateway import run_gateway_explain

    run_gateway_explain(config_file, os.environ, project_id, inputs)
