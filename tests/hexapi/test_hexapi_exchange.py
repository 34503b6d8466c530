"""The one bounded exchange: what every sender of this program gets from it."""

import asyncio
import gzip
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest

from exporter import __version__
from exporter.hexapi import Answer, Authorization, Exchanger, NoAnswer, Secret, whole_body

URL = "https://data.example/orders"
TOKEN = Secret("a-token-of-no-known-shape")

Serve = Callable[[httpx.Request], Any]


def exchange(serve: Serve, *, limit_bytes: int = 1000, method: str = "GET", seconds: float = 5, **more: Any) -> Any:
    async def once() -> Answer[bytes] | NoAnswer:
        async with Exchanger(transport=httpx.MockTransport(serve)) as http:
            return await http.exchange(
                http.request(method, URL),
                lambda response: whole_body(response, limit_bytes, [TOKEN]),
                deadline_seconds=seconds,
                **more,
            )

    return asyncio.run(once())


def test_an_answer_has_its_status_headers_and_unfolded_body() -> None:
    def serve(request: httpx.Request) -> httpx.Response:
        assert request.headers["User-Agent"] == f"hex-exporter/{__version__}"
        folded = gzip.compress(b"orders")
        return httpx.Response(
            418, headers={"Content-Encoding": "gzip", "X-Found": "1"}, stream=httpx.ByteStream(folded)
        )

    answer = exchange(serve)

    assert (answer.status, answer.headers["x-found"], answer.body, answer.flaw) == (418, "1", b"orders", None)


@pytest.mark.parametrize(
    ("headers", "body", "flaw"),
    [
        ({}, bytes(1001), "a body of more than 1000 bytes"),
        ({"Content-Encoding": "gzip"}, gzip.compress(bytes(1001), mtime=0), "a body of more than 1000 bytes"),
        ({"Content-Encoding": "gzip"}, b"no gzip", "a broken gzip body"),
        ({"Content-Encoding": "br"}, b"?", "a content encoding that was not requested"),
    ],
)
def test_a_body_that_cannot_be_read_leaves_the_status_and_a_flaw(headers: Any, body: bytes, flaw: str) -> None:
    answer = exchange(lambda _: httpx.Response(503, headers=headers, stream=httpx.ByteStream(body)))

    assert (answer.status, answer.body, answer.flaw) == (503, None, flaw)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_an_answer_without_a_body_may_name_any_encoding(method: str, status: int) -> None:
    empty = httpx.ByteStream(b"")

    answer = exchange(lambda _: httpx.Response(status, headers={"Content-Encoding": "br"}, stream=empty), method=method)

    assert (answer.status, answer.body, answer.flaw) == (status, b"", None)


@pytest.mark.parametrize(
    ("error", "code", "reason", "was_sent"),
    [
        (httpx.ConnectError("refused"), "error", "ConnectError: refused", False),
        (httpx.ConnectTimeout("slow"), "timeout", "no connection within 5 s", False),
        (httpx.PoolTimeout("full"), "timeout", "no connection within 5 s", False),
        (httpx.ReadTimeout("slow"), "timeout", "no complete answer within 5 s", True),
        (httpx.RemoteProtocolError("cut off"), "error", "RemoteProtocolError: cut off", True),
        (httpx.ReadError(""), "error", "ReadError", True),
        (OSError("broken"), "error", "OSError: broken", True),
    ],
    ids=repr,
)
def test_what_goes_wrong_is_returned_with_whether_the_request_was_sent(
    error: Exception, code: str, reason: str, was_sent: bool
) -> None:
    def serve(_: httpx.Request) -> httpx.Response:
        raise error

    assert exchange(serve) == NoAnswer(code, reason, was_sent)


def test_the_deadline_spans_the_body_too() -> None:
    class Drip(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            while True:
                yield b""
                await asyncio.sleep(0.01)

    answer = exchange(lambda _: httpx.Response(200, stream=Drip()), seconds=0.1)

    assert answer == NoAnswer("timeout", "no complete answer within 0.1 s")


def test_a_secret_that_comes_back_is_masked_in_the_body_and_in_the_reason() -> None:
    def echo(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=f"you sent {request.headers['Authorization']}")

    def complain(request: httpx.Request) -> httpx.Response:
        raise httpx.LocalProtocolError(f"illegal header {request.headers['Authorization']} for {request.url}")

    more = {"authorization": Authorization(TOKEN, "Bearer"), "secrets": [Secret(URL)]}

    assert exchange(echo, **more).body == b"you sent Bearer ***"
    assert exchange(complain, **more).reason == "LocalProtocolError: illegal header Bearer *** for ***"


def test_no_redirect_is_followed_and_no_cookie_kept() -> None:
    seen: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(302, headers={"Location": "https://elsewhere.example/", "Set-Cookie": "a=b"})

    async def twice() -> list[Any]:
        async with Exchanger(transport=httpx.MockTransport(serve)) as http:
            read = partial(whole_body, limit_bytes=10)
            return [await http.exchange(http.request("GET", URL), read, deadline_seconds=5) for _ in range(2)]

    assert [one.status for one in asyncio.run(twice())] == [302, 302]
    assert [(str(one.url), "cookie" in one.headers) for one in seen] == [(URL, False), (URL, False)]
