"""Asks a workspace once, each endpoint, and reports what this token may read and what following it costs."""

import random
from collections.abc import Awaitable, Callable, Mapping

from exporter.check.foreseen_page import foreseen_series
from exporter.check.workspace_findings import Findings
from exporter.clock import Clock
from exporter.config import Config, Workspace
from exporter.errors import ApiError
from exporter.facts import Connection, Group, Identity, Project, Seat, Thread
from exporter.hexapi import (
    OF_ONE_PROJECT,
    ApiRequest,
    Endpoint,
    Exchange,
    HexClient,
    ListingWalk,
    Pace,
    Page,
    TokenSource,
)
from exporter.polling import (
    LISTINGS,
    first_read,
    listing_requests_per_hour,
    settled_requests_per_hour,
)

_Ask = Callable[[ApiRequest], Awaitable[Page]]

_MOST_PAGES = 50
_NOTICED_SECONDS = 5.0


def _no_progress(seconds: float, why: str) -> None:
    """For callers without a terminal."""


async def probe(
    workspace: Workspace,
    config: Config,
    token: TokenSource,
    clock: Clock,
    report_wait: Callable[[float, str], None] = _no_progress,
) -> Findings:
    """Ask each endpoint once, whole listings up to 5,000 projects, within the configured share of the limits.

    `report_wait` hears before each wait that a person would notice how many seconds it takes, and why.
    """
    found = Findings(workspace=workspace.name)
    limit = workspace.rate_limit
    pace = Pace(
        per_minute=limit.per_minute,
        per_hour=limit.per_hour,
        share=limit.share,
        clock=clock,
        rng=random.Random(),  # noqa: S311 - jitter
    )
    client = HexClient(
        base_url=workspace.base_url, token=token, pace=pace, clock=clock, observe=_unseen, route=workspace
    )

    async def ask(what: ApiRequest) -> Page:
        if (seconds := pace.wait_seconds()) >= _NOTICED_SECONDS:
            report_wait(seconds, f"{_why_waiting(pace, clock)}; {what.endpoint.value} is requested next")
        return await client.fetch(what)

    try:
        for endpoint in LISTINGS:
            await _listing(ask, found, endpoint)
            if found.is_locked or (endpoint is Endpoint.PROJECTS and not found.answered):
                break
        await _of_a_project(ask, found)
    finally:
        await client.aclose()
    await _estimate(found, config, pace, clock)
    return found


def _why_waiting(pace: Pace, clock: Clock) -> str:
    if pace.cool_down_until_ms is not None and pace.cool_down_until_ms > clock.now() * 1000:
        return "Hex wants no requests for so long"
    return (
        f"rate_limit lets {pace.allowed_per_minute} requests a minute and {pace.allowed_per_hour} an hour go, and one "
        "run of this check is a dozen or more"
    )


def _unseen(exchange: Exchange) -> None:
    """The check keeps no counters."""


async def _listing(ask: _Ask, found: Findings, endpoint: Endpoint) -> None:
    walk = ListingWalk(endpoint)
    pages = 0
    try:
        while walk.next is not None and pages < _MOST_PAGES:
            walk.add(await ask(walk.next))
            pages += 1
    except ApiError as error:
        found.refusals[endpoint] = error
        return
    found.answered.add(endpoint)
    found.pages[endpoint] = pages
    if walk.flaw is not None:
        found.flaws[endpoint] = walk.flaw
    if walk.bad:
        found.unreadable[endpoint] = len(walk.bad)
    found.projects += walk.only(Project)
    found.seats += walk.only(Seat)
    found.connections += walk.only(Connection)
    found.groups += walk.only(Group)
    found.threads += walk.only(Thread)
    found.identity = next(iter(walk.only(Identity)), found.identity)


async def _of_a_project(ask: _Ask, found: Findings) -> None:
    published = next((one for one in found.projects if one.state == "published"), None)
    if published is None:
        return
    for endpoint in sorted(OF_ONE_PROJECT):
        try:
            await ask(ApiRequest(endpoint, published.project_id))
        except ApiError as error:
            found.refusals[endpoint] = error
        else:
            found.answered.add(endpoint)


async def _estimate(found: Findings, config: Config, pace: Pace, clock: Clock) -> None:
    now_ms = round(clock.now() * 1000)
    allowed = pace.allowed_per_hour
    found.polled = tuple(one for one in found.projects if config.collect.is_polled(found.workspace, one))
    listings = listing_requests_per_hour(found.pages, allowed, config.collect.max_age_seconds)
    found.allowed_per_hour = allowed
    found.allowed_per_minute = pace.allowed_per_minute
    found.planned_per_hour = settled_requests_per_hour(found.polled, allowed, listings, now_ms)
    found.first_read = first_read(found.polled, found.pages, now_ms)
    found.series = await foreseen_series(found, config, clock)


SCOPES: Mapping[Endpoint, str] = {
    Endpoint.PROJECTS: "read projects",
    Endpoint.RUNS: "read projects",
    Endpoint.ME: "any",
    Endpoint.USERS: "read users",
    Endpoint.GROUPS: "read groups",
    Endpoint.CONNECTIONS: "read data connections",
    Endpoint.THREADS: "a Manager's or Admin's token",
    Endpoint.QUERIED_TABLES: "read queried tables (Enterprise)",
    Endpoint.CELLS: "read cells",
    Endpoint.EXPORT: (
        "a token that may export projects, and this one may not; until then exports.paths, compute.profiles and "
        "compute.default say what runs on which profile"
    ),
}
"""What a token needs for each endpoint, as the token dialog of Hex calls it."""
