"""CancelRun: a caller lets go of a run, and the last one to do so stops it."""

import asyncio
from collections.abc import Coroutine

from exporter.clock import Clock
from exporter.gateway.access.authorizer import Caller
from exporter.gateway.routing.answers import Answer, not_active, passed_on
from exporter.gateway.runs.active_runs import ActiveRun, Board
from exporter.gateway.runs.attachments import Attachments
from exporter.gateway.runs.ends import Ends
from exporter.gateway.upstream.upstream import Reply, Request, Upstream

_OVER = frozenset({400, 404, 409, 422})


class Cancels:
    """Answers DELETE on runs. Used on one event loop."""

    def __init__(self, board: Board, ends: Ends, attachments: Attachments, upstream: Upstream, clock: Clock) -> None:
        self._board = board
        self._ends = ends
        self._attachments = attachments
        self._upstream = upstream
        self._clock = clock
        self._asked: set[asyncio.Task[Answer]] = set()

    async def answer(
        self, caller: Caller, project_id: str, run_id: str, request: Request, patience_seconds: float
    ) -> Answer:
        """Let go of a run: 204, or what Hex says to the last one, or that the run is over.

        A run that the caller was not given by the gateway is Hex's affair. Raises NoRoomError and NoAnswerError as
        `Upstream.ask` does.
        """
        underway = self._board.run(run_id)
        if underway is None or underway.run.project_id != project_id:
            return await self._carried(self._passed(None, request, patience_seconds))
        if caller.name not in underway.given:
            return await self._carried(self._passed(underway, request, patience_seconds))
        if not underway.attached[caller.name]:
            is_expired = underway.is_over and underway.run.status is None
            if not is_expired:
                return not_active()
            return await self._carried(self._passed(underway, request, patience_seconds))
        underway.attached[caller.name] -= 1
        if underway.attached.total():
            self._attachments.note(underway, caller.name)
            await self._attachments.settled()
            return Answer(204, headers=())
        # At once, so that nobody is given it from here on.
        underway.is_leaving = True
        return await self._carried(self._stop(underway, caller, request, patience_seconds))

    async def _passed(self, underway: ActiveRun | None, request: Request, patience_seconds: float) -> Answer:
        """What Hex says to somebody who was not given the run; once it has stopped it, nobody joins it any more."""
        reply = await self._upstream.ask(request, patience_seconds)
        if underway is not None:
            self._apply_rate_limit(underway, reply)
        return passed_on(reply)

    async def _stop(self, underway: ActiveRun, caller: Caller, request: Request, patience_seconds: float) -> Answer:
        """Have Hex stop the run; whoever asks for the same from now on is given another."""
        reply: Reply | None = None
        try:
            reply = await self._upstream.ask(request, patience_seconds)
        finally:
            if reply is None or not (200 <= reply.status < 300 or reply.status in _OVER):
                underway.is_leaving = False
                if not underway.is_over:
                    underway.attached[caller.name] += 1
        self._apply_rate_limit(underway, reply)
        self._attachments.note(underway, caller.name)
        return passed_on(reply)

    def _apply_rate_limit(self, underway: ActiveRun, reply: Reply) -> None:
        if 200 <= reply.status < 300 and underway.run.status is None:
            self._ends.finish(underway, "killed", round(self._clock.now() * 1000), None)

    async def _carried(self, answering: Coroutine[None, None, Answer]) -> Answer:
        """The answer; once begun it is carried through and heeded, even if its caller hangs up."""
        task = asyncio.ensure_future(answering)
        self._asked.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: "asyncio.Task[Answer]") -> None:
        self._asked.discard(task)
        if not task.cancelled():
            task.exception()  # it has been seen: whoever waited for it may be gone
