"""The closing of weeks and months in the running process, out of the way of those who poll and those who scrape."""

from functools import partial

import structlog

from exporter.clock import Clock
from exporter.daemon_thread import in_daemon_thread
from exporter.errors import LedgerError
from exporter.view import PeriodCloser

_log = structlog.get_logger()

_EVERY_SECONDS = 10.0
_SHORTEST_PAUSE_SECONDS = 0.1
_PAUSE_PER_SECOND = 3
"""At most a quarter of the time is spent on it: a year of weeks is closed in minutes, and polling has the rest."""


class PeriodClosing:
    """Closes what is over and known, and books what comes later, until it is cancelled."""

    def __init__(self, closer: PeriodCloser, clock: Clock) -> None:
        self._closer = closer
        self._clock = clock

    async def run(self) -> None:
        """Look every few seconds. Trouble of the ledger is the ledger's to report."""
        while True:
            began = self._clock.monotonic()
            has_more = False
            try:
                now_ms = round(self._clock.now() * 1000)
                has_more = await in_daemon_thread("closing", partial(self._closer.look, now_ms))
            except LedgerError:
                pass  # it may be readable the next time
            except Exception:
                _log.exception("A period could not be closed")
            pause = _SHORTEST_PAUSE_SECONDS if has_more else _EVERY_SECONDS
            await self._clock.sleep(max(pause, _PAUSE_PER_SECOND * (self._clock.monotonic() - began)))
