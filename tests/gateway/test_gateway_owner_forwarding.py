"""A gateway whose workspace another replica owns: requests go there once, as they came, and wait for a new owner."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from exporter.config import Route
from exporter.gateway import ClusterView, OwnerForwarding
from exporter.hexapi import TokenSource

RUNS = "/api/v1/projects/p/runs"
TOKEN = {"Authorization": "Bearer hxtw_a"}


class Replica:
    """A replica whose gateway answers with the request it got; `is_open` while it owns the workspace."""

    def __init__(self, secret: Path, wait_seconds: float = 5.0) -> None:
        self.is_open = False
        self.owner: Replica | None = None
        self.scopes: list[dict] = []
        self.bodies: list[bytes] = []
        self.breaks: list[Callable[[], None]] = []
        self.sent_keys: list[str | None] = []
        view = ClusterView(
            is_open=lambda: self.is_open,
            owner_address=lambda: None if self.owner is None else "http://owner:9892",
            secret=TokenSource(secret),
            wait_seconds=wait_seconds,
        )
        self.app = OwnerForwarding(self._gateway, view, route=Route(), transport=httpx.MockTransport(self._to_owner))

    async def ask(self, method: str = "GET", path: str = "/api/v1/projects", **more) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, client=("10.0.0.9", 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway.example") as client:
            return await client.request(method, path, headers={**TOKEN, **more.pop("headers", {})}, **more)

    async def _to_owner(self, request: httpx.Request) -> httpx.Response:
        assert self.owner is not None
        self.sent_keys.append(request.headers.get("idempotency-key"))
        if self.breaks:
            self.breaks.pop()()
            raise httpx.ReadError("the connection was closed", request=request)
        transport = httpx.ASGITransport(self.owner.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://owner:9892") as client:
            return await client.request(
                request.method, request.url, headers=request.headers.raw, content=request.content
            )

    async def _gateway(self, scope, receive, send) -> None:
        self.scopes.append(scope)
        self.bodies.append((await receive()).get("body", b""))
        headers = [(b"x-hex-exporter-cache", b"miss"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    def header(self, name: bytes) -> list[bytes]:
        """What the header was in each request that was answered here."""
        return [value for scope in self.scopes for key, value in scope["headers"] if key == name]


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("0123456789abcdef\n")
    return path


@pytest.fixture
def pair(secret: Path) -> tuple[Replica, Replica]:
    """A replica, and the owner."""
    first, second = Replica(secret), Replica(secret)
    first.owner, second.is_open = second, True
    return first, second


def test_a_request_goes_to_the_owner_as_it_came(pair):
    first, second = pair
    answer = asyncio.run(first.ask("POST", RUNS + "?a=b", content=b'{"x": 1}', headers={"X-Mine": "1"}))

    assert (answer.status_code, answer.headers["x-hex-exporter-cache"], answer.text) == (201, "miss", "{}")
    assert second.header(b"authorization") == [b"Bearer hxtw_a"]
    assert second.header(b"x-mine") == [b"1"]
    assert second.bodies == [b'{"x": 1}']
    (scope,) = second.scopes
    assert (scope["raw_path"], scope["query_string"]) == (RUNS.encode(), b"a=b")
    assert scope["client"][0] == "10.0.0.9"
    assert scope["server"][0] == "gateway.example"


def test_the_secret_and_the_origin_reach_no_one_beyond_the_owner(pair):
    first, second = pair
    asyncio.run(first.ask())

    assert not [name for scope in second.scopes for name, _ in scope["headers"] if name.startswith(b"x-hex-exporter")]


def test_an_owner_answers_itself(pair):
    _, second = pair
    assert asyncio.run(second.ask()).status_code == 201


def test_a_request_takes_one_hop(secret):
    first, second = Replica(secret, wait_seconds=0.1), Replica(secret)
    first.owner, second.owner = second, first
    answer = asyncio.run(first.ask())

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert not first.scopes + second.scopes


@pytest.mark.parametrize("sent", ["wrong", ""])
def test_a_stranger_with_another_secret_is_refused(pair, sent):
    _, second = pair
    answer = asyncio.run(second.ask(headers={"X-Hex-Exporter-Cluster": sent}))

    assert answer.status_code == 403
    assert not second.scopes


def test_a_replica_with_another_secret_does_not_say_that_the_caller_s_token_is_refused(secret, tmp_path):
    other = tmp_path / "other"
    other.write_text("fedcba9876543210\n")
    first, second = Replica(other), Replica(secret)
    first.owner, second.is_open = second, True
    answer = asyncio.run(first.ask())

    assert answer.status_code == 503
    assert "cluster.secret_file" in answer.text
    assert int(answer.headers["retry-after"]) == 60
    assert not [name for name in answer.headers if name.startswith("x-hex-exporter-not")]
    assert not second.scopes


def test_a_run_request_whose_owner_is_lost_is_repeated_with_the_same_key(pair, secret):
    first, lost = pair
    heir = Replica(secret)
    heir.is_open = True

    def fail_over() -> None:
        first.owner = heir

    first.breaks.append(fail_over)
    answer = asyncio.run(first.ask("POST", RUNS, content=b"{}"))

    assert answer.status_code == 201
    assert not lost.scopes
    assert len(first.sent_keys) == 2
    assert len(set(first.sent_keys)) == 1


def test_a_cancel_whose_owner_is_lost_is_not_repeated(pair):
    first, second = pair
    first.breaks.append(lambda: None)
    answer = asyncio.run(first.ask("DELETE", RUNS + "/r"))

    assert answer.status_code == 502
    assert not second.scopes


def test_without_an_owner_it_is_said_when_to_come_back(secret):
    alone = Replica(secret, wait_seconds=0.1)
    answer = asyncio.run(alone.ask())

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


def test_a_request_that_waits_is_answered_here_when_this_replica_becomes_the_owner(secret):
    async def scenario() -> tuple[httpx.Response, Replica]:
        heir = Replica(secret)
        asking = asyncio.ensure_future(heir.ask("POST", RUNS, content=b'{"x": 2}'))
        await asyncio.sleep(0)
        heir.is_open = True
        return await asking, heir

    answer, heir = asyncio.run(scenario())

    assert answer.status_code == 201
    assert heir.bodies == [b'{"x": 2}']
