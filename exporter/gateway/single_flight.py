"""Single flight: one task for a key at a time, whose answer all share that need it meanwhile."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Generic, TypeVar

_Key = TypeVar("_Key")
_Answer = TypeVar("_Answer")


def _never(task: "asyncio.Task[Any]") -> bool:
    """The default: every task is carried through."""
    return False


class SingleFlight(Generic[_Key, _Answer]):
    """Tasks by key, each carried through even where those who wait for it go. Used on one event loop.

    Where `may_abandon` allows it for a task it is cancelled with the last that waits for it.
    """

    def __init__(self, may_abandon: Callable[["asyncio.Task[Any]"], bool] = _never) -> None:
        self._may_abandon = may_abandon
        self._tasks: dict[_Key, asyncio.Task[_Answer]] = {}
        self._waiting: Counter[_Key] = Counter()

    def __contains__(self, key: _Key) -> bool:
        return key in self._tasks

    def open_keys(self) -> frozenset[_Key]:
        """The keys of the tasks that are not done."""
        return frozenset(self._tasks)

    async def answer(self, key: _Key, begin: Callable[[], Coroutine[Any, Any, _Answer]]) -> _Answer:
        """The answer of the key's task, which is begun if there is none."""
        with self.waiting(key, begin) as task:
            return await asyncio.shield(task)

    @contextmanager
    def waiting(
        self, key: _Key, begin: Callable[[], Coroutine[Any, Any, _Answer]]
    ) -> "Iterator[asyncio.Task[_Answer]]":
        """The key's task, begun if there is none, to wait for within the block."""
        task = self.task(key, begin)
        self._waiting[key] += 1
        try:
            yield task
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key]
                if not task.done() and self._may_abandon(task):
                    task.cancel()

    def task(self, key: _Key, begin: Callable[[], Coroutine[Any, Any, _Answer]]) -> "asyncio.Task[_Answer]":
        """The key's task, which is begun if there is none."""
        task = self._tasks.get(key)
        if task is None or task.cancelling():
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
        if self._tasks.get(key) is task:
            del self._tasks[key]
        if not task.cancelled():
            task.exception()  # it has been seen: whoever waited for it may be gone
