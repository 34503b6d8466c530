"""Two calls of Hex's API, by way of a gateway: start a run, and how is it?"""

import asyncio
import ssl
from collections.abc import AsyncIterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, cast
from urllib.parse import quote

import httpx

from exporter import __version__
from exporter.client.destination import Destination
from exporter.errors import ApiError, BadAnswerError, ConfigError, ConfigProblem, UnavailableError
from exporter.hexapi import BodyError, fault, mapping, parse_json, read_body, retry_after_seconds, safe

OUTCOME_HEADER = "X-Hex-Exporter-Cache"

_BODY_LIMIT_BYTES = 1024 * 1024
_CONNECT_SECONDS = 10.0


class LaterError(ApiError):
    """A 429, or a 503 that says when to come again; `seconds` is how long it says to wait, None if it does not say."""

    def __init__(self, refusal: ApiError, seconds: float | None) -> None:
        super().__init__(refusal.endpoint, refusal.reason, status=refusal.status, trace_id=refusal.trace_id)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Reply:
    """A good answer: its JSON object, and what the gateway says it did, empty if it is none."""

    fields: Mapping[str, object] = field(repr=False)
    outcome: str

    def text(self, name: str) -> str:
        """A text in it, empty if it has none of that name."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""


class RunApi:
    """Asks one gateway, or Hex itself. Redirects are never followed, cookies never kept, proxies not used."""

    def __init__(self, destination: Destination, *, certificates: str | None = None) -> None:
        """`certificates` is a file of authorities to trust instead of the usual ones."""
        self._url = destination.url
        self._token = destination.token
        self._http = httpx.AsyncClient(
            headers={"User-Agent": f"hex-exporter/{__version__}", "Accept": "application/json"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS),
            verify=_trust(certificates) if certificates else True,
            follow_redirects=False,
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def start(
        self, project_id: str, body: Mapping[str, Any], headers: Mapping[str, str], seconds: float
    ) -> Reply:
        """Ask for a run, and wait so long for the answer. Never asks twice.

        Raises an ApiError: LaterError for one that says when to come again, UnavailableError where there is none.
        """
        path = f"/api/v1/projects/{quote(project_id, safe='')}/runs"
        request = self._http.build_request("POST", self._url + path, json=body, headers=dict(headers))
        return await self._send(request, "run_project", (200, 201), seconds)

    async def status(self, project_id: str, run_id: str, seconds: float) -> Reply:
        """How a run is. Raises as `start` does."""
        path = f"/api/v1/projects/{quote(project_id, safe='')}/runs/{quote(run_id, safe='')}"
        return await self._send(self._http.build_request("GET", self._url + path), "run_status", (200,), seconds)

    async def _send(self, request: httpx.Request, endpoint: str, good: tuple[int, ...], seconds: float) -> Reply:
        secret = self._token.read()
        request.headers["Accept-Encoding"] = "gzip"
        request.headers["Authorization"] = f"Bearer {secret.reveal()}"
        try:
            async with asyncio.timeout(seconds):
                response = await self._http.send(request, stream=True)
                try:
                    body = await read_body(
                        cast(AsyncIterable[bytes], response.stream),
                        encoding=response.headers.get("Content-Encoding", ""),
                        limit_bytes=_BODY_LIMIT_BYTES,
                    )
                finally:
                    await response.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            said = safe(str(error), secret) or f"no connection within {_CONNECT_SECONDS:.0f} s"
            reason = f"{self._url} cannot be reached ({said}); is that the gateway's address, and does it run?"
            raise UnavailableError(endpoint, reason) from None
        except TimeoutError:
            raise UnavailableError(endpoint, f"no answer within {seconds:.0f} s") from None
        except (httpx.HTTPError, OSError) as error:
            raise UnavailableError(endpoint, safe(f"{type(error).__name__}: {error}", secret)) from None
        except BodyError as error:
            raise BadAnswerError(endpoint, str(error)) from None

        if response.status_code not in good:
            refusal = fault(endpoint, response.status_code, body, response.headers.get("X-Trace-Id"), secret)
            told = retry_after_seconds(response.headers.get("Retry-After"), response.headers, 0.0)
            if response.status_code == HTTPStatus.TOO_MANY_REQUESTS or (
                response.status_code == HTTPStatus.SERVICE_UNAVAILABLE and told is not None
            ):
                raise LaterError(refusal, told)
            raise refusal
        try:
            fields = mapping(parse_json(body.replace(secret.reveal().encode(), b"***")))
        except ValueError:
            raise BadAnswerError(endpoint, "no JSON", status=response.status_code) from None
        return Reply(fields, safe(response.headers.get(OUTCOME_HEADER, ""), secret).lower())


def _trust(certificates: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=certificates)
    except (OSError, ssl.SSLError) as error:
        problem = f"cannot be read as certificates ({error.strerror or error})"
        raise ConfigError(ConfigProblem(certificates, problem)) from None
