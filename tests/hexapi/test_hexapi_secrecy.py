"""The token appears in no object's text, no error and no log, whatever the server does."""

import asyncio
import logging
import random
import traceback
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from exporter.errors import ApiError
from exporter.hexapi import ApiRequest, Endpoint, Exchange, HexClient, Pace, TokenSource

TOKEN = "a-token-without-any-known-prefix-7c1f"


def echo(request: httpx.Request) -> httpx.Response:
    token = request.headers["Authorization"]
    return httpx.Response(401, json={"reason": f"wrong: {token}", "traceId": TOKEN}, headers={"X-Trace-Id": TOKEN})


def echo_text(request: httpx.Request) -> httpx.Response:
    return httpx.Response(400, text=request.headers["Authorization"])


def echo_in_item(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"values": [TOKEN, {"id": f"{TOKEN} "}, {"id": None}]})


def echo_in_json_that_breaks(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text=f'{{"values": "{TOKEN}')


def echo_in_error(request: httpx.Request) -> httpx.Response:
    raise httpx.LocalProtocolError(f"Illegal header value {TOKEN!r}", request=request)


def out_of_time(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout(TOKEN, request=request)


@pytest.mark.parametrize(
    "serve",
    [echo, echo_text, echo_in_item, echo_in_json_that_breaks, echo_in_error, out_of_time],
    ids=lambda serve: serve.__name__,
)
def test_nothing_shows_the_token(serve: Any, manual_clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    shown: list[str] = []
    exchanges: list[Exchange] = []

    async def fetch() -> None:
        pace = Pace(per_minute=9, per_hour=9, share=1, clock=manual_clock, rng=random.Random(1))
        client = HexClient(
            base_url="https://app.hex.tech/api/v1",
            token=TokenSource(value=TOKEN),
            pace=pace,
            clock=manual_clock,
            observe=exchanges.append,
            transport=httpx.MockTransport(serve),
        )
        try:
            page = await client.fetch(ApiRequest(Endpoint.PROJECTS))
            shown.extend([repr(page), str(page.bad)])
        except ApiError as error:
            report = traceback.TracebackException.from_exception(error, capture_locals=True)
            shown.extend([str(error), repr(error), repr(vars(error)), repr(error.__context__), repr(error.__cause__)])
            shown.extend(line for line in report.format() if "test_hexapi" not in line and "/respx/" not in line)
        shown.extend([repr(client), repr(vars(client)), repr(pace), repr(exchanges)])
        await client.aclose()

    with caplog.at_level(logging.DEBUG), capture_logs() as logs:
        asyncio.run(fetch())

    shown.extend([caplog.text, repr(logs)])
    assert len(exchanges) >= 1
    assert not [text for text in shown if TOKEN in text]
