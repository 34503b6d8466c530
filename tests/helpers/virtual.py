"""Virtual time: an event loop whose clock jumps to the next timer instead of waiting, so that an hour takes a second.

Nothing in it may wait for a socket or a thread: work for threads is done at once, in the loop's own.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Found = TypeVar("Found")

_START = 1_795_392_000.0  # Monday, 23 November 2026, 00:00 UTC


class VirtualLoop(asyncio.SelectorEventLoop):
    """Goes to the next timer at once whenever nothing is left to do."""

    def __init__(self) -> None:
        super().__init__()
        self._elapsed = 0.0
        selector = self._selector
        select = selector.select

        def jump(timeout: float | None = None) -> list[Any]:
            if timeout is None:
                raise RuntimeError("everything waits for something that never comes")
            self._elapsed += max(0.0, timeout)
            return select(0)

        selector.select = jump

    def skip(self, seconds: float) -> None:
        """Let time pass in one go: what was due meanwhile is done once, late."""
        self._elapsed += seconds

    def time(self) -> float:
        return 1_000.0 + self._elapsed

    def run_in_executor(self, executor: object, work: Callable[..., Any], *arguments: object) -> asyncio.Future[Any]:
        done = self.create_future()
        try:
            done.set_result(work(*arguments))
        except Exception as error:
            done.set_exception(error)
        return done


class LoopClock:
    """The clock of a virtual loop; `step` moves the wall alone, as a corrected machine clock does."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._began = loop.time()
        self._stepped = 0.0

    def now(self) -> float:
        return _START + self.monotonic() - self._began + self._stepped

    def monotonic(self) -> float:
        return self._loop.time()

    def step(self, seconds: float) -> None:
        self._stepped += seconds

    async def skip(self, seconds: float) -> None:
        """Let time pass as for a machine that sleeps: a day is no longer than a minute then."""
        self._loop.skip(seconds)
        await asyncio.sleep(1)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


def in_virtual_time(live: Callable[[LoopClock], Coroutine[Any, Any, Found]]) -> Found:
    """What `live` returns, having lived by a clock that no one waits for."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(live(LoopClock(loop)))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
