"""How far one request came on its way: whether it can have left, and whether it may be sent once more."""

import socket
import ssl
from collections.abc import Mapping
from typing import Any

import httpx

from exporter.hexapi.routed_transport import RouteError

_NEVER_SENT = (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol)
_ENDS_OF_CONNECTIONS = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
_SAFE = frozenset({"GET", "HEAD"})
_LASTING = (socket.gaierror, ssl.SSLCertVerificationError, RouteError)


class Sending:
    """Follows one request by what the connections report of it, its CONNECT to a proxy apart.

    Before the first report, and with a transport that has no connections, the kind of error says what it can.
    """

    def __init__(self, request: httpx.Request) -> None:
        self._method = request.method
        self._is_followed = False
        self._has_connected = False
        self._has_left = False
        request.extensions["trace"] = self._note

    def can_have_left(self, error: Exception | None = None) -> bool:
        """Whether the other side can have received a part of the request; `error` is what ended it, if any did."""
        return self._has_left if self._is_followed else not isinstance(error, _NEVER_SENT)

    def may_be_repeated(self, error: httpx.TransportError) -> bool:
        """Whether sending it again, at once and on a new connection, is safe and can help."""
        if not self._is_followed:
            return False
        if not self._has_left:
            return isinstance(error, httpx.ConnectError) and not _is_lasting(error)
        return self._method in _SAFE and not self._has_connected and isinstance(error, _ENDS_OF_CONNECTIONS)

    async def _note(self, event: str, details: Mapping[str, Any]) -> None:
        self._is_followed = True
        if event == "connection.connect_tcp.started":
            self._has_connected = True
        elif event == "http11.send_request_headers.started":
            self._has_left = self._has_left or details["request"].method != b"CONNECT"


def _is_lasting(error: BaseException | None) -> bool:
    """Whether a name or a certificate is the cause: the next moment brings no other answer."""
    while error is not None:
        if isinstance(error, _LASTING):
            return True
        error = error.__cause__ or error.__context__
    return False
