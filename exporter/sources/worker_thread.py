"""Blocking work in a thread of its own, so that a driver that hangs blocks nothing else."""

import asyncio
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class WorkerThread(Generic[T]):
    """One call of `work` in a daemon thread, which neither the event loop nor the end of the process waits for.

    A thread of an executor would do both: its pool fills up with calls that hang, and the interpreter joins it.
    """

    def __init__(self, work: Callable[[], T], name: str) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[T] = self._loop.create_future()
        self._returned = threading.Event()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def is_running(self) -> bool:
        """Whether the call has not returned yet."""
        return not self._returned.is_set()

    async def result(self, deadline_seconds: float) -> T:
        """What the call returned or raised; TimeoutError when the time is up first, and the thread goes on."""
        async with asyncio.timeout(deadline_seconds):
            return await self._done

    def _run(self) -> None:
        try:
            result = self._work()
        except BaseException as error:
            raised = error  # the name `error` ends with this block, and the loop comes later
            self._settle(lambda: self._done.set_exception(raised))
        else:
            self._settle(lambda: self._done.set_result(result))

    def _settle(self, settle: Callable[[], None]) -> None:
        self._returned.set()
        try:
            self._loop.call_soon_threadsafe(lambda: None if self._done.done() else settle())
        except RuntimeError:
            return  # the loop was closed meanwhile: no one waits
