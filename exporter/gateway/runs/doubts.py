"""Runs in doubt: their projects' runs are listed with the starter's token, so that no place is held for nothing.

What a run in doubt became is found elsewhere, too, from what the exporter reads. Here its place is given to others, and
a run that Hex shows to its caller is taken for it as soon as that is certain.
"""

import asyncio
from collections import Counter
from urllib.parse import urlencode

import structlog

from exporter.errors import BadAnswerError
from exporter.facts import UNKNOWN_TRIGGER, Run
from exporter.gateway.access.caller import Caller
from exporter.gateway.context import GatewayContext
from exporter.gateway.runs.active_run import DOUBT_SECONDS, ActiveRun
from exporter.gateway.runs.recovery import verdict, window
from exporter.gateway.runs.registry import RunRegistry
from exporter.gateway.upstream.deadline import first_of
from exporter.gateway.upstream.upstream import NoAnswerError, NoRoomError, Request
from exporter.hexapi import SHAPES, ApiRequest, Endpoint, address, query, read_page

_AGAIN_SECONDS = 5.0
"""After so long a project is listed again, and each time twice as long."""

_SEEN_SECONDS = 30.0
"""After so long at most, where it showed an active run that it may be."""

_TRIGGERS = ("api", UNKNOWN_TRIGGER)

_log = structlog.get_logger()


class Doubts:
    """Frees the places of runs in doubt. Used on one event loop."""

    def __init__(self, context: GatewayContext, registry: RunRegistry) -> None:
        self._context = context
        self._registry = registry
        self._seen_at: dict[ActiveRun, float] = {}
        self._listings: Counter[ActiveRun] = Counter()
        self._due_at: dict[ActiveRun, float] = {}

    async def look(self) -> None:
        """Wait until there may be something to do, and do it: at once when a run is in doubt, then each few seconds."""
        clock, doubted = self._context.clock, self._registry.doubted
        waiting = asyncio.ensure_future(doubted.wait())
        try:
            held = any(run.place is not None for run in self._registry.in_doubt())
            await first_of(clock, _AGAIN_SECONDS if held else DOUBT_SECONDS, waiting)
        finally:
            waiting.cancel()
        doubted.clear()
        holding = [run for run in self._registry.in_doubt() if run.place is not None]
        for known in (self._seen_at, self._listings, self._due_at):
            for run in known.keys() - holding:
                del known[run]
        now = clock.monotonic()
        await asyncio.gather(*(self._judge(run) for run in holding if now >= self._due_at.get(run, now)))

    async def _judge(self, run: ActiveRun) -> None:
        caller = self._who_asks(run)
        left = max(run.doubted_at, self._seen_at.get(run, 0.0) + _SEEN_SECONDS) + DOUBT_SECONDS
        seen = None if caller is None else await self._list(run, caller, left - self._context.clock.monotonic())
        if run.place is None:
            return
        now = self._context.clock.monotonic()
        if seen is None and now >= left:
            self._free(run, "Hex gave no listing of the project's runs")
        elif seen is None:
            self._due_at[run] = min(left, now + self._next_seconds(run))
        elif await self._is_found(run, seen):
            return
        elif not any(self._may_be(run, one) for one in seen):
            self._free(run, "Hex shows no active run that it may be")
            if not any(self._may_have_been(run, one) for one in seen):
                self._registry.clear(run)
        else:
            self._seen_at[run] = now
            self._due_at[run] = now + min(_SEEN_SECONDS, self._next_seconds(run))
            self._registry.hold_place(run)

    def _next_seconds(self, run: ActiveRun) -> float:
        """Until the next listing."""
        self._listings[run] += 1
        return _AGAIN_SECONDS * 2.0 ** min(self._listings[run] - 1, 10)

    def _who_asks(self, run: ActiveRun) -> Caller | None:
        """Whose token lists the project's runs: its starter's, or after a restart that of one who requests the same."""
        if run.requests is not None:
            return run.requests.order.caller
        pending = (one.waiting for one in self._registry.pending())
        return next((one.order.caller for one in pending if one.key.request == run.sent.request), None)

    async def _is_found(self, run: ActiveRun, seen: list[Run]) -> bool:
        """Whether the run is certainly one of those that Hex shows now, the newest of its project."""
        now_ms = self._context.now_ms()
        is_whole = len(seen) < SHAPES[Endpoint.RUNS].limit or any(
            (one.start_ms or now_ms) < window(run.sent)[0] for one in seen
        )
        found = verdict(run.sent, seen, self._registry.run_ids(), now_ms if is_whole else None, now_ms)
        if found is None or found.run is None:
            return False
        await self._registry.found(run, found.run.run_id)
        _log.info("A run that was sent has been found", project_id=run.sent.project_id, run_id=found.run.run_id)
        self._registry.observe(found.run, self._context.clock.monotonic())
        return True

    def _may_be(self, run: ActiveRun, seen: Run) -> bool:
        # After a restart a result is as good: who requests the same waits for it.
        is_wanted = seen.is_active or run.requests is None
        return is_wanted and self._may_have_been(run, seen)

    def _may_have_been(self, run: ActiveRun, seen: Run) -> bool:
        since_ms, until_ms = window(run.sent)
        is_then = seen.start_ms is None or since_ms <= seen.start_ms < until_ms
        return is_then and seen.trigger in _TRIGGERS and seen.run_id not in self._registry.run_ids()

    def _free(self, run: ActiveRun, reason: str) -> None:
        _log.info("A run in doubt gives its place to others", project_id=run.sent.project_id, reason=reason)
        self._registry.yield_place(run)

    async def _list(self, run: ActiveRun, caller: Caller, patience_seconds: float) -> list[Run] | None:
        """The newest runs of its project as Hex shows them to its caller; None if it does not."""
        ask = ApiRequest(Endpoint.RUNS, run.sent.project_id)
        request = Request(
            method="GET",
            url=f"{address(self._context.base_url, ask)}?{urlencode(query(ask))}",
            endpoint=ask.endpoint.value,
            caller=caller.name,
            headers=caller.headers,
        )
        try:
            reply = await self._context.upstream.ask(request, max(0.0, patience_seconds), is_urgent=True)
            if reply.status != 200:
                return None
            return list(read_page(ask, reply.body, sent_ms=self._context.now_ms()).only(Run))
        except (NoAnswerError, NoRoomError, BadAnswerError):
            return None
