"""The state of what is behind an address: its ETag, else when it was last modified, else what it holds."""

import asyncio
import ssl
from collections.abc import Generator
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import NamedTuple
from urllib.parse import quote

import httpx

from exporter import __version__
from exporter.config import PROJECT_PLACEHOLDER, HttpSource
from exporter.hexapi import Secret, http_date_ms
from exporter.sources.credentials import Credential
from exporter.sources.digest import digest
from exporter.sources.failure_reasons import failure
from exporter.sources.probe import ProbeError

_MOST_REDIRECTS = 5
_SETTLED_MS = 2_000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# One encoding, since servers make another ETag for each, and the content itself rather than a packing of it.
_HEADERS = {"User-Agent": f"hex-exporter/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}


class _Authorization(httpx.Auth):
    """Puts the header on a request; as an object, so that no header with it stands in a variable here."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = self._secret.reveal()
        yield request


class _ReadEarly(NamedTuple):
    """A state told by the content, for validators that were too young to tell it; `is_settled`: read again since."""

    validators: str
    state: str
    is_settled: bool


class HttpProbe:
    """Asks one address, within one deadline for everything. For use in one event loop.

    Redirects are followed a few times, to the same scheme, host and port alone: another host would see the
    authorization, and would be somebody else's data. No reason names the address, which may hold a secret.
    """

    def __init__(
        self,
        source: HttpSource,
        project_id: str,
        authorization: Credential | None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._source = source
        self._project_id = project_id
        self._authorization = authorization
        self._transport = transport
        self._seen: tuple[httpx.URL, str, str] | None = None
        self._read_early: _ReadEarly | None = None

    @property
    def is_stuck(self) -> bool:
        """Never: a question that is given up is over."""
        return False

    async def state(self) -> str:
        """The digest of the first of ETag, Last-Modified and content that the server gives; raises ProbeError."""
        address = self._source.url.replace(PROJECT_PLACEHOLDER, _segment(self._project_id))
        secret = None if self._authorization is None else self._authorization.read()
        try:
            async with asyncio.timeout(self._source.deadline_seconds), self._client() as client:
                return await self._ask(client, httpx.URL(address), None if secret is None else _Authorization(secret))
        except TimeoutError:
            reason = f"no complete answer within {self._source.deadline_seconds:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            reason = failure(error, _secrets(address, secret))
        raise ProbeError(reason)

    async def aclose(self) -> None:
        """Nothing is held between questions."""

    def _client(self) -> httpx.AsyncClient:
        # One for each question: minutes lie between them, and a server drops an idle connection.
        return httpx.AsyncClient(
            headers=_HEADERS,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=None,  # noqa: S113 - one deadline spans everything, which httpx cannot express
            follow_redirects=False,
            trust_env=False,
            verify=_certificates(),
            transport=self._transport,
        )

    async def _ask(self, client: httpx.AsyncClient, first: httpx.URL, auth: httpx.Auth | None) -> str:
        url = first
        for _ in range(_MOST_REDIRECTS + 1):
            known = self._seen if self._seen is not None and self._seen[0] == url else None
            headers = {} if known is None else {"If-None-Match": known[1]}
            response = await client.send(client.build_request("GET", url, headers=headers), auth=auth, stream=True)
            try:
                if response.status_code in _REDIRECTS:
                    url = _next(first, url, response.headers.get("Location", ""))
                    continue
                if response.status_code == HTTPStatus.NOT_MODIFIED and known is not None:
                    return known[2]
                return await self._read(response, url)
            finally:
                await response.aclose()
        raise ProbeError(f"more than {_MOST_REDIRECTS} redirects")

    async def _read(self, response: httpx.Response, url: httpx.URL) -> str:
        if response.status_code != HTTPStatus.OK:
            raise ProbeError(f"the answer was {response.status_code}, expected 200")
        etag = response.headers.get("ETag", "").strip()
        if etag:
            # A weak tag names the same content as the strong one; an ETag means nothing beyond its address.
            state = digest("etag", str(url), etag.removeprefix("W/"))
            self._seen = (url, etag, state)
            return state
        self._seen = None
        modified = response.headers.get("Last-Modified", "").strip()
        if not modified:
            return await self._content(response)
        validators = digest("modified", str(url), modified, response.headers.get("Content-Length", ""))
        return await self._dated(response, validators, _is_settled(modified, response.headers.get("Date", "")))

    async def _dated(self, response: httpx.Response, validators: str, is_settled: bool) -> str:
        """The state by when it was modified; by the content, if it was first seen within the second of the change.

        Another change may come in that second and leave the time as it is. What was read then is read once more when
        the second is over, and stays the name of the state.
        """
        read = self._read_early if self._read_early is not None and self._read_early.validators == validators else None
        if read is None and is_settled:
            return validators
        if read is None or not read.is_settled:
            read = _ReadEarly(validators, await self._content(response), is_settled)
            self._read_early = read
        return read.state

    async def _content(self, response: httpx.Response) -> str:
        limit = self._source.body_limit_bytes
        sum_of_content, size = sha256(), 0
        async for piece in response.aiter_raw():
            size += len(piece)
            if size > limit:
                raise ProbeError(f"a body of more than {limit} bytes, and neither an ETag nor a time tells its state")
            sum_of_content.update(piece)
        return digest("content", sum_of_content.hexdigest())


def _secrets(address: str, authorization: Secret | None) -> list[str]:
    """What no reason may hold: in a variable of the caller, a crash report would."""
    written = "" if authorization is None else authorization.reveal()
    return [address, written, *written.split()]


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust, read once: it takes longer than most probes."""
    return httpx.create_ssl_context(trust_env=False)


def _segment(project_id: str) -> str:
    """The id as one part of a path: nothing in it leads anywhere else."""
    quoted = quote(project_id, safe="")
    if not quoted.strip("."):
        raise ProbeError("found a project id that cannot stand in an address")
    return quoted


def _is_settled(modified: str, date: str) -> bool:
    """Whether a change after this answer would have another time; a server that tells no time is believed."""
    modified_ms, date_ms = http_date_ms(modified), http_date_ms(date)
    return modified_ms is None or date_ms is None or date_ms - modified_ms >= _SETTLED_MS


def _next(first: httpx.URL, url: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads; raises ProbeError unless it stays with the server."""
    if not location:
        raise ProbeError("a redirect that leads nowhere")
    target = url.join(location)
    if _origin(target) != _origin(first) or target.userinfo:
        raise ProbeError("a redirect to another host, which is not followed")
    return target.copy_with(fragment=None)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
