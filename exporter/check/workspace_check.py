"""What `check` says of a workspace by what its probe found, in sentences that a person can act on."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus

from exporter.check.gateway_check import gateway_notes
from exporter.check.money_check import budget_notes, price_notes
from exporter.check.source_check import source_figure, source_notes
from exporter.check.trigger_check import trigger_notes
from exporter.check.workspace_findings import Findings
from exporter.check.workspace_probe import SCOPES
from exporter.clock import Clock
from exporter.config import Config, shortest_max_age_seconds
from exporter.errors import RefusedError
from exporter.hexapi import Endpoint, TokenSource

ENDPOINT_GIVES: Mapping[Endpoint, str] = {
    Endpoint.PROJECTS: "projects, schedules, views",
    Endpoint.RUNS: "run counts, durations, failures",
    Endpoint.ME: "when the token expires",
    Endpoint.USERS: "seats by role, idle seats",
    Endpoint.GROUPS: "groups",
    Endpoint.CONNECTIONS: "connections by type",
    Endpoint.THREADS: "AI credits",
    Endpoint.QUERIED_TABLES: "which connections a project uses",
    Endpoint.CELLS: "the same as a hint, from drafts",
    Endpoint.EXPORT: "compute profiles, cache settings, writes",
}
"""What each endpoint is read for."""

_DAY_SECONDS = 86_400
_EXPIRES_SOON_SECONDS = 14 * _DAY_SECONDS
_NEEDED = (Endpoint.PROJECTS, Endpoint.RUNS)


def workspace_figures(found: Findings, config: Config) -> Iterator[str]:
    """What the token sees, what following it costs and gives, a line each; nothing if it cannot list projects."""
    if Endpoint.PROJECTS not in found.answered:
        return
    published = sum(one.published_ms is not None for one in found.projects)
    yield f"sees   {len(found.projects)} projects, {published} of them published; {len(found.seats)} seats"
    if left_out := len(found.projects) - len(found.polled):
        yield f"skips  {left_out} of the projects: collect.match and collect.except leave them out of every figure"
    yield f"costs  about {found.planned_per_hour:.0f} requests an hour; {found.allowed_per_hour} are allowed"
    yield f"gives  about {found.series:,} series"
    week = duration_text(found.seconds_for(found.first_read.week_requests))
    history = duration_text(found.seconds_for(found.first_read.history_requests))
    yield f"needs  {week} until this week is complete, {history} until all history is read"
    if figure := source_figure(found.projects, config, found.workspace):
        yield figure


def workspace_faults(found: Findings, config: Config) -> Iterator[str]:
    """What must be mended before `serve` can follow the workspace."""
    if found.is_locked:
        yield "Hex does not accept the token: is it whole, of this deployment, and not expired or revoked?"
        return
    for endpoint in _NEEDED:
        if error := found.refusals.get(endpoint):
            lacks_scope = error.status == HTTPStatus.FORBIDDEN and error.is_from_hex
            remedy = f"; the token needs the scope: {SCOPES[endpoint]}" if lacks_scope else ""
            yield f"{endpoint.value} cannot be read ({error.reason}){remedy}"
    for endpoint, flaw in found.flaws.items():
        yield f"{endpoint.value} cannot be read to the end of the listing ({flaw}): ask Hex's support about it"
    if Endpoint.PROJECTS in found.answered and not found.projects:
        yield "the token sees no project: a personal token sees what its owner can see, a workspace token sees all"
    elif found.projects and not found.polled:
        yield "collect.match and collect.except leave every project out: nothing is followed"
    shortest = shortest_max_age_seconds(sum(found.pages.values()), found.allowed_per_hour)
    if 0 < config.collect.max_age_seconds < shortest:
        yield (
            f"listings cannot be read again within collect.max_age at this rate: write at least {shortest / 60:.0f}m, "
            "or 0s to never show what comes from them"
        )
    if found.planned_per_hour > found.allowed_per_hour:
        yield (
            f"polling needs {found.planned_per_hour:.0f} requests an hour and {found.allowed_per_hour} are allowed: "
            "raise rate_limit.share, or ask Hex for a higher limit"
        )


def workspace_notes(found: Findings, config: Config, token: TokenSource, clock: Clock) -> Iterator[str]:
    """What is odd about the workspace, the token and what the configuration says of them."""
    if token.is_exposed:
        yield "the token file can be read by other users of this machine; chmod 600 makes it private"
    expires_ms = found.identity.token_expires_ms
    if expires_ms is not None and expires_ms / 1000 - clock.now() < _EXPIRES_SOON_SECONDS:
        yield f"the token expires in {duration_text(expires_ms / 1000 - clock.now())}"
    if found.identity.email is not None:
        yield "this is a personal token: projects that its owner cannot see are missing from every figure"
    for endpoint, error in found.refusals.items():
        if endpoint not in _NEEDED and isinstance(error, RefusedError):
            if endpoint is Endpoint.EXPORT and not config.collect.exports:
                continue
            why = f"needs {SCOPES[endpoint]}" if error.is_from_hex else f"cannot be read ({error.reason})"
            yield f"no {ENDPOINT_GIVES[endpoint]}: {endpoint.value} {why}"
    for endpoint, count in found.unreadable.items():
        yield f"{count} of the {endpoint.value} cannot be read: no figure includes them"
    for team in config.teams:
        if found.projects and not any(team.match.matches(found.workspace, project) for project in found.projects):
            yield f"team {team.name!r} matches no project"
    yield from source_notes(found.projects, config, found.workspace)
    yield from gateway_notes(found.projects, config, found.workspace)
    yield from trigger_notes(found.projects, config, found.workspace)
    yield from price_notes(found, config, clock)
    yield from budget_notes(found, config, clock)


def duration_text(seconds: float) -> str:
    """A span of time for people, to a minute at the finest."""
    if seconds < 60:
        return "under a minute"
    if seconds < 3600:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours" if seconds < 2 * _DAY_SECONDS else f"{seconds / _DAY_SECONDS:.0f} days"
