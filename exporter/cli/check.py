"""`check`: what is wrong, in sentences a person can act on; what the token may read; what polling costs."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from exporter.check import (
    SCOPES,
    Findings,
    budget_notes,
    gateway_faults,
    gateway_notes,
    price_notes,
    probe,
    source_faults,
    source_figure,
    source_notes,
)
from exporter.clock import Clock, SystemClock
from exporter.config import Config
from exporter.errors import RefusedError
from exporter.hexapi import Endpoint, TokenSource
from exporter.service import configure_logs, read_config, tokens_of

GIVES: Mapping[Endpoint, str] = {
    Endpoint.PROJECTS: "projects, schedules, views",
    Endpoint.RUNS: "run counts, durations, failures",
    Endpoint.ME: "when the token expires",
    Endpoint.USERS: "seats by role, idle seats",
    Endpoint.GROUPS: "groups",
    Endpoint.CONNECTIONS: "connections by type",
    Endpoint.THREADS: "AI credits",
    Endpoint.QUERIED_TABLES: "which connections a project uses",
    Endpoint.CELLS: "the same as a hint, from drafts",
}
"""What each endpoint is read for."""

_DAY_SECONDS = 86_400
_EXPIRES_SOON_SECONDS = 14 * _DAY_SECONDS
_NEEDED = (Endpoint.PROJECTS, Endpoint.RUNS)


def run_check(config_file: Path | None, environ: Mapping[str, str]) -> int:
    """Check everything that can be checked from here; the exit status. Raises ConfigError for the configuration."""
    configure_logs("error", "logfmt")
    config = read_config(config_file, environ)
    tokens = tokens_of(config, environ)
    console = Console(soft_wrap=True, highlight=False)
    source = "No configuration file: the defaults." if config_file is None else f"{config_file} is right."
    console.print(escape(source))
    here = [*source_faults(config, environ), *gateway_faults(config)]
    _print_wrong(here, console)
    status = asyncio.run(_check(config, tokens, console))
    if status or here:
        return 1
    console.print("\n[green]Nothing is wrong.[/green]")
    return 0


async def _check(config: Config, tokens: Mapping[str, TokenSource], console: Console) -> int:
    clock = SystemClock()
    status = 0
    for workspace in config.workspaces:
        console.print(f"\n[bold]Workspace {escape(workspace.name)}[/bold] at {escape(workspace.base_url)}")
        found = await probe(workspace, config, tokens[workspace.name], clock, _teller(console))
        console.print(_table(found))
        for line in _figures(found, config):
            console.print(line)
        wrong = list(_wrong(found))
        _print_wrong(wrong, console)
        for sentence in _notes(found, config, tokens[workspace.name], clock):
            console.print(f"[yellow]note[/yellow]   {escape(sentence)}")
        status = 1 if wrong else status
    return status


def _print_wrong(sentences: Iterable[str], console: Console) -> None:
    for sentence in sentences:
        console.print(f"[red]wrong[/red]  {escape(sentence)}")


def _teller(console: Console) -> Callable[[float, str], None]:
    """Says what is waited for, before it is."""

    def tell(seconds: float, why: str) -> None:
        console.print(f"waits  {_duration(seconds)}: {escape(why)}")

    return tell


def _table(found: Findings) -> Table:
    table = Table("endpoint", "answer", "gives", box=None, pad_edge=False)
    for endpoint in Endpoint:
        if endpoint in found.answered:
            table.add_row(endpoint.value, "[green]yes[/green]", GIVES[endpoint])
        elif error := found.refusals.get(endpoint):
            said = error.reason if error.status is None else f"{error.status} {error.reason}"
            table.add_row(endpoint.value, f"[red]{escape(said)}[/red]", GIVES[endpoint])
        else:
            table.add_row(endpoint.value, "not asked", GIVES[endpoint])
    return table


def _figures(found: Findings, config: Config) -> Iterator[str]:
    if Endpoint.PROJECTS not in found.answered:
        return
    published = sum(one.published_ms is not None for one in found.projects)
    yield f"sees   {len(found.projects)} projects, {published} of them published; {len(found.seats)} seats"
    yield f"costs  about {found.planned_per_hour:.0f} requests an hour; {found.allowed_per_hour} are allowed"
    yield f"gives  about {found.series:,} series"
    week = _duration(found.seconds_for(found.first_read.week_requests))
    history = _duration(found.seconds_for(found.first_read.history_requests))
    yield f"needs  {week} until this week is complete, {history} until all history is read"
    if figure := source_figure(found.projects, config, found.workspace):
        yield figure


def _wrong(found: Findings) -> Iterator[str]:
    if found.is_locked:
        yield "Hex does not accept the token: is it whole, of this deployment, and not expired or revoked?"
        return
    for endpoint in _NEEDED:
        if error := found.refusals.get(endpoint):
            refused = isinstance(error, RefusedError)
            remedy = f"; the token needs the scope: {SCOPES[endpoint]}" if refused else ""
            yield f"{endpoint.value} cannot be read ({error.reason}){remedy}"
    if Endpoint.PROJECTS in found.answered and not found.projects:
        yield "the token sees no project: a personal token sees what its owner can see, a workspace token sees all"
    if found.planned_per_hour > found.allowed_per_hour:
        yield (
            f"polling needs {found.planned_per_hour:.0f} requests an hour and {found.allowed_per_hour} are allowed: "
            "raise rate_limit.share, or ask Hex for a higher limit"
        )


def _notes(found: Findings, config: Config, token: TokenSource, clock: Clock) -> Iterator[str]:
    if token.is_exposed:
        yield "the token file can be read by other users of this machine; chmod 600 makes it private"
    expires_ms = found.identity.token_expires_ms
    if expires_ms is not None and expires_ms / 1000 - clock.now() < _EXPIRES_SOON_SECONDS:
        yield f"the token expires in {_duration(expires_ms / 1000 - clock.now())}"
    if found.identity.email is not None:
        yield "this is a personal token: projects that its owner cannot see are missing from every figure"
    for endpoint, error in found.refusals.items():
        if endpoint not in _NEEDED and isinstance(error, RefusedError):
            yield f"no {GIVES[endpoint]}: {endpoint.value} needs {SCOPES[endpoint]}"
    for team in config.teams:
        if found.projects and not any(team.match.fits(found.workspace, project) for project in found.projects):
            yield f"team {team.name!r} matches no project"
    yield from source_notes(found.projects, config, found.workspace)
    yield from gateway_notes(found.projects, config, found.workspace)
    yield from price_notes(found, config)
    yield from budget_notes(found, config, clock)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return "under a minute"
    if seconds < 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 2 * _DAY_SECONDS else f"{seconds / _DAY_SECONDS:.0f} days"
