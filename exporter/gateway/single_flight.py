"""Single flight: one task for a key at a time, whose answer all share that need it meanwhile."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Generic, TypeVar

_Key = TypeVar("_Key")
_Answer = TypeVar("_Answer")


class SingleFlight(Generic[_Key, _Answer]):
    """Tasks by key, each carried through even where those who wait for it go. Used on one event loop."""

    def __init__(self) -> None:
        self._tasks: dict[_Key, asyncio.Task[_Answer]] = {}

    def __contains__(self, key: _Key) -> bool:
        return key in self._tasks

    def open_keys(self) -> frozenset[_Key]:
        """The keys of the tasks that are not done."""
        return frozenset(self._tasks)

    async def answer(self, key: _Key, begin: Callable[[], Coroutine[Any, Any, _Answer]]) -> _Answer:
        """The answer of the key's task, which is begun if there is none."""
        return await asyncio.shield(self.task(key, begin))

    def task(self, key: _Key, begin: Callable[[], Coroutine[Any, Any, _Answer]]) -> "asyncio.Task[_Answer]":
        """The key's task, which is begun if there is none."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.ensure_future(begin())
            task.add_done_callback(partial(self._forget, key))
        return task

    async def aclose(self) -> None:
        """End what is not done."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, key: _Key, task: "asyncio.Task[_Answer]") -> None:
        del self._tasks[key]
        if not task.cancelled():
            task.exception()  # it has been seen: whoever waited for it may be gone
