"""`check`: what is wrong, in sentences a person can act on; what the token may read; what polling costs."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exporter.check import (
    ENDPOINT_GIVES,
    Findings,
    duration_text,
    gateway_faults,
    ignore_notes,
    probe,
    source_answers,
    source_faults,
    warehouse_answers,
    warehouse_grants,
    workspace_faults,
    workspace_figures,
    workspace_notes,
)
from exporter.clock import SystemClock
from exporter.config import Config
from exporter.hexapi import Endpoint, TokenSource, way
from exporter.ledger import storage_refusal
from exporter.service import WebFlags, configure_logs, read_config, tokens_of


def run_check(config_file: Path | None, environ: Mapping[str, str], web: WebFlags, *, is_offline: bool = False) -> int:
    """Check everything that can be checked from here; the exit status. Offline neither Hex nor a database is queried.

    Raises ConfigError for the configuration and for flags.
    """
    configure_logs("error", "logfmt")
    config = read_config(config_file, environ)
    tokens = tokens_of(config, environ)
    console = Console(soft_wrap=True, highlight=False)
    broken_sources = dict(source_faults(config, environ))
    storage = storage_refusal(config.storage.url)
    here = [*([storage] if storage else []), *broken_sources.values(), *gateway_faults(config)]
    rightness = "can be read" if here else "is right"
    source = "No configuration file: the defaults." if config_file is None else f"{config_file} {rightness}."
    console.print(escape(source))
    console.print(f"serves {escape(web.metrics_url())}")
    _print_faults(here, console)
    if is_offline:
        names = [
            *(f"workspace {one.name}" for one in config.workspaces),
            *(f"source {one.name}" for one in config.sources),
            *(f"warehouse {one.name}" for one in config.warehouses),
        ]
        for name in names:
            console.print(escape(f"{name}: not queried (--offline)"))
        _print_notes(ignore_notes([], config, SystemClock()), console)
        status = 0
    else:
        status = asyncio.run(_check(config, tokens, environ, broken_sources, console))
    if status or here:
        return 1
    console.print("\n[green]Nothing is wrong.[/green]")
    return 0


async def _check(
    config: Config,
    tokens: Mapping[str, TokenSource],
    environ: Mapping[str, str],
    broken_sources: Collection[str],
    console: Console,
) -> int:
    clock = SystemClock()
    status = 0
    all_found: list[Findings] = []
    for workspace in config.workspaces:
        console.print(f"\n[bold]Workspace {escape(workspace.name)}[/bold] at {escape(workspace.base_url)}")
        console.print(escape(f"way    {way(workspace, workspace.base_url)}"))
        found = await probe(workspace, config, tokens[workspace.name], clock, _waiting_line(console))
        console.print(_table(found))
        for line in workspace_figures(found, config):
            console.print(line)
        all_found.append(found)
        faults = list(workspace_faults(found, config))
        async for is_right, sentence in source_answers(found, config, clock, environ, broken_sources):
            if is_right:
                console.print(escape(f"asks   {sentence}"))
            else:
                faults.append(sentence)
        async for is_right, sentence in warehouse_answers(config, workspace.name, clock, environ):
            if is_right:
                console.print(escape(f"asks   {sentence}"))
            else:
                faults.append(sentence)
        _print_faults(faults, console)
        _print_notes(warehouse_grants(config, workspace.name), console)
        _print_notes(workspace_notes(found, config, tokens[workspace.name], clock), console)
        status = 1 if faults else status
    _print_notes(ignore_notes(all_found, config, clock), console)
    return status


def _print_notes(sentences: Iterable[str], console: Console) -> None:
    for sentence in sentences:
        console.print(f"[yellow]note[/yellow]   {escape(sentence)}")


def _print_faults(sentences: Iterable[str], console: Console) -> None:
    for sentence in sentences:
        console.print(f"[red]wrong[/red]  {escape(sentence)}")


def _waiting_line(console: Console) -> Callable[[float, str], None]:
    """Prints what is waited for, before the wait."""

    def report(seconds: float, why: str) -> None:
        console.print(f"waits  {duration_text(seconds)}: {escape(why)}")

    return report


def _table(found: Findings) -> Table:
    table = Table("endpoint", "answer", "gives", box=None, pad_edge=False)
    for endpoint in Endpoint:
        if endpoint in found.answered:
            table.add_row(endpoint.value, "[green]yes[/green]", ENDPOINT_GIVES[endpoint])
        elif error := found.refusals.get(endpoint):
            said = error.reason if error.status is None else f"{error.status} {error.reason}"
            table.add_row(endpoint.value, f"[red]{escape(said)}[/red]", ENDPOINT_GIVES[endpoint])
        else:
            table.add_row(endpoint.value, "not requested", ENDPOINT_GIVES[endpoint])
    return table
