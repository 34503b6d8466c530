"""The demo's client ends with the demo, and leaves nothing to say."""

import asyncio
import gc
from typing import Any

from exporter.cli.demo_traffic import trigger


def test_a_client_that_waits_for_an_answer_ends_without_a_word():
    messages: list[dict[str, Any]] = []

    async def end_while_it_waits() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: messages.append(context))
        requested, ended = asyncio.Event(), asyncio.Event()

        async def never_answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            requested.set()
            await ended.wait()
            writer.close()

        server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = asyncio.ensure_future(trigger(f"http://127.0.0.1:{port}/api/v1", "hxtw_demo", ["a-project"]))
        await requested.wait()
        client.cancel()
        await asyncio.wait([client])
        assert asyncio.all_tasks() == {asyncio.current_task()} | {
            task for task in asyncio.all_tasks() if "never_answer" in str(task.get_coro())
        }
        ended.set()
        server.close()
        await server.wait_closed()

    asyncio.run(end_while_it_waits())
    gc.collect()

    assert messages == []
