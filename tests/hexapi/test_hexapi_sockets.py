"""The client against servers that misbehave, over real sockets."""

import asyncio
import gzip
import random
import struct
from collections.abc import Awaitable, Callable
from socket import SO_LINGER, SOL_SOCKET

import pytest

from exporter.clock import SystemClock
from exporter.errors import ApiError, BadAnswerError, UnavailableError
from exporter.hexapi import ApiRequest, Endpoint, Exchange, HexClient, Pace, Page, TokenSource

pytestmark = pytest.mark.integration

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

DEADLINE_SECONDS = 0.4
GROUPS = ApiRequest(Endpoint.GROUPS)


def client_of(port: int, exchanges: list[Exchange], **settings: float) -> HexClient:
    clock = SystemClock()
    return HexClient(
        base_url=f"http://127.0.0.1:{port}/api/v1",
        token=TokenSource(value="hxtw_test"),
        pace=Pace(per_minute=600, per_hour=6000, share=1, clock=clock, rng=random.Random(1)),
        clock=clock,
        observe=exchanges.append,
        body_limit_bytes=1_000_000,
        **{"deadline_seconds": DEADLINE_SECONDS, **settings},  # type: ignore[arg-type]
    )


async def with_server(serve: Serve, use: Callable[[int], Awaitable[None]]) -> None:
    """Run `use` with the port of a server whose connections `serve` answers, then close them all."""
    open_writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_writers.append(writer)
        try:
            await reader.readuntil(b"\r\n\r\n")
            await serve(reader, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        await use(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in open_writers:
            writer.transport.abort()


def outcome(serve: Serve, request: ApiRequest = GROUPS, **settings: float) -> tuple[Page | ApiError, list[Exchange]]:
    """What one request to such a server gives, and what was reported."""
    exchanges: list[Exchange] = []
    found: list[Page | ApiError] = []

    async def use(port: int) -> None:
        client = client_of(port, exchanges, **settings)
        try:
            # A client that misses its own deadline must fail this test, not hang it.
            async with asyncio.timeout(60):
                found.append(await client.fetch(request))
        except ApiError as error:
            found.append(error)
        finally:
            await client.aclose()

    asyncio.run(with_server(serve, use))
    return found[0], exchanges


def head(status: str = "200 OK", **headers: object) -> bytes:
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    return f"HTTP/1.1 {status}\r\nConnection: close\r\n{''.join(lines)}\r\n".encode()


async def forever() -> None:
    await asyncio.Event().wait()


async def drip_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(head(Content_Length=10_000))
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_head(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silence(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await forever()


async def stall_in_refusal(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(head("403 Forbidden", Content_Length=100) + b"half a rea")
    await forever()


async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def half_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(head(Content_Length=100) + b'{"values": [')


async def half_chunk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(head(Transfer_Encoding="chunked") + b'50\r\n{"values": [')


async def nothing(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    return


async def another_protocol(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 smtp.acme.example ESMTP\r\n")


async def bad_gzip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(head(Content_Encoding="gzip", Content_Length=9) + b"not gzip!")


async def gzip_bomb(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    writer.write(head(Content_Encoding="gzip", Content_Length=len(bomb)) + bomb)


async def endless_body(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(head())
    while True:
        writer.write(b" " * 65536)
        await writer.drain()


async def html(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    page = b"<!DOCTYPE html><title>Sign in</title>"
    writer.write(head(Content_Type="text/html", Content_Length=len(page)) + page)


async def no_content(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(head("204 No Content"))


async def right(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    body = gzip.compress(b'{"values": [{"id": "g-1"}]}')
    writer.write(head(Content_Encoding="gzip", Content_Length=len(body)) + body)


@pytest.mark.parametrize("serve", [drip_body, drip_head, silence, stall_in_refusal], ids=lambda serve: serve.__name__)
def test_what_takes_too_long_ends_at_the_deadline(serve: Serve) -> None:
    found, exchanges = outcome(serve)

    assert isinstance(found, UnavailableError)
    assert str(found) == "groups: no complete answer within 0.4 s"
    assert [exchange.code for exchange in exchanges] == ["timeout"]
    assert exchanges[0].seconds >= DEADLINE_SECONDS


@pytest.mark.parametrize(
    "serve", [reset, half_body, half_chunk, nothing, another_protocol], ids=lambda serve: serve.__name__
)
def test_a_broken_connection_is_unavailable(serve: Serve) -> None:
    found, exchanges = outcome(serve, deadline_seconds=5)

    assert isinstance(found, UnavailableError)
    assert found.status is None
    assert [exchange.code for exchange in exchanges] == ["error"]


@pytest.mark.parametrize(
    ("serve", "code", "reason"),
    [
        (bad_gzip, "200", "a broken gzip body"),
        (gzip_bomb, "200", "a body of more than 1000000 bytes"),
        (endless_body, "200", "a body of more than 1000000 bytes"),
        (html, "200", "HTML instead of JSON; this answers, but it is not Hex's API"),
        (no_content, "204", "No Content"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_answer_that_is_none_is_bad(serve: Serve, code: str, reason: str) -> None:
    found, exchanges = outcome(serve, deadline_seconds=5)

    assert isinstance(found, BadAnswerError)
    assert found.reason.partition(": ")[0] == reason
    assert [exchange.code for exchange in exchanges] == [code]


def test_where_projects_were_listed_a_wrong_answer_about_one_says_nothing_of_the_address() -> None:
    found, _ = outcome(html, deadline_seconds=5, request=ApiRequest(Endpoint.EXPORT, "p", version="7"))

    assert isinstance(found, BadAnswerError)
    assert found.reason == "HTML instead of JSON"


def test_a_right_answer_is_a_page() -> None:
    found, exchanges = outcome(right, deadline_seconds=5)

    assert isinstance(found, Page)
    assert len(found.items) == 1
    assert [exchange.code for exchange in exchanges] == ["200"]


def test_nobody_listening_is_unavailable() -> None:
    exchanges: list[Exchange] = []

    async def use() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        client = client_of(port, exchanges, deadline_seconds=5)
        with pytest.raises(
            UnavailableError, match=r"127\.0\.0\.1:\d+ does not answer \(connection refused\): is base_url right"
        ):
            await client.fetch(GROUPS)
        await client.aclose()

    asyncio.run(use())
    assert [exchange.code for exchange in exchanges] == ["error"]


def test_a_shutdown_ends_an_exchange_at_once_and_counts_nothing() -> None:
    exchanges: list[Exchange] = []
    arrived = asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        arrived.set()
        await forever()

    async def use(port: int) -> None:
        client = client_of(port, exchanges, deadline_seconds=60)
        task = asyncio.create_task(client.fetch(GROUPS))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.aclose()

    asyncio.run(with_server(serve, use))
    assert exchanges == []


def test_after_a_bad_exchange_the_next_one_works() -> None:
    exchanges: list[Exchange] = []
    serves = iter([drip_body, bad_gzip, reset, right])

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(serves)(reader, writer)

    async def use(port: int) -> None:
        client = client_of(port, exchanges, deadline_seconds=1.5)
        for _ in range(3):
            with pytest.raises(ApiError):
                await client.fetch(GROUPS)
        assert len((await client.fetch(GROUPS)).items) == 1
        await client.aclose()

    asyncio.run(with_server(serve, use))
    assert [exchange.code for exchange in exchanges] == ["timeout", "200", "error", "200"]
