"""Hex as a client meets it: answers that a test chose, one project, and the truth of which runs were started."""

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

import httpx
from helpers.manual_clock import ManualClock

from exporter.client import AsyncHexClient

NOON = 1_795_392_000.0 + 12 * 3600
TOKEN = "hxtw_" + "ab" * 48


class Clock(ManualClock):
    """Moves when it is waited for, and lets other tasks go on meanwhile."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        await asyncio.sleep(0)


class HexOfStates:
    """Starts are answered by `starts` (None: 201), polls of each run by `states`, the last of which stays."""

    def __init__(self, states: Iterable[Any] = ("PENDING", "RUNNING", "COMPLETED")) -> None:
        self.clock = Clock(NOON)
        self.states = list(states)
        self.starts: list[Any] = []
        self.started: list[dict[str, Any]] = []
        self.cancelled: list[str] = []
        self.polls: dict[str, int] = {}
        self.published = "2026-11-01T00:00:00.000Z"
        self.most_active = 0
        self.end: str | None = None
        self.transport = httpx.MockTransport(self._answer)

    def client(self, **settings: Any) -> AsyncHexClient:
        return AsyncHexClient("http://hex.test/api/v1", TOKEN, transport=self.transport, clock=self.clock, **settings)

    @property
    def active(self) -> int:
        return sum(self._state(run_id, 0) in ("PENDING", "RUNNING") for run_id in self.polls)

    def _state(self, run_id: str, more: int) -> Any:
        return (
            self.states[min(self.polls[run_id] + more, len(self.states)) - 1]
            if self.polls[run_id] + more
            else "PENDING"
        )

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1/")
        if request.method == "POST":
            return self._start(request)
        if request.method == "DELETE":
            self.cancelled.append(path.rpartition("/")[2])
            return httpx.Response(204)
        if path.endswith("/runs") or path == "projects":
            return httpx.Response(404, json={"reason": "not here"})
        if "/runs/" not in path:
            return httpx.Response(200, json={"id": path.rpartition("/")[2], "lastPublishedAt": self.published})
        run_id = path.rpartition("/")[2]
        if run_id not in self.polls:
            return httpx.Response(404, json={"reason": "no such run"})
        state = self._state(run_id, 1)
        self.polls[run_id] += 1
        return _answered(
            state, lambda: httpx.Response(200, json={"runId": run_id, "status": state, "endTime": self.end})
        )

    def _start(self, request: httpx.Request) -> httpx.Response:
        def begin() -> httpx.Response:
            run_id = f"run-{len(self.started) + 1}"
            self.started.append(json.loads(request.content or b"{}"))
            self.polls[run_id] = 0
            self.most_active = max(self.most_active, self.active)
            return httpx.Response(201, json={"runId": run_id, "runUrl": f"https://hex.test/{run_id}"})

        answer = self.starts.pop(0) if self.starts else None
        if answer == "lost":  # Hex starts it, and its answer never comes
            begin()
            raise httpx.ReadError("the connection broke", request=request)
        return begin() if answer is None else _answered(answer, begin)


def _answered(answer: Any, otherwise: Callable[[], httpx.Response]) -> httpx.Response:
    """A number is a status, with a Retry-After where it means to come again."""
    if not isinstance(answer, int):
        return otherwise()
    headers = {"Retry-After": "7"} if answer in (409, 429, 503) else {}
    return httpx.Response(answer, headers=headers, json={"reason": f"answer {answer}"})
