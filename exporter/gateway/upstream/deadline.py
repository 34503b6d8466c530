"""Waiting with a deadline for whichever of several things comes first, by the clock that the whole process uses."""

import asyncio
from typing import Any

from exporter.clock import Clock


async def first_of(clock: Clock, seconds: float, *awaited: "asyncio.Future[Any]") -> bool:
    """Wait until one of the futures is done or so many seconds have passed; whether one is done.

    The futures go on, whatever happens to the waiting.
    """
    if any(one.done() for one in awaited):
        return True
    if seconds <= 0:
        return False
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({alarm, *awaited}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        alarm.cancel()
    return any(one.done() for one in awaited)
