"""Probes on request: an answer rests on a probe of its source that began after the request came."""

import math
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from exporter.clock import Clock
from exporter.gateway.single_flight import SingleFlight
from exporter.gateway.upstream.deadline import first_of
from exporter.sources import SourceStatus

ProbeSource = Callable[[str], Awaitable[bool]]
"""Probes the source with this key; whether a probe that began after the call found its state, which is recorded."""

_log = structlog.get_logger()


class SourceLooks:
    """One probe of a source at a time, for all requests that came before it began. Used on one event loop."""

    def __init__(self, probe_source: ProbeSource | None, clock: Clock) -> None:
        self._probe_source = probe_source
        self._clock = clock
        self._found_at: dict[str, float] = {}
        self._probes: SingleFlight[str, tuple[float, bool]] = SingleFlight()

    async def look(self, status: SourceStatus, arrived_at: float, give_up_at: float) -> bool:
        """Whether the source's state in the ledger is that of a probe that began after `arrived_at` (steady clock).

        Waits for such a probe for as long as the source's `on_request` says. True at once where that is switched off,
        for a project without a source, and where nothing probes.
        """
        source, key = status.source, status.key
        if source is None or key is None or source.on_request_seconds is None or self._probe_source is None:
            return True
        give_up_at = min(give_up_at, self._clock.monotonic() + source.on_request_seconds)
        while self._found_at.get(key, -math.inf) < arrived_at:
            probe = self._probes.task(key, partial(self._probe, key, self._probe_source))
            if not await first_of(self._clock, give_up_at - self._clock.monotonic(), probe):
                return False
            began_at, has_found = probe.result()
            if began_at >= arrived_at and not has_found:
                return False
        return True

    async def probe(self, key: str) -> bool:
        """Whether a probe that begins now, or a little later, finds the state of the source."""
        if self._probe_source is None:
            return False
        return await self._probe_source(key)

    async def aclose(self) -> None:
        """Wait for no probe any longer."""
        await self._probes.aclose()

    async def _probe(self, key: str, probe_source: ProbeSource) -> tuple[float, bool]:
        began_at = self._clock.monotonic()
        try:
            has_found = await probe_source(key)
        except Exception:
            _log.exception("A source cannot be probed")
            has_found = False
        if has_found:
            self._found_at[key] = began_at
        return began_at, has_found
