"""The head and the body of an answer leave in one write, in their order, and nothing waits for more."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from exporter.web.gathered_writes import GatheredWrites


class Wire:
    """What a transport is given, in order."""

    def __init__(self) -> None:
        self.done: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.done.append(data)

    def close(self) -> None:
        self.done.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.done


def sent(story: Callable[[Any], None], *, loops: int = 0) -> list[bytes | str]:
    async def live() -> list[bytes | str]:
        wire: Any = Wire()
        story(GatheredWrites(wire, asyncio.get_running_loop()))
        for _ in range(loops):
            await asyncio.sleep(0)
        return list(wire.done)

    return asyncio.run(live())


def head_and_body(writes: Any) -> None:
    writes.write(b"head ")
    writes.write(b"body")
    writes.write(b"")


def test_what_is_written_in_a_row_leaves_in_one_write_once_the_loop_comes_round() -> None:
    assert sent(head_and_body) == []
    assert sent(head_and_body, loops=1) == [b"head body"]


def test_a_flush_sends_it_now_and_only_once() -> None:
    def story(writes: Any) -> None:
        head_and_body(writes)
        writes.flush()
        writes.flush()

    assert sent(story) == sent(story, loops=2) == [b"head body"]


@pytest.mark.parametrize("loops", [0, 2])
def test_what_was_written_is_sent_before_the_connection_is_closed(loops: int) -> None:
    def story(writes: Any) -> None:
        head_and_body(writes)
        writes.close()
        assert writes.is_closing()

    assert sent(story, loops=loops) == [b"head body", "closed"]


def test_a_long_answer_does_not_pile_up() -> None:
    def story(writes: Any) -> None:
        for _ in range(3):
            writes.write(b"x" * 50_000)

    found = sent(story)
    assert [len(one) for one in found] == [100_000]
    assert sum(len(one) for one in sent(story, loops=1)) == 150_000
