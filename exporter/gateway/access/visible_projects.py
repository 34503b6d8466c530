"""All projects that a caller can see, in one request to Hex: cheaper than one each where a caller needs many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from exporter.errors import BadAnswerError
from exporter.facts import Project
from exporter.gateway.access.caller import Caller
from exporter.gateway.context import GatewayContext
from exporter.gateway.upstream.upstream import NoAnswerError, Request
from exporter.hexapi import Endpoint, ListingWalk, address, query, read_page

MOST_PAGES = 5
"""How many pages a caller's listing may have; in larger workspaces each project is read by itself."""

_LEFT_OUT = ("includeUnlisted",)
"""A server that does not know it refuses the whole listing; unlisted projects are read by themselves."""


@dataclass(frozen=True, slots=True)
class VisibleProjects:
    """The ids of the projects that ListProjects showed, in lower case; `is_complete`: it would show no others."""

    project_ids: frozenset[str] = frozenset()
    is_complete: bool = False


async def fetch_visible_projects(
    context: GatewayContext,
    caller: Caller,
    patience_seconds: float,
    *,
    on_page: Callable[[Sequence[Project], float], None],
) -> VisibleProjects:
    """Read ListProjects with the caller's own token, MOST_PAGES at most.

    `on_page` is given the projects of each page and the steady clock's time of its arrival, at once. A refusal or a
    bad answer ends the reading. Raises NoRoomError as `Upstream.ask` does.
    """
    clock = context.clock
    give_up_at = clock.monotonic() + patience_seconds
    walk = ListingWalk(Endpoint.PROJECTS)
    project_ids: set[str] = set()
    for _ in range(MOST_PAGES):
        if (ask := walk.next) is None:
            break
        url = f"{address(context.base_url, ask)}?{urlencode(query(ask, _LEFT_OUT))}"
        request = Request(
            method="GET", url=url, endpoint=ask.endpoint.value, caller=caller.name, headers=caller.headers
        )
        try:
            reply = await context.upstream.ask(request, give_up_at - clock.monotonic())
            if reply.status != 200:
                break
            page = read_page(ask, reply.body, sent_ms=0)
        except (NoAnswerError, BadAnswerError):
            break
        walk.add(page)
        projects = page.only(Project)
        project_ids.update(one.project_id.lower() for one in projects)
        on_page(projects, reply.at)
    return VisibleProjects(frozenset(project_ids), walk.is_complete and not walk.bad)
