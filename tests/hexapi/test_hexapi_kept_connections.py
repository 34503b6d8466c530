"""Kept connections that the other side closes as the next request arrives, over real sockets."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from exporter.hexapi import Answer, Exchanger, NoAnswer, whole_body

pytestmark = pytest.mark.integration

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"


class Closing:
    """Answers the first request of each connection; does with later ones what `later` says, None: closes.

    `requests` has the methods that arrived, with the number of the connection.
    """

    def __init__(self, later: bytes | None = None, *, first: bytes | None = OK) -> None:
        self.requests: list[tuple[str, int]] = []
        self.connections = 0
        self._first = first
        self._later = later

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number, answer = self.connections, self._first
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append((head.split()[0].decode(), number))
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
                answer = self._later
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def against(server: Closing, use: Callable[[Exchanger, str], Awaitable[None]]) -> None:
    async def main() -> None:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        async with asyncio.timeout(30), Exchanger() as http:
            await use(http, f"http://127.0.0.1:{port}/")
        listening.close()

    asyncio.run(main())


async def send(http: Exchanger, url: str, method: str = "GET", seconds: float = 10) -> Answer[bytes] | NoAnswer:
    return await http.exchange(
        http.request(method, url), partial(whole_body, limit_bytes=100), deadline_seconds=seconds
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_read_that_meets_a_closed_connection_is_sent_again_on_a_new_one(method: str) -> None:
    server = Closing(first=OK if method == "GET" else OK.removesuffix(b"ok"))

    async def use(http: Exchanger, url: str) -> None:
        answers = [await send(http, url, method) for _ in range(5)]
        assert [isinstance(answer, Answer) and answer.status for answer in answers] == [200] * 5

    against(server, use)


def test_no_module_is_looked_for_while_a_request_is_sent() -> None:
    """A library that imports on each request what is not installed has every folder of the path searched."""
    sought: list[str] = []

    class Seeking:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            sought.append(name)

    async def use(http: Exchanger, url: str) -> None:
        await send(http, url)
        sys.meta_path.insert(0, Seeking)  # type: ignore[arg-type]
        try:
            assert isinstance(await send(http, url), Answer)
        finally:
            sys.meta_path.remove(Seeking)  # type: ignore[arg-type]

    against(Closing(later=OK), use)
    assert not sought


def test_the_second_time_takes_no_other_kept_connection() -> None:
    """Several are closed at once when a server restarts."""
    server = Closing()

    async def use(http: Exchanger, url: str) -> None:
        await asyncio.gather(*(send(http, url) for _ in range(3)))
        before = server.connections
        assert isinstance(await send(http, url), Answer)
        assert server.connections == before + 1

    against(server, use)


def test_a_request_that_changes_something_is_never_sent_twice() -> None:
    server = Closing(first=CREATED)

    async def use(http: Exchanger, url: str) -> None:
        assert isinstance(await send(http, url, "POST"), Answer)
        found = await send(http, url, "POST")
        assert isinstance(found, NoAnswer)
        assert found.was_sent

    against(server, use)
    assert [method for method, _ in server.requests] == ["POST", "POST"]


def test_on_a_connection_of_its_own_a_read_is_sent_once() -> None:
    server = Closing(first=None)

    async def use(http: Exchanger, url: str) -> None:
        assert isinstance(await send(http, url), NoAnswer)

    against(server, use)
    assert server.requests == [("GET", 1)]


def test_it_is_sent_again_once_only() -> None:
    server = Closing()

    async def use(http: Exchanger, url: str) -> None:
        await send(http, url)
        server._first = None
        assert isinstance(await send(http, url), NoAnswer)

    against(server, use)
    assert server.requests == [("GET", 1), ("GET", 1), ("GET", 2)]


def test_an_answer_that_breaks_off_is_not_read_again() -> None:
    server = Closing(later=b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf")

    async def use(http: Exchanger, url: str) -> None:
        await send(http, url)
        # The deadline ends it: this server keeps the connection open.
        assert isinstance(await send(http, url, seconds=0.3), NoAnswer)

    against(server, use)
    assert server.requests == [("GET", 1), ("GET", 1)]


def test_both_times_share_one_deadline() -> None:
    server = Closing()

    async def use(http: Exchanger, url: str) -> None:
        await send(http, url)
        server._first = b""  # heard, and never answered
        assert await send(http, url, seconds=0.4) == NoAnswer("timeout", "no complete answer within 0.4 s")

    against(server, use)
    assert server.requests == [("GET", 1), ("GET", 1), ("GET", 2)]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_connection_nothing_was_sent(method: str) -> None:
    async def use() -> NoAnswer | Answer[bytes]:
        listening = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        listening.close()
        await listening.wait_closed()
        async with Exchanger() as http:
            return await send(http, f"http://127.0.0.1:{port}/", method)

    found = asyncio.run(use())

    assert isinstance(found, NoAnswer)
    assert not found.was_sent
