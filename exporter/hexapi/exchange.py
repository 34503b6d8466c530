"""One bounded HTTP exchange: a deadline for the whole, a limit on the body, no redirects, no cookies.

Everything in this program that sends a request over HTTP sends it here.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

import httpx

from exporter import __version__
from exporter.config import Route
from exporter.hexapi.bounded_body import BodyError, bounded
from exporter.hexapi.connection_errors import reason_of
from exporter.hexapi.routed_transport import FRESH, RoutedTransport
from exporter.hexapi.sending import Sending
from exporter.hexapi.token import Secret
from exporter.redaction import redact

Body = TypeVar("Body")
BodyReader = Callable[[httpx.Response], Awaitable[Body]]
"""Reads as much of an answer's body as the caller needs, once its head has arrived."""

_WITHOUT_BODY = frozenset({204, 304})
_LONGEST_REASON = 300  # a host, what is wrong with it, and what to try


@dataclass(frozen=True, slots=True)
class Answer(Generic[Body]):
    """An answer to the last byte that was wanted; `flaw` says why its body could not be read, None: it was."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: Body | None = field(repr=False)
    flaw: str | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there is no complete answer.

    `code` is `timeout` past the deadline, else `error`, as in `hex_api_requests_total`; `reason` is safe to log;
    `was_sent` says whether the other side can have received the request.
    """

    code: str
    reason: str
    was_sent: bool = True


class Authorization:
    """Puts a secret on a request; as an object, so that no header with it stands in a variable."""

    def __init__(self, secret: Secret, scheme: str = "") -> None:
        self.secret = secret
        self._prefix = f"{scheme} " if scheme else ""

    def put_on(self, request: httpx.Request) -> None:
        """Have the request sent with it."""
        request.headers["Authorization"] = self._prefix + self.secret.reveal()


class Exchanger:
    """Sends requests over connections that it keeps. For use in one event loop, by any number of its tasks.

    `route` says through which proxy they go and whom they trust; by default directly, whatever the environment says.
    `setting` is what holds the address, for reasons. `connect_seconds` bounds the time to a connection beside each
    exchange's own deadline.
    """

    def __init__(
        self,
        *,
        headers: Mapping[str, str] | None = None,
        limits: httpx.Limits | None = None,
        connect_seconds: float | None = None,
        route: Route | None = None,
        setting: str = "base_url",
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._connect_seconds = connect_seconds
        self._route = route or Route()
        self._setting = setting
        # One deadline spans the whole exchange, which httpx cannot express.
        self._timeout = httpx.Timeout(None, connect=connect_seconds).as_dict()
        self._transport = transport or RoutedTransport(self._route, limits or httpx.Limits())
        # It only makes requests: what else it does to each one takes longer than all that is done here.
        self._maker = httpx.AsyncClient(
            headers={"User-Agent": f"hex-exporter/{__version__}", **(headers or {})},
            trust_env=False,
            transport=self._transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._maker.aclose()

    def request(self, method: str, url: httpx.URL | str, **more: Any) -> httpx.Request:
        """A request with the headers of this exchanger; `more` as httpx takes it: headers, params, json, content."""
        return self._maker.build_request(method, url, **more)

    async def exchange(
        self,
        request: httpx.Request,
        read: BodyReader[Body],
        *,
        deadline_seconds: float,
        authorization: Authorization | None = None,
        secrets: Iterable[Secret] = (),
    ) -> Answer[Body] | NoAnswer:
        """Send the request and read the answer with `read`, within the deadline.

        It is sent once more, on a new connection, where a kept one was closed before it brought the head of an answer
        to a GET or HEAD, and where no connection was made, so that nothing can have been sent.

        What goes wrong is returned, so that no error keeps the request and its secrets alive; the authorization and
        other `secrets` are masked in the reason. Raises only what `read` raises.
        """
        sending = Sending(request)
        try:
            async with asyncio.timeout(deadline_seconds):
                if authorization is not None:
                    authorization.put_on(request)
                response = await self._head(request, sending)
                try:
                    return Answer(response.status_code, response.headers, await read(response))
                except BodyError as error:
                    return Answer(response.status_code, response.headers, None, str(error))
                finally:
                    await response.aclose()
        except (httpx.ConnectTimeout, httpx.PoolTimeout):
            seconds = self._connect_seconds or deadline_seconds
            return NoAnswer("timeout", f"no connection within {seconds:g} s", was_sent=False)
        except (TimeoutError, httpx.TimeoutException):
            missing = "complete answer" if sending.can_have_left() else "connection"
            reason = f"no {missing} within {deadline_seconds:g} s"
            return NoAnswer("timeout", reason, was_sent=sending.can_have_left())
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            hidden = [*secrets, *([] if authorization is None else [authorization.secret])]
            said = reason_of(error, request.url, self._route, self._setting)
            reason = redact(said, (one.reveal() for one in hidden), longest=_LONGEST_REASON)
            return NoAnswer("error", reason, was_sent=sending.can_have_left(error))

    async def _head(self, request: httpx.Request, sending: Sending) -> httpx.Response:
        """The answer up to its body."""
        request.extensions["timeout"] = self._timeout
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            if not sending.may_be_repeated(error):
                raise
            request.extensions[FRESH] = True
            response = await self._transport.handle_async_request(request)
        response.request = request
        return response


async def whole_body(response: httpx.Response, limit_bytes: int, secrets: Iterable[Secret] = ()) -> bytes:
    """The whole body, unfolded to `limit_bytes` at most, with the secrets in it masked."""
    body = b"".join([piece async for piece in bounded_pieces(response, limit_bytes)])
    # A server that sends a token back must not bring it into facts, errors or crash reports.
    for secret in secrets:
        body = body.replace(secret.reveal().encode(), str(secret).encode())
    return body


def bounded_pieces(response: httpx.Response, limit_bytes: int, *, decodes: bool = True) -> AsyncIterator[bytes]:
    """The body piece by piece, at most `limit_bytes` of it; what is wrong with it becomes the answer's flaw.

    `decodes`: gzip is unfolded and any other encoding refused, else the bytes are as they were sent.
    """
    has_body = response.request.method != "HEAD" and response.status_code not in _WITHOUT_BODY
    encoding = response.headers.get("Content-Encoding", "") if decodes and has_body else ""
    # The stream below httpx's own decoders: those unfold a piece whole, whatever it unfolds to.
    return bounded(cast(AsyncIterable[bytes], response.stream), encoding=encoding, limit_bytes=limit_bytes)
