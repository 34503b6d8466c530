"""The gateway's own work beside requests: counts are written, ends are looked for, and runs start as time passes."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from exporter.clock import Clock

_log = structlog.get_logger()


async def repeat(clock: Clock, every_seconds: float, work: Callable[[], Awaitable[None]], failure: str) -> None:
    """Do the work and wait, again and again until cancelled; what it raises is logged as `failure`."""
    while True:
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except Exception:
            _log.exception(failure)
        await clock.sleep(every_seconds)
