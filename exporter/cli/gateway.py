"""`gateway log` and `gateway explain`: what the gateway answered and why, from the ledger, beside a running server."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exporter.cli.run_inputs import read_inputs
from exporter.clock import SystemClock
from exporter.config import Config
from exporter.errors import ConfigError, ConfigProblem, LedgerError
from exporter.ledger import WorkspaceLedger, open_ledger
from exporter.service import configure_logs, read_config


def run_gateway_log(
    config_file: Path | None, environ: Mapping[str, str], project_id: str | None, since_seconds: float | None
) -> None:
    """Print the latest decisions on run requests, the last one last. Raises ConfigError and LedgerError."""
    with _workspace(config_file, environ) as (_, ledger, now_ms):
        since_ms = 0 if since_seconds is None else now_ms - round(since_seconds * 1000)
        table = Table("time", "caller", "project", "outcome", "reason", "run", box=None, pad_edge=False)
        titles = {one.project.project_id: one.project.title for one in ledger.projects(include_gone=True)}
        for one in ledger.gateway.requests.decisions(since_ms, project_id):
            time = datetime.fromtimestamp(one.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            title = titles.get(one.project_id) or one.project_id
            table.add_row(time, one.caller, escape(title), one.outcome, escape(one.reason), escape(one.run_id or ""))
        if not table.row_count:
            click.echo("No run requests: the gateway has answered none since then.")
            return
        Console(soft_wrap=True, highlight=False).print(table)


def run_gateway_explain(
    config_file: Path | None, environ: Mapping[str, str], project_id: str, inputs: Sequence[str]
) -> None:
    """Print what would happen to a run request now, and why. Raises ConfigError and LedgerError."""
    from exporter.gateway import explain

    parameters = read_inputs(inputs)
    with _workspace(config_file, environ) as (config, ledger, now_ms):
        found = explain(config, ledger, project_id.lower(), parameters, now_ms)
    if found is None:
        raise LedgerError(f"{project_id}: no project that the exporter has listed: write its id, as in its address")
    click.echo(f"{found.outcome}: {found.reason}" + (f" (run {found.run_id})" if found.run_id else ""))
    for sentence in found.unseen:
        click.echo(f"not looked at: {sentence}")


@contextmanager
def _workspace(config_file: Path | None, environ: Mapping[str, str]) -> Iterator[tuple[Config, WorkspaceLedger, int]]:
    """The configuration, the ledger of the gateway's workspace, open for reading, and the time."""
    configure_logs("error", "logfmt")
    config = read_config(config_file, environ)
    if config.gateway is None:
        raise ConfigError(ConfigProblem("gateway", "there is none in this configuration; add gateway: {}"))
    clock = SystemClock()
    ledger = open_ledger(config.storage.url, clock=clock, read_only=True)
    try:
        yield config, ledger.workspace(config.gateway_workspace.name), round(clock.now() * 1000)
    finally:
        ledger.close()
