"""The client of Hex's API: requests, retries without a flag, reports and errors."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from helpers.client_door import BASE, GROUPS, NO_GROUPS, PROJECTS, TOKEN, Door
from structlog.testing import capture_logs

from exporter import __version__
from exporter.errors import (
    ApiError,
    BadAnswerError,
    RateLimitedError,
    RefusedError,
    UnauthorizedError,
    UnavailableError,
)
from exporter.facts import Group, Project
from exporter.hexapi import Exchange, HexClient, Page, TokenSource


@pytest.fixture
def door(manual_clock: Any) -> Door:
    return Door(manual_clock)


@pytest.fixture
def hex_api() -> Iterator[respx.MockRouter]:
    with respx.mock(base_url=BASE, assert_all_called=True) as router:
        yield router


class TestRequest:
    def test_it_says_who_sends_it_and_with_which_token(self, door: Door, hex_api: respx.MockRouter) -> None:
        route = hex_api.get("/groups", params={"limit": "500"}).respond(json=NO_GROUPS)
        door.fetch(GROUPS)

        (request,) = [call.request for call in route.calls]
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        assert request.headers["User-Agent"] == f"hex-exporter/{__version__}"
        assert request.headers["Accept-Encoding"] == "gzip"

    def test_a_changed_token_file_counts_from_the_next_request(
        self, manual_clock: Any, hex_api: respx.MockRouter, tmp_path: Path
    ) -> None:
        file = tmp_path / "token"
        file.write_text("hxtw_first\n")
        route = hex_api.get("/groups").respond(json=NO_GROUPS)

        async def twice(client: HexClient) -> None:
            await client.fetch(GROUPS)
            file.write_text("hxtw_following\n")
            await client.fetch(GROUPS)

        Door(manual_clock, token=TokenSource(file)).run(twice)

        sent = [call.request.headers["Authorization"] for call in route.calls]
        assert sent == ["Bearer hxtw_first", "Bearer hxtw_following"]

    def test_without_a_usable_token_nothing_is_sent(self, manual_clock: Any, tmp_path: Path) -> None:
        door = Door(manual_clock, token=TokenSource(tmp_path / "none"))

        with respx.mock(base_url=BASE), pytest.raises(UnauthorizedError, match="No such file"):
            door.fetch(GROUPS)
        assert door.exchanges == []

    def test_cookies_are_not_kept(self, door: Door, hex_api: respx.MockRouter) -> None:
        route = hex_api.get("/groups").respond(json=NO_GROUPS, headers={"Set-Cookie": "session=1; Path=/"})
        door.fetch(GROUPS, GROUPS)

        assert ["cookie" in call.request.headers for call in route.calls] == [False, False]

    def test_proxies_of_the_environment_are_ignored(
        self, door: Door, hex_api: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        hex_api.get("/groups").respond(json=NO_GROUPS)

        assert len(door.fetch(GROUPS)) == 1

    def test_each_waits_for_its_turn(self, door: Door, hex_api: respx.MockRouter) -> None:
        hex_api.get("/groups").respond(json=NO_GROUPS)
        door.fetch(*[GROUPS] * 31)

        assert door.exchanges[30].sent_ms - door.exchanges[0].sent_ms == 60_000


class TestLog:
    @pytest.mark.usefixtures("debug_logs")
    def test_each_request_leaves_one_line_at_debug_level(self, manual_clock: Any, hex_api: respx.MockRouter) -> None:
        hex_api.get("/groups").mock(side_effect=[httpx.Response(200, json=NO_GROUPS), httpx.ConnectError("down")])
        door = Door(manual_clock, workspace="acme")

        with capture_logs() as logs:
            door.fetch(GROUPS)
            with pytest.raises(UnavailableError):
                door.fetch(GROUPS)

        line = {"event": "hex_request", "log_level": "debug", "workspace": "acme", "endpoint": "groups"}
        assert logs == [line | {"code": "200", "milliseconds": 0}, line | {"code": "error", "milliseconds": 0}]


class TestPage:
    def test_an_answer_becomes_a_page_with_both_clocks(self, door: Door, hex_api: respx.MockRouter) -> None:
        answer = {"values": [{"id": "g-1", "name": "analysts"}], "pagination": {"after": "next"}}
        hex_api.get("/groups").respond(json=answer, headers={"Date": "Tue, 24 Nov 2026 12:00:00 GMT"})

        (page,) = door.fetch(GROUPS)

        assert page == Page(
            request=GROUPS,
            items=(Group(group_id="g-1", name="analysts"),),
            after="next",
            has_more=True,
            sent_ms=int(door.clock.now() * 1000),
            server_ms=1_795_521_600_000,
        )
        assert door.exchanges == [Exchange("groups", "200", 0.0, page.sent_ms)]
        assert type(door.exchanges[0].endpoint) is str

    def test_gzip_is_unfolded(self, door: Door, hex_api: respx.MockRouter) -> None:
        folded = gzip.compress(json.dumps({"values": [{"id": "g-1"}]}).encode())
        hex_api.get("/groups").respond(content=folded, headers={"Content-Encoding": "gzip"})

        assert len(door.fetch(GROUPS)[0].items) == 1

    def test_it_works_over_an_asgi_application(self, manual_clock: Any) -> None:
        async def application(scope: Any, receive: Any, send: Any) -> None:
            body = json.dumps({"values": [{"id": scope["query_string"].decode()}]}).encode()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": body})

        door = Door(manual_clock, transport=httpx.ASGITransport(application), base_url="http://hex.test/api/v1/")

        assert door.fetch(GROUPS)[0].only(Group)[0].group_id == "limit=500"


class TestUnlisted:
    def test_the_flag_is_sent_while_the_server_takes_it(self, door: Door, hex_api: respx.MockRouter) -> None:
        route = hex_api.get("/projects", params={"includeUnlisted": "true"}).respond(json={"values": [{"id": "p-1"}]})
        pages = door.fetch(PROJECTS, PROJECTS)

        assert [page.only(Project)[0].project_id for page in pages] == ["p-1", "p-1"]
        assert route.call_count == 2

    @pytest.mark.parametrize("status", [400, 422])
    def test_a_server_that_does_not_know_it_is_sent_it_once(
        self, door: Door, hex_api: respx.MockRouter, status: int
    ) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(status if "includeUnlisted" in request.url.params else 200, json={"values": []})

        hex_api.get("/projects").mock(side_effect=answer)
        with capture_logs() as logs:
            door.fetch(PROJECTS, PROJECTS)

        assert door.codes == [str(status), "200", "200"]
        assert [one["log_level"] for one in logs if one["event"] != "hex_request"] == ["warning"]

    def test_a_refusal_that_has_another_cause_teaches_nothing(self, door: Door, hex_api: respx.MockRouter) -> None:
        route = hex_api.get("/projects").respond(400, json={"reason": "no"})

        async def twice(client: HexClient) -> None:
            for _ in range(2):
                with pytest.raises(RefusedError):
                    await client.fetch(PROJECTS)

        door.run(twice)

        flags = ["includeUnlisted" in call.request.url.params for call in route.calls]
        assert flags == [True, False, False, True, False, False]

    def test_once_taken_a_refusal_is_not_the_flags_fault(self, door: Door, hex_api: respx.MockRouter) -> None:
        hex_api.get("/projects").mock(side_effect=[httpx.Response(200, json={"values": []}), httpx.Response(400)])

        with pytest.raises(RefusedError):
            door.fetch(PROJECTS, PROJECTS)
        assert door.codes == ["200", "400"]

    def test_a_403_is_not_sent_again(self, door: Door, hex_api: respx.MockRouter) -> None:
        hex_api.get("/projects").respond(403)

        with pytest.raises(RefusedError):
            door.fetch(PROJECTS)
        assert door.codes == ["403"]


class TestErrors:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (204, BadAnswerError),
            (205, BadAnswerError),
            (301, BadAnswerError),
            (307, BadAnswerError),
            (400, RefusedError),
            (401, UnauthorizedError),
            (403, RefusedError),
            (404, RefusedError),
            (422, RefusedError),
            (429, RateLimitedError),
            (500, UnavailableError),
            (503, UnavailableError),
        ],
    )
    def test_each_status_has_its_error_and_is_counted(
        self, door: Door, hex_api: respx.MockRouter, status: int, kind: type[ApiError]
    ) -> None:
        route = hex_api.get("/groups").respond(status, headers={"Location": f"{BASE}/users"})

        with pytest.raises(kind) as caught:
            door.fetch(GROUPS)
        assert (caught.value.endpoint, caught.value.status) == ("groups", status)
        assert door.codes == [str(status)]
        assert route.call_count == 1

    def test_a_bare_401_from_the_edge(self, door: Door, hex_api: respx.MockRouter) -> None:
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"', "X-Trace-Id": "t-9"}
        hex_api.get("/groups").respond(401, text="Unauthorized", headers=headers)

        with pytest.raises(UnauthorizedError) as caught:
            door.fetch(GROUPS)
        assert str(caught.value) == "groups: 401 Unauthorized (trace t-9)"

    @pytest.mark.parametrize(
        ("error", "code", "message"),
        [
            (
                httpx.ConnectError("All connection attempts failed"),
                "error",
                "ConnectError: All connection attempts failed",
            ),
            (httpx.RemoteProtocolError("cut\r\noff"), "error", "RemoteProtocolError: cut off"),
            (httpx.ReadError(""), "error", "ReadError"),
            (OSError("broken"), "error", "OSError: broken"),
            (httpx.ReadTimeout("slow"), "timeout", "no complete answer within 30 s"),
            (TimeoutError(), "timeout", "no complete answer within 30 s"),
        ],
        ids=repr,
    )
    def test_no_answer_is_counted_and_unavailable(
        self, door: Door, hex_api: respx.MockRouter, error: Exception, code: str, message: str
    ) -> None:
        hex_api.get("/groups").mock(side_effect=error)

        with pytest.raises(UnavailableError) as caught:
            door.fetch(GROUPS)
        assert str(caught.value) == f"groups: {message}"
        assert door.codes == [code]

    def test_an_answer_beyond_the_limit(self, manual_clock: Any, hex_api: respx.MockRouter) -> None:
        hex_api.get("/groups").respond(text="x" * 1001)
        door = Door(manual_clock, body_limit_bytes=1000)

        with pytest.raises(BadAnswerError, match="a body of more than 1000 bytes"):
            door.fetch(GROUPS)
        assert door.codes == ["200"]

    def test_a_refusal_beyond_the_limit_keeps_its_meaning(self, door: Door, hex_api: respx.MockRouter) -> None:
        hex_api.get("/groups").respond(403, text="x" * 100_000)

        with pytest.raises(RefusedError, match=r"^groups: 403 Forbidden$"):
            door.fetch(GROUPS)


class TestRateLimit:
    def test_a_429_cools_everything_down(self, door: Door, hex_api: respx.MockRouter) -> None:
        hex_api.get("/groups").respond(429, headers={"Retry-After": "120"})

        with pytest.raises(RateLimitedError):
            door.fetch(GROUPS)
        assert door.pace.wait_seconds() == 120
        assert door.cool_downs == [int((door.clock.now() + 120) * 1000)]
        assert door.codes == ["429"]

    def test_the_next_request_leaves_after_it(self, door: Door, hex_api: respx.MockRouter) -> None:
        hex_api.get("/groups").mock(
            side_effect=[httpx.Response(429, headers={"Retry-After": "120"}), httpx.Response(200, json=NO_GROUPS)]
        )

        async def twice(client: HexClient) -> None:
            with pytest.raises(RateLimitedError):
                await client.fetch(GROUPS)
            await client.fetch(GROUPS)

        door.run(twice)

        assert door.exchanges[1].sent_ms - door.exchanges[0].sent_ms == 120_000

    def test_the_cool_down_holds_even_if_it_cannot_be_reported(
        self, manual_clock: Any, hex_api: respx.MockRouter
    ) -> None:
        hex_api.get("/groups").respond(429, headers={"Retry-After": "120"})
        door = Door(manual_clock)

        def full(_: Exchange) -> None:
            raise OSError("no space left")

        async def once() -> None:
            client = HexClient(
                base_url=BASE, token=TokenSource(value=TOKEN), pace=door.pace, clock=manual_clock, observe=full
            )
            with pytest.raises(OSError, match="no space left"):
                await client.fetch(GROUPS)
            await client.aclose()

        asyncio.run(once())
        assert door.pace.wait_seconds() == 120

    def test_headers_of_a_good_answer_hold_too(self, door: Door, hex_api: respx.MockRouter) -> None:
        hex_api.get("/groups").respond(
            json=NO_GROUPS, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "17"}
        )
        door.fetch(GROUPS)

        assert door.pace.wait_seconds() == 17
