"""The simulator's own controls over HTTP, beside the API: faults, limits, runaways, and the truth."""

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter.simulator.faults import Fault, Faults
from exporter.simulator.rate_limits import Limiter, parse_limits
from exporter.simulator.refusals import RefusalError
from exporter.simulator.simulation import Simulation
from exporter.simulator.timeline import HISTORY_MS, Burst

Handler = Callable[[Request], Awaitable[Response]]
FindingFilter = TypeVar("FindingFilter")


class Controlled(Protocol):
    """What can be controlled: a service with its workspace, faults and limits, and the count of its answers."""

    simulation: Simulation
    faults: Faults
    limiter: Limiter
    tally: Counter[tuple[str, str]]


class Runaway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A project that runs away: which (None: the first that can), from when (None: now), how fast, until when."""

    project_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    every_seconds: float = 10.0


class NewLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rate limits as a flag has them: `documented`, `off`, or `PER_MINUTE/PER_HOUR`."""

    limits: str


class Control:
    """The controls of one service."""

    def __init__(self, service: Controlled) -> None:
        self._service = service

    async def faults(self, request: Request) -> Response:
        """GET lists the faults in force, POST adds one, DELETE ends all."""
        faults = self._service.faults
        if request.method == "POST":
            faults.add(_read(await request.body(), Fault))
        elif request.method == "DELETE":
            faults.clear()
        return _json({"faults": faults.listed()})

    async def limits(self, request: Request) -> Response:
        """POST sets other rate limits; all counts begin anew."""
        try:
            limits = parse_limits(_read(await request.body(), NewLimits).limits)
        except ValueError as error:
            raise RefusalError(400, str(error)) from None
        self._service.limiter = Limiter(limits)
        return _json({"limits": {group: list(windows) for group, windows in limits.windows.items()}})

    async def runaway(self, request: Request) -> Response:
        """POST lets a project run away."""
        wanted = _read(await request.body(), Runaway)
        simulation = self._service.simulation
        runnable = (project.project_id for project in simulation.projects if project.is_runnable)
        project_id = wanted.project_id or next(runnable, "")
        if project_id not in simulation.by_id:
            raise RefusalError(404, f"No project has the id {project_id!r}")
        burst = Burst(
            project_id=project_id,
            since_ms=simulation.now_ms if wanted.since_ms is None else wanted.since_ms,
            until_ms=wanted.until_ms,
            every_ms=max(1, int(wanted.every_seconds * 1000)),
        )
        simulation.run_away(burst)
        return _json(msgspec.to_builtins(burst))

    async def state(self, request: Request) -> Response:
        """GET shows what was requested and answered: requests by endpoint and code."""
        simulation, tally = self._service.simulation, self._service.tally
        found: dict[str, object] = {
            "now_ms": simulation.now_ms,
            "seed": simulation.seed,
            "projects": len(simulation.projects),
            "requests": [
                {"endpoint": endpoint, "code": code, "count": count}
                for (endpoint, code), count in sorted(tally.items())
            ],
            "faults": self._service.faults.listed(),
            "planted_project_id": simulation.planted.project_id if simulation.planted else None,
        }
        return _json(found)

    async def truth(self, request: Request) -> Response:
        """GET counts the runs with a start in [from, to) by project, trigger and status, as they stand.

        With `ended_from` only those that have ended, at that instant or later.
        """
        simulation = self._service.simulation
        now_ms = simulation.now_ms
        start_ms = _instant(request, "from", now_ms - HISTORY_MS)
        end_ms = _instant(request, "to", now_ms)
        ended_ms = _instant(request, "ended_from", 0)
        runs = Counter(
            (run.project_id, run.trigger, run.status)
            for run in simulation.runs_between(start_ms, end_ms)
            if (run.ended_ms or 0) >= ended_ms
        )
        counts = [
            {"project_id": project_id, "trigger": trigger, "status": status, "count": count}
            for (project_id, trigger, status), count in sorted(runs.items())
        ]
        return _json({"from_ms": start_ms, "to_ms": end_ms, "total": runs.total(), "runs": counts})

    async def waste(self, request: Request) -> Response:
        """GET shows what was planted to be found."""
        return _json({"waste": [msgspec.to_builtins(waste) for waste in self._service.simulation.waste]})

    async def source(self, request: Request) -> Response:
        """GET stands for the data behind a project: its ETag changes when the data does."""
        simulation = self._service.simulation
        project = simulation.by_id.get(request.path_params["project_id"])
        if project is None:
            raise RefusalError(404, "No such project")
        version, changed_ms = simulation.source_state(project, simulation.now_ms)
        tag = f'"{version}"'
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers={"ETag": tag})
        answer = _json({"version": version, "changed_ms": changed_ms})
        answer.headers["ETag"] = tag
        return answer


def routes(service: Controlled) -> list[Route]:
    """The routes of the controls of a service."""
    control = Control(service)
    return [
        Route("/_simulator/faults", _guarded(control.faults), methods=["GET", "POST", "DELETE"]),
        Route("/_simulator/limits", _guarded(control.limits), methods=["POST"]),
        Route("/_simulator/runaway", _guarded(control.runaway), methods=["POST"]),
        Route("/_simulator/state", _guarded(control.state)),
        Route("/_simulator/truth", _guarded(control.truth)),
        Route("/_simulator/waste", _guarded(control.waste)),
        Route("/_simulator/sources/{project_id}", _guarded(control.source)),
    ]


def _guarded(handler: Handler) -> Handler:
    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except RefusalError as refusal:
            return _json({"error": refusal.reason}, refusal.status)

    return guarded


def _read(body: bytes, wanted: type[FindingFilter]) -> FindingFilter:
    try:
        return msgspec.json.decode(body or b"{}", type=wanted)
    except msgspec.DecodeError as error:
        raise RefusalError(400, str(error)) from None


def _instant(request: Request, name: str, default_ms: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default_ms
    if text.isdecimal():
        return int(text)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise RefusalError(400, f"{name}: {text!r} is not valid; write milliseconds or a time with zone")
    return int(at.timestamp() * 1000)


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
