"""Who may what: always asked of Hex with the caller's own token, and remembered for a minute."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import partial

from exporter import __version__
from exporter.clock import Clock
from exporter.facts import Project
from exporter.gateway.answers import Answer, passed_on, refused
from exporter.gateway.callers import Callers
from exporter.gateway.shapes import refusal
from exporter.gateway.target import Operation
from exporter.gateway.upstream import NoAnswerError, NoRoomError, Reply, Request, Upstream
from exporter.hexapi import Ask, Endpoint
from exporter.hexapi.answers import read_item
from exporter.hexapi.pages import parse_json
from exporter.ledger import WorkspaceLedger

MOST_PROJECTS = 10_000
"""How many projects are remembered as they were last shown; the one shown longest ago gives way."""

NEWS_SECONDS = 10.0
"""How old what is known of a project may be, its version above all, while the rate leaves room to ask again."""


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


class Rights:
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
        self._asked: dict[tuple[str, str], asyncio.Task[Project | Answer]] = {}

    async def project(self, caller: Caller, project_id: str, patience_seconds: float) -> Project | Answer:
        """The project, once Hex has shown it to the caller; else what Hex answers, of which nothing is remembered.

        The right to see it is remembered for a minute, as it is for NEWS_SECONDS: it may have been published anew.
        Raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        known = self._projects.get(project_id)
        if known is None or not self._callers.is_proven(caller.name, project_id):
            return await self._shown(caller, project_id, patience_seconds)
        project, shown_at = known
        if self._clock.monotonic() - shown_at < NEWS_SECONDS or not self._upstream.has_room:
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
            task = asyncio.ensure_future(self._ask(caller, project_id, patience_seconds))
            self._asked[key] = task
            task.add_done_callback(partial(self._asked_done, key))
        return await asyncio.shield(task)

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
        project = replace(project, project_id=project_id)
        self._callers.prove(caller.name, project_id)
        self._projects[project_id] = project, reply.at
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

    def _asked_done(self, key: tuple[str, str], task: "asyncio.Task[Project | Answer]") -> None:
        del self._asked[key]
        if not task.cancelled():
            task.exception()  # it has been seen: whoever waited for it may be gone

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
    project = read_item(item, Ask(Endpoint.PROJECTS))
    return project if isinstance(project, Project) else None
