"""The gateway's way to Hex: what each request leaves in the log."""

import asyncio

import httpx
import pytest
from gateway_world import ALICE, bearer, opened
from helpers.virtual import LoopClock, in_virtual_time
from structlog.testing import capture_logs

from exporter.hexapi import Exchanger


@pytest.mark.usefixtures("debug_logs")
def test_each_request_to_hex_leaves_one_line_at_debug_level_without_token_and_address() -> None:
    async def silent(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(1000)
        raise AssertionError("the deadline has passed long ago")

    async def story(clock: LoopClock) -> None:
        async with opened(clock) as world:
            answer = await world.client.get("/api/v1/users/me", headers=bearer(ALICE))
            assert answer.status_code == 200
            world.gateway._context.upstream._http = Exchanger(transport=httpx.MockTransport(silent))
            answer = await world.client.get("/api/v1/users/me", headers=bearer(ALICE))
            assert answer.status_code == 504

    with capture_logs() as logs:
        in_virtual_time(story)

    lines = [one for one in logs if one["event"] == "hex_request"]
    said = [(one["log_level"], one["code"], one["milliseconds"]) for one in lines]
    # The caller's rights may be read beside what it asks for.
    assert set(said[:-1]) == {("debug", "200", 0)}
    assert said[-1] == ("debug", "timeout", 60_000)
    assert all(one.keys() == {"event", "log_level", "endpoint", "code", "milliseconds"} for one in lines)
