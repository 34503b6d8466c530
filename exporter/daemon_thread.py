"""Work in a thread of its own that the end of the process does not wait for."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Answer = TypeVar("Answer")


async def in_daemon_thread(name: str, work: Callable[[], Answer]) -> Answer:
    """What the work returns or raises."""
    done: Future[Answer] = Future()

    def do() -> None:
        try:
            answer = work()
        except BaseException as error:
            if not done.cancelled():
                done.set_exception(error)
        else:
            if not done.cancelled():
                done.set_result(answer)

    done.set_running_or_notify_cancel()
    threading.Thread(target=do, name=name, daemon=True).start()
    return await asyncio.wrap_future(done)
