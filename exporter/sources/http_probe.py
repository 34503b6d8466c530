"""The state of the data at a URL: its ETag, else when it was last modified, else a hash of its content."""

import asyncio
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import quote

import httpx

from exporter.config import PROJECT_PLACEHOLDER, HttpSource
from exporter.hexapi import Authorization, Exchanger, NoAnswer, Secret, bounded_pieces, http_date_ms
from exporter.sources.credentials import Credential
from exporter.sources.digest import digest
from exporter.sources.probe import ProbeError

_MOST_REDIRECTS = 5
_SETTLED_MS = 2_000
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# One encoding, since servers make another ETag for each, and the content itself rather than a packing of it.
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity"}


class _ReadEarly(NamedTuple):
    """A state by the content, for validators that were too young to show it; `is_settled`: it was read again since."""

    validators: str
    state: str
    is_settled: bool


class HttpProbe:
    """Reads one address, within one deadline for everything. For use in one event loop.

    Redirects are followed a few times, only to the same scheme, host and port: another host would see the
    authorization, and its data would be another source. No reason names the address, which may hold a secret.
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
    def stamp(self) -> None:
        """None: only the state itself is shown."""
        return None

    @property
    def is_stuck(self) -> bool:
        """Never: an exchange that is given up is over."""
        return False

    async def state(self) -> str:
        """The digest of the first of ETag, Last-Modified and content that the server gives; raises ProbeError."""
        address = Secret(self._source.url.replace(PROJECT_PLACEHOLDER, _segment(self._project_id)))
        secret = None if self._authorization is None else self._authorization.read()
        # One for each state: minutes lie between them, and a server drops an idle connection.
        async with Exchanger(
            headers=_HEADERS, route=self._source, setting="http.url", transport=self._transport
        ) as http:
            return await self._state(http, address, secret)

    async def aclose(self) -> None:
        """Nothing is held between two states."""

    async def _state(self, http: Exchanger, address: Secret, secret: Secret | None) -> str:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + self._source.deadline_seconds
        first = url = _url(address)
        for _ in range(_MOST_REDIRECTS + 1):
            known = self._seen if self._seen is not None and self._seen[0] == url else None
            answer = await http.exchange(
                http.request("GET", url, headers={} if known is None else {"If-None-Match": known[1]}),
                partial(self._read, url=url),
                deadline_seconds=give_up_at - loop.time(),
                authorization=None if secret is None else Authorization(secret),
                secrets=_secrets(address, secret),
            )
            if isinstance(answer, NoAnswer):
                raise ProbeError(self._reason(answer))
            if answer.status in _REDIRECTS:
                url = _next(first, url, answer.headers.get("Location", ""))
                continue
            if answer.status == HTTPStatus.NOT_MODIFIED and known is not None:
                return known[2]
            if answer.flaw is not None:
                raise ProbeError(f"{answer.flaw}, and neither an ETag nor a time shows its state")
            if answer.body is None:
                raise ProbeError(f"the answer was {answer.status}, expected 200")
            return answer.body
        raise ProbeError(f"more than {_MOST_REDIRECTS} redirects")

    def _reason(self, answer: NoAnswer) -> str:
        if answer.code == "timeout":
            return f"no complete answer within {self._source.deadline_seconds:g} s"
        return answer.reason

    async def _read(self, response: httpx.Response, url: httpx.URL) -> str | None:
        """The state by the head of a 200, and by its body where that is needed; None for any other answer."""
        if response.status_code != HTTPStatus.OK:
            return None
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
        content = sha256()
        async for piece in bounded_pieces(response, self._source.body_limit_bytes, decodes=False):
            content.update(piece)
        return digest("content", content.hexdigest())


def _secrets(address: Secret, authorization: Secret | None) -> list[Secret]:
    """What no reason may hold beside the authorization as a whole: the address and each word of the authorization."""
    words = [] if authorization is None else [Secret(word) for word in authorization.reveal().split()]
    return [address, *words]


def _url(address: Secret) -> httpx.URL:
    try:
        return httpx.URL(address.reveal())
    except (httpx.InvalidURL, ValueError):
        reason = "found an address that cannot be read, expected one such as https://data.example/orders.csv"
    raise ProbeError(reason)


def _segment(project_id: str) -> str:
    """The id as one part of a path: nothing in it leads anywhere else."""
    quoted = quote(project_id, safe="")
    if not quoted.strip("."):
        raise ProbeError("found a project id that cannot stand in an address")
    return quoted


def _is_settled(modified: str, date: str) -> bool:
    """Whether a change after this answer would have a later time; a server without a clock is believed."""
    modified_ms, date_ms = http_date_ms(modified), http_date_ms(date)
    return modified_ms is None or date_ms is None or date_ms - modified_ms >= _SETTLED_MS


def _next(first: httpx.URL, url: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads; raises ProbeError unless it stays with the server."""
    if not location:
        raise ProbeError("a redirect that leads nowhere")
    try:
        target = url.join(location)
    except (httpx.InvalidURL, ValueError):
        target = httpx.URL()
    if _origin(target) != _origin(first) or target.userinfo:
        raise ProbeError("a redirect to another host, which is not followed")
    return target.copy_with(fragment=None)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
