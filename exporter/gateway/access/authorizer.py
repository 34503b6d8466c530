"""Who may what: always asked of Hex with the caller's own token, and remembered for a minute."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from exporter import __version__
from exporter.clock import Clock
from exporter.facts import Project
from exporter.gateway.access.callers import Callers
from exporter.gateway.access.project_demand import Demand
from exporter.gateway.access.visible_projects import VisibleProjects, fetch_visible_projects
from exporter.gateway.routing.answers import Answer, passed_on, refused
from exporter.gateway.routing.error_bodies import refusal
from exporter.gateway.routing.target import Operation
from exporter.gateway.upstream.upstream import NoAnswerError, NoRoomError, Reply, Request, Upstream
from exporter.gateway.upstream.waiting import first_of
from exporter.hexapi import SHAPES, ApiRequest, Endpoint, parse_json, read_item
from exporter.ledger import WorkspaceLedger

_Key = TypeVar("_Key")
_Answer = TypeVar("_Answer")

MOST_PROJECTS = 10_000
"""How many projects are remembered as they were last shown; the one shown longest ago gives way."""

NEWS_SECONDS = 10.0
"""How old what is known of a project may be, its version above all, while the rate leaves room to ask again."""

MOST_PAGES = 5
"""How many pages a caller's listing may have; in larger workspaces each project is asked for by itself."""

_LISTING_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the token's keyed hash, the same with the address (whose turn it is), and what the token came as."""

    name: str
    seat: str
    authorization: bytes = field(repr=False)

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers of a question that the gateway asks in the caller's name."""
        return (
            (b"authorization", self.authorization),
            (b"accept", b"application/json"),
            (b"accept-encoding", b"gzip"),
            (b"user-agent", f"hex-exporter/{__version__}".encode()),
        )


class Authorizer:
    """Asks and remembers what callers may. Used on one event loop."""

    def __init__(
        self, upstream: Upstream, callers: Callers, ledger: WorkspaceLedger, clock: Clock, base_url: str
    ) -> None:
        self._upstream = upstream
        self._callers = callers
        self._ledger = ledger
        self._clock = clock
        self._base_url = base_url
        self._projects: OrderedDict[str, tuple[Project, float]] = OrderedDict()
        self._demand = Demand(clock)
        self._asked: dict[tuple[str, str], asyncio.Task[Project | Answer]] = {}
        self._listing: dict[str, asyncio.Task[VisibleProjects]] = {}

    async def project(self, caller: Caller, project_id: str, patience_seconds: float) -> Project | Answer:
        """The project, once Hex has shown it to the caller; else what Hex answers, of which nothing is remembered.

        The right to see it is remembered for a minute, as it is for NEWS_SECONDS: it may have been published anew.
        A caller that asks for many is asked about once for all of them. Raises NoRoomError and NoAnswerError as
        `Upstream.ask` does.
        """
        shown = await self._known_or_shown(caller, project_id, patience_seconds)
        if isinstance(shown, Project):
            self._demand.note(caller.name, project_id)
        return shown

    async def _known_or_shown(self, caller: Caller, project_id: str, patience_seconds: float) -> Project | Answer:
        known = self._projects.get(project_id)
        if known is None or not self._callers.is_proven(caller.name, project_id):
            return await self._shown(caller, project_id, patience_seconds)
        project, _ = known
        if self._is_new(caller, project_id) or not self._upstream.has_room:
            return self._merged(project)
        try:
            shown = await self._shown(caller, project_id, patience_seconds)
        except (NoRoomError, NoAnswerError):
            return self._merged(project)
        return self._merged(project) if isinstance(shown, Answer) and shown.status >= 500 else shown

    async def _shown(self, caller: Caller, project_id: str, patience_seconds: float) -> Project | Answer:
        """What Hex shows the caller now; who asks for it meanwhile shares the answer."""
        key = (caller.name, project_id)
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.ensure_future(self._look(caller, project_id, patience_seconds))
            task.add_done_callback(partial(_forget, self._asked, key))
        return await asyncio.shield(task)

    async def _look(self, caller: Caller, project_id: str, patience_seconds: float) -> Project | Answer:
        """Ask for the project alone, or for all that the caller can see where that takes fewer questions."""
        if not self._is_worth_listing(caller, project_id):
            return await self._ask(caller, project_id, patience_seconds)
        give_up_at = self._clock.monotonic() + patience_seconds
        viewable = await self._viewable(caller, patience_seconds)
        known = self._projects.get(project_id) if project_id in viewable.project_ids else None
        if known is not None and self._callers.is_proven(caller.name, project_id):
            return self._merged(known[0])
        shown = await self._ask(caller, project_id, give_up_at - self._clock.monotonic())
        if isinstance(shown, Project) and viewable.is_complete and project_id not in viewable.project_ids:
            self._demand.lacks(caller.name, project_id)
        return shown

    def _is_worth_listing(self, caller: Caller, project_id: str) -> bool:
        if not self._demand.may_list(caller.name, project_id):
            return False
        if caller.name in self._listing:
            return True
        old = {one for one in self._demand.lately(caller.name) if not self._is_new(caller, one)}
        pages = max(1, math.ceil(len(self._ledger.projects()) / SHAPES[Endpoint.PROJECTS].limit))
        return len(self._on_their_way(caller) | old) > pages + 1 and pages <= MOST_PAGES

    def _on_their_way(self, caller: Caller) -> frozenset[str]:
        return frozenset(project_id for name, project_id in self._asked if name == caller.name)

    async def _viewable(self, caller: Caller, patience_seconds: float) -> VisibleProjects:
        """What Hex lists for the caller now; its other requests meanwhile share the answer."""
        task = self._listing.get(caller.name)
        if task is None:
            task = self._listing[caller.name] = asyncio.ensure_future(self._list(caller, patience_seconds))
            task.add_done_callback(partial(_forget, self._listing, caller.name))
        give_up_at = self._clock.monotonic() + patience_seconds
        while not await first_of(self._clock, min(_LISTING_SECONDS, give_up_at - self._clock.monotonic()), task):
            # Where it is the rate that it waits for, a question about one project would wait as long.
            if self._upstream.has_room or self._clock.monotonic() >= give_up_at:
                self._demand.avoid(caller.name)
                return VisibleProjects()
        return task.result()

    async def _list(self, caller: Caller, patience_seconds: float) -> VisibleProjects:
        def take(projects: Sequence[Project], at: float) -> None:
            wanted = self._on_their_way(caller) | self._demand.lately(caller.name)
            for project in projects:
                project_id = project.project_id.lower()
                if project_id in wanted:
                    self._keep(caller, project_id, project, at)

        viewable = await fetch_visible_projects(
            self._upstream,
            self._base_url,
            caller.headers,
            patience_seconds,
            self._clock,
            most_pages=MOST_PAGES,
            on_page=take,
        )
        if not viewable.is_complete:
            self._demand.avoid(caller.name)
        return viewable

    async def aclose(self) -> None:
        """End what is asked that nobody waits for any more."""
        tasks = [*self._asked.values(), *self._listing.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def may_have(
        self, caller: Caller, project_id: str, run_id: str, starter: str, *, shared: bool, patience_seconds: float
    ) -> bool:
        """Whether the caller may be given this run, which `starter` has started; Hex is asked where that must be.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        if caller.name == starter or self._ledger.gateway.is_starter(project_id, caller.name):
            return True
        if not shared:
            return False
        if self._callers.is_proven(caller.name, project_id, run_id):
            return True
        url = f"{self._base_url}/projects/{project_id}/runs/{run_id}"
        reply = await self._upstream.ask(
            Request(method="GET", url=url, endpoint=Operation.RUN_STATUS.value, headers=caller.headers),
            patience_seconds,
        )
        if reply.status != 200:
            return False
        self._callers.prove(caller.name, project_id, run_id)
        return True

    def learn(self, caller: Caller, project_id: str, reply: Reply) -> Project | None:
        """Take in what Hex answered to GetProject with the caller's token; the project if it showed one."""
        if reply.status in (401, 403, 404):
            self._callers.forget(caller.name, project_id)
        if reply.status != 200:
            return None
        project = _read_project(reply.body)
        if project is None or project.project_id.lower() != project_id.lower():
            return None
        return self._keep(caller, project_id, project, reply.at)

    def _keep(self, caller: Caller, project_id: str, project: Project, at: float) -> Project:
        """Note that Hex has just shown the caller the project; `at` is when the answer arrived."""
        project = replace(project, project_id=project_id)
        self._callers.prove(caller.name, project_id)
        self._projects[project_id] = project, at
        self._projects.move_to_end(project_id)
        while len(self._projects) > MOST_PROJECTS:
            self._projects.popitem(last=False)
        return self._merged(project)

    async def _ask(self, caller: Caller, project_id: str, patience_seconds: float) -> Project | Answer:
        url = f"{self._base_url}/projects/{project_id}"
        reply = await self._upstream.ask(
            Request(method="GET", url=url, endpoint=Operation.PROJECT.value, headers=caller.headers), patience_seconds
        )
        project = self.learn(caller, project_id, reply)
        if project is not None:
            return project
        if reply.status == 200:
            return refused(refusal(502, "Hex answered with something that is not this project"))
        return passed_on(reply)

    def _is_new(self, caller: Caller, project_id: str) -> bool:
        """Whether Hex has shown the project so lately that nothing is asked, and that to this caller too."""
        _, shown_at = self._projects.get(project_id, (None, -math.inf))
        is_proven = self._callers.is_proven(caller.name, project_id)
        return is_proven and self._clock.monotonic() - shown_at < NEWS_SECONDS

    def _merged(self, project: Project) -> Project:
        """The project with what only the exporter's own listing tells: whom it is shared with, a newer version."""
        listed = self._ledger.project(project.project_id)
        if listed is None:
            return project
        known = listed.project
        return replace(
            project,
            groups=project.groups or known.groups,
            collections=project.collections or known.collections,
            published_ms=max(filter(None, (project.published_ms, known.published_ms)), default=None),
        )


def _read_project(body: bytes) -> Project | None:
    try:
        item = parse_json(body)
    except ValueError:
        return None
    if not isinstance(item, dict):
        return None
    project = read_item(item, ApiRequest(Endpoint.PROJECTS))
    return project if isinstance(project, Project) else None


def _forget(tasks: "dict[_Key, asyncio.Task[_Answer]]", key: _Key, task: "asyncio.Task[_Answer]") -> None:
    del tasks[key]
    if not task.cancelled():
        task.exception()  # it has been seen: whoever waited for it may be gone
