"""What a caller may see and have: always read from Hex with its own token, and remembered for a while."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from exporter.facts import Project
from exporter.gateway.access.caller import Caller
from exporter.gateway.access.callers import Callers
from exporter.gateway.access.project_demand import ProjectDemand
from exporter.gateway.access.visible_projects import MOST_PAGES, VisibleProjects, fetch_visible_projects
from exporter.gateway.context import GatewayContext
from exporter.gateway.routing.answers import Answer, passed_on
from exporter.gateway.routing.error_bodies import refusal
from exporter.gateway.routing.hex_items import read_project
from exporter.gateway.routing.target import Operation
from exporter.gateway.single_flight import SingleFlight
from exporter.gateway.upstream.deadline import first_of
from exporter.gateway.upstream.reply import Reply
from exporter.gateway.upstream.upstream import NoAnswerError, NoRoomError, Request
from exporter.hexapi import SHAPES, Endpoint
from exporter.ledger import GatewayRun

MOST_PROJECTS = 10_000
"""How many projects are remembered as they were last shown; the one shown longest ago is evicted."""

FRESH_SECONDS = 10.0
"""How old what is known of a project may be, its version above all, while the rate leaves room to ask again."""

_LISTING_SECONDS = 10.0
"""A listing that takes longer is not waited for: one question about one project is answered sooner."""


@dataclass(slots=True)
class _Shown:
    """A project as Hex has shown it to a caller, when, and as the exporter's own listing had it then.

    `merged` is it with what only the listing `merged_with` shows.
    """

    project: Project
    at: float
    listed: Project | None
    merged: Project | None = None
    merged_with: Project | None = None


class DryRunLimits(Protocol):
    """How many runs may be sent to Hex, dry ones among them."""

    def take(self, caller: str) -> bool:
        """Take one of the runs that the caller may send now; False: there is none."""

    def observe(self, caller: str, reply: Reply) -> None:
        """Take in what Hex answered to it."""


class Authorizer:
    """Asks and remembers what callers may see and have. Used on one event loop."""

    def __init__(self, context: GatewayContext, callers: Callers, limits: DryRunLimits) -> None:
        self._limits = limits
        self._context = context
        self._upstream = context.upstream
        self._callers = callers
        self._ledger = context.ledger
        self._clock = context.clock
        self._projects: OrderedDict[str, _Shown] = OrderedDict()
        self._demand = ProjectDemand(context.clock)
        self._asking: SingleFlight[tuple[str, str], Project | Answer] = SingleFlight(self._upstream.is_waiting)
        self._listing: SingleFlight[str, VisibleProjects] = SingleFlight(self._upstream.is_waiting)
        self._trying: SingleFlight[tuple[str, str], bool] = SingleFlight(self._upstream.is_waiting)

    async def project(self, caller: Caller, project_id: str, patience_seconds: float) -> Project | Answer:
        """The project, once Hex has shown it to the caller; else what Hex answers, of which nothing is remembered.

        The right to see it is remembered for a minute, as it is for FRESH_SECONDS: it may have been published anew.
        For a caller with many projects all are read in one request. Raises NoRoomError and NoAnswerError as
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
        if self._is_fresh(caller, project_id) or not self._upstream.has_room(caller.name, Operation.PROJECT):
            return self._merged(known)
        try:
            shown = await self._shown(caller, project_id, patience_seconds)
        except (NoRoomError, NoAnswerError):
            return self._merged(known)
        return self._merged(known) if isinstance(shown, Answer) and shown.status >= 500 else shown

    async def _shown(self, caller: Caller, project_id: str, patience_seconds: float) -> Project | Answer:
        """What Hex shows the caller now; its other requests meanwhile share the answer."""
        key = (caller.name, project_id)
        return await self._asking.answer(key, lambda: self._look(caller, project_id, patience_seconds))

    async def _look(self, caller: Caller, project_id: str, patience_seconds: float) -> Project | Answer:
        """Ask for only the project, or for all that the caller can see where that takes fewer questions."""
        if not self._is_worth_listing(caller, project_id):
            return await self._ask(caller, project_id, patience_seconds)
        give_up_at = self._clock.monotonic() + patience_seconds
        visible = await self._visible(caller, patience_seconds)
        known = self._projects.get(project_id) if project_id in visible.project_ids else None
        if known is not None and self._callers.is_proven(caller.name, project_id):
            return self._merged(known)
        shown = await self._ask(caller, project_id, give_up_at - self._clock.monotonic())
        if isinstance(shown, Project) and visible.is_complete and project_id not in visible.project_ids:
            self._demand.lacks(caller.name, project_id)
        return shown

    def _is_worth_listing(self, caller: Caller, project_id: str) -> bool:
        if not self._demand.may_list(caller.name, project_id):
            return False
        if caller.name in self._listing:
            return True
        old = {one for one in self._demand.lately(caller.name) if not self._is_fresh(caller, one)}
        pages = max(1, math.ceil(len(self._ledger.projects()) / SHAPES[Endpoint.PROJECTS].limit))
        return len(self._being_listed(caller) | old) > pages + 1 and pages <= MOST_PAGES

    def _being_listed(self, caller: Caller) -> frozenset[str]:
        return frozenset(project_id for name, project_id in self._asking.open_keys() if name == caller.name)

    async def _visible(self, caller: Caller, patience_seconds: float) -> VisibleProjects:
        """What Hex lists for the caller now; its other requests meanwhile share the answer."""
        give_up_at = self._clock.monotonic() + patience_seconds
        with self._listing.waiting(caller.name, lambda: self._list(caller, patience_seconds)) as task:
            while not await first_of(self._clock, min(_LISTING_SECONDS, give_up_at - self._clock.monotonic()), task):
                # Where it is the rate that it waits for, a question about one project would wait as long.
                if self._upstream.has_room(caller.name, Endpoint.PROJECTS) or self._clock.monotonic() >= give_up_at:
                    self._demand.avoid(caller.name)
                    return VisibleProjects()
            return task.result()

    async def _list(self, caller: Caller, patience_seconds: float) -> VisibleProjects:
        def take(projects: Sequence[Project], at: float) -> None:
            wanted = self._being_listed(caller) | self._demand.lately(caller.name)
            for project in projects:
                project_id = project.project_id.lower()
                if project_id in wanted:
                    self._keep(caller, project_id, project, at)

        visible = await fetch_visible_projects(self._context, caller, patience_seconds, on_page=take)
        if not visible.is_complete:
            self._demand.avoid(caller.name)
        return visible

    async def aclose(self) -> None:
        """End the questions that are still open."""
        await self._asking.aclose()
        await self._listing.aclose()
        await self._trying.aclose()

    async def may_have(self, caller: Caller, run: GatewayRun, *, shared: bool, patience_seconds: float) -> bool:
        """Whether the caller may be given this run of the gateway; Hex decides where it is not known.

        It may if Hex has lately let it run the project: for one that has run it before, a dry run shows that anew;
        or, `shared`, if Hex lets it read the run. Raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        project_id, run_id = run.project_id, run.run_id or ""
        give_up_at = self._clock.monotonic() + patience_seconds
        if self._callers.may_run(caller.name, project_id):
            return True
        if self.has_started(caller, run):
            key = (caller.name, project_id)
            if await self._trying.answer(key, lambda: self._try_run(caller, project_id, patience_seconds)):
                return True
        if not shared:
            return False
        if self._callers.is_proven(caller.name, project_id, run_id):
            return True
        url = f"{self._context.base_url}/projects/{project_id}/runs/{run_id}"
        reply = await self._upstream.ask(_get(caller, url, Operation.RUN_STATUS), give_up_at - self._clock.monotonic())
        if reply.status != 200:
            return False
        self._callers.prove(caller.name, project_id, run_id)
        return True

    def has_started(self, caller: Caller, run: GatewayRun) -> bool:
        """Whether Hex has ever let the caller run the project of this run."""
        return caller.name == run.caller or self._ledger.gateway.is_starter(run.project_id, caller.name)

    async def _try_run(self, caller: Caller, project_id: str, patience_seconds: float) -> bool:
        """Whether Hex accepts a dry run of the project from the caller; False too where none can be sent now."""
        request = Request(
            method="POST",
            url=f"{self._context.base_url}/projects/{project_id}/runs",
            endpoint=Operation.RUN_PROJECT.value,
            caller=caller.name,
            headers=(*caller.headers, (b"content-type", b"application/json")),
            body=b'{"dryRun":true}',
        )
        # Not `ask`: after a 429 no run is sent for a while, and a right that is not proven now makes no hit.
        if self._upstream.holds.seconds(caller.name, request.endpoint) > 0 or not self._limits.take(caller.name):
            return False
        if not await self._upstream.turn(request, patience_seconds):
            return False
        reply = await self._upstream.send(request)
        self._limits.observe(caller.name, reply)
        if 200 <= reply.status < 300:
            self._callers.prove_run(caller.name, project_id)
            return True
        if reply.status in (401, 403, 404):
            self._callers.forget(caller.name, project_id)
        return False

    def learn(self, caller: Caller, project_id: str, reply: Reply) -> Project | None:
        """Take in what Hex answered to GetProject with the caller's token; the project if it showed one."""
        if reply.status in (401, 403, 404):
            self._callers.forget(caller.name, project_id)
        if reply.status != 200:
            return None
        project = read_project(reply.body)
        if project is None or project.project_id.lower() != project_id.lower():
            return None
        return self._keep(caller, project_id, project, reply.at)

    def _keep(self, caller: Caller, project_id: str, project: Project, at: float) -> Project:
        """Note that Hex has just shown the caller the project; `at` is when the answer arrived."""
        project = replace(project, project_id=project_id)
        self._callers.prove(caller.name, project_id)
        shown = self._projects[project_id] = _Shown(project, at, self._listed(project_id))
        self._projects.move_to_end(project_id)
        while len(self._projects) > MOST_PROJECTS:
            self._projects.popitem(last=False)
        return self._merged(shown)

    async def _ask(self, caller: Caller, project_id: str, patience_seconds: float) -> Project | Answer:
        url = f"{self._context.base_url}/projects/{project_id}"
        reply = await self._upstream.ask(_get(caller, url, Operation.PROJECT), patience_seconds)
        project = self.learn(caller, project_id, reply)
        if project is not None:
            return project
        if reply.status == 200:
            return refusal(502, "Hex answered with something that is not this project")
        return passed_on(reply)

    def newest(self, project: Project) -> Project:
        """The project as it was shown last, to any caller; Hex is not queried."""
        known = self._projects.get(project.project_id)
        return project if known is None else self._merged(known)

    def _is_fresh(self, caller: Caller, project_id: str) -> bool:
        """Whether Hex has shown the project so lately, to this caller too, that it is not read again."""
        shown = self._projects.get(project_id)
        if shown is None or self._clock.monotonic() - shown.at >= FRESH_SECONDS:
            return False
        # A listing since then may be older or newer than what was shown: only another question decides.
        return self._callers.is_proven(caller.name, project_id) and self._listed(project_id) is shown.listed

    def _listed(self, project_id: str) -> Project | None:
        """The project as the exporter's own listing has it: the same object until a listing shows it otherwise."""
        listed = self._ledger.project(project_id)
        return None if listed is None else listed.project

    def _merged(self, shown: _Shown) -> Project:
        """The project with what only the exporter's own listing shows: whom it is shared with, and a later version.

        What was seen last applies, whichever is the larger: a version may be taken back. The same object until
        something changes.
        """
        known = self._listed(shown.project.project_id)
        if known is None:
            return shown.project
        if shown.merged is None or shown.merged_with is not known:
            project = shown.project
            shown.merged_with = known
            shown.merged = replace(
                project,
                groups=project.groups or known.groups,
                collections=project.collections or known.collections,
                published_ms=project.published_ms if known is shown.listed else known.published_ms,
            )
        return shown.merged


def _get(caller: Caller, url: str, operation: Operation) -> Request:
    return Request(method="GET", url=url, endpoint=operation.value, caller=caller.name, headers=caller.headers)
