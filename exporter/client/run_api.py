"""The calls of Hex's API that start a run and follow it, by way of a gateway or straight at Hex."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from exporter.client.destination import Destination
from exporter.errors import ApiError, BadAnswerError, UnavailableError
from exporter.hexapi import (
    Answer,
    Authorization,
    Exchanger,
    NoAnswer,
    Secret,
    api_error,
    mapping,
    parse_json,
    whole_body,
)
from exporter.redaction import redact

OUTCOME_HEADER = "X-Hex-Exporter-Cache"
REASON_HEADER = "X-Hex-Exporter-Reason"

_BODY_LIMIT_BYTES = 1024 * 1024
_CONNECT_SECONDS = 10.0  # a gateway is near: a wrong address shows soon, however long the run may take


class LaterError(ApiError):
    """A 429, or a 503 that says when to come again."""

    def __init__(self, refusal: ApiError) -> None:
        super().__init__(
            refusal.endpoint,
            refusal.reason,
            status=refusal.status,
            trace_id=refusal.trace_id,
            retry_after_seconds=refusal.retry_after_seconds,
        )


class UnreachableError(UnavailableError):
    """Nothing was sent: no connection could be made."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer: its JSON object, and what the gateway says it did and why, empty if it is none."""

    fields: Mapping[str, object] = field(repr=False)
    outcome: str
    reason: str = ""

    def text(self, name: str) -> str:
        """A text in it, empty if it has none of that name."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


class RunApi:
    """Sends requests to one gateway, or to Hex itself."""

    def __init__(
        self,
        destination: Destination,
        *,
        setting: str = "--gateway",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = destination.url
        self._token = destination.token
        self._http = Exchanger(
            headers={"Accept": "application/json", "Accept-Encoding": "gzip"},
            connect_seconds=_CONNECT_SECONDS,
            route=destination.route,
            setting=setting,
            transport=transport,
        )
        self._setting = setting

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def start(
        self, project_id: str, body: Mapping[str, Any], headers: Mapping[str, str], seconds: float
    ) -> Reply:
        """Request a run, and wait so long for the answer. Never sends it twice.

        Raises an ApiError: LaterError for one that says when to come again, UnavailableError where there is none.
        """
        path = f"/api/v1/projects/{quote(project_id, safe='')}/runs"
        request = self._http.request("POST", self._url + path, json=body, headers=dict(headers))
        return await self._send(request, "run_project", (200, 201), seconds)

    async def status(self, project_id: str, run_id: str, seconds: float) -> Reply:
        """The status of a run. Raises as `start` does."""
        path = f"/api/v1/projects/{quote(project_id, safe='')}/runs/{quote(run_id, safe='')}"
        return await self._send(self._http.request("GET", self._url + path), "run_status", (200,), seconds)

    async def cancel(self, project_id: str, run_id: str, seconds: float) -> None:
        """Have Hex end a run. Raises as `start` does."""
        path = f"/api/v1/projects/{quote(project_id, safe='')}/runs/{quote(run_id, safe='')}"
        request = self._http.request("DELETE", self._url + path)
        await self._send(request, "cancel_run", (200, 202, 204), seconds)

    async def read(self, path: str, params: Mapping[str, Any], seconds: float) -> Reply:
        """What Hex answers to a read of this path below `/api/v1/`. Raises as `start` does."""
        request = self._http.request("GET", f"{self._url}/api/v1/{path}", params=dict(params))
        return await self._send(request, path.partition("/")[0], (200,), seconds)

    async def _send(self, request: httpx.Request, endpoint: str, good: tuple[int, ...], seconds: float) -> Reply:
        secret = self._token.read()
        answer = await self._http.exchange(
            request,
            lambda response: whole_body(response, _BODY_LIMIT_BYTES, [secret]),
            deadline_seconds=seconds,
            authorization=Authorization(secret, "Bearer"),
        )
        if isinstance(answer, NoAnswer):
            kind = UnavailableError if answer.was_sent else UnreachableError
            raise kind(endpoint, self._reason(answer, seconds))
        if answer.body is None:
            raise BadAnswerError(endpoint, answer.flaw or "no body")
        if answer.status not in good:
            raise _refusal(endpoint, answer, answer.body, secret)
        if not answer.body:
            return Reply({}, "")
        try:
            fields = mapping(parse_json(answer.body))
        except ValueError:
            raise BadAnswerError(endpoint, "no JSON", status=answer.status) from None
        outcome, reason = (
            redact(answer.headers.get(name, ""), [secret.reveal()]) for name in (OUTCOME_HEADER, REASON_HEADER)
        )
        return Reply(fields, outcome.lower(), reason)

    def _reason(self, answer: NoAnswer, seconds: float) -> str:
        if not answer.was_sent:
            whose = "the gateway's" if self._setting == "--gateway" else "Hex's or a gateway's"
            return f"{self._url} cannot be reached ({answer.reason}); is that {whose} address, and does it run?"
        return f"no answer within {seconds:.0f} s" if answer.code == "timeout" else answer.reason


def _refusal(endpoint: str, answer: Answer[bytes], body: bytes, secret: Secret) -> ApiError:
    # A run is waited for where the server's own clock is: `now` matters only for a date without a `Date`.
    refusal = api_error(endpoint, answer.status, body, answer.headers, secret, 0.0)
    is_later = answer.status == HTTPStatus.TOO_MANY_REQUESTS or (
        answer.status == HTTPStatus.SERVICE_UNAVAILABLE and refusal.retry_after_seconds is not None
    )
    return LaterError(refusal) if is_later else refusal
