"""Which headers go on, in either direction: those that are between the caller and Hex, not those of one connection.

Headers are ASGI's: pairs of bytes, in order.
"""

import re
from collections.abc import Collection, Iterable

from exporter.gateway.upstream.reply import RawHeaders

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"http2-settings",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_FRAMING = frozenset({b"content-length"})  # computed anew from the body that is sent
_NOT_UPSTREAM = frozenset(
    {
        b"accept-encoding",  # the gateway reads the answer itself, in what it can decode
        b"cookie",
        b"expect",  # the server has answered it
        b"forwarded",
        b"host",
        b"via",
        # Read by servers and frameworks in place of the request line or of the peer's address.
        b"cf-connecting-ip",
        b"client-ip",
        b"true-client-ip",
        b"x-client-ip",
        b"x-cluster-client-ip",
        b"x-host",
        b"x-http-host-override",
        b"x-http-method",
        b"x-http-method-override",
        b"x-method-override",
        b"x-original-host",
        b"x-original-method",
        b"x-original-uri",
        b"x-original-url",
        b"x-real-ip",
        b"x-rewrite-url",
    }
)
_NOT_TO_CALLER = frozenset(
    {
        b"content-encoding",  # the gateway has decoded the body
        b"date",  # the server writes its own
        b"set-cookie",
        b"set-cookie2",
        # What Hex says about its own host, and not about this one.
        b"alt-svc",
        b"clear-site-data",
        b"nel",
        b"public-key-pins",
        b"report-to",
        b"reporting-endpoints",
        b"strict-transport-security",
    }
)
_JSON_TYPE = re.compile(r"application/([\w.+-]+\+)?json\Z", re.IGNORECASE)
_OURS = b"x-hex-exporter-"
_AUTHORIZATION = b"authorization"


class HeaderError(Exception):
    """The headers can be read in more than one way; the message is a sentence for the caller."""


def authorization(headers: RawHeaders) -> bytes | None:
    """The value of `Authorization`, None if there is none.

    Raises HeaderError for more than one: the caller that was checked must be the one that Hex sees.
    """
    values = [value for name, value in headers if name.lower() == _AUTHORIZATION]
    if len(values) > 1:
        raise HeaderError(f"found {len(values)} Authorization headers; send one")
    return values[0] if values else None


def is_json(content_type: str) -> bool:
    """Whether the value of a `Content-Type` header is JSON, whatever its parameters."""
    return _JSON_TYPE.match(content_type.partition(";")[0].strip()) is not None


def to_upstream(headers: RawHeaders, *, without: Collection[str] = ()) -> list[tuple[bytes, bytes]]:
    """The headers that a request goes on with, names in lower case; `without` names more that stay behind.

    Raises HeaderError as `authorization` does.
    """
    given = list(headers)
    authorization(given)
    dropped = _HOP_BY_HOP | _FRAMING | _NOT_UPSTREAM | _named_in_connection(given)
    dropped |= {name.lower().encode("latin-1") for name in without}
    return [(name, value) for name, value in _lower(given) if name not in dropped and not _is_forwarding(name)]


def to_caller(headers: RawHeaders) -> list[tuple[bytes, bytes]]:
    """The headers that an answer goes back with, names in lower case; `Location` is still Hex's."""
    given = list(headers)
    dropped = _HOP_BY_HOP | _FRAMING | _NOT_TO_CALLER | _named_in_connection(given)
    return [(name, value) for name, value in _lower(given) if name not in dropped and not name.startswith(_OURS)]


def _lower(headers: RawHeaders) -> Iterable[tuple[bytes, bytes]]:
    return ((name.lower(), value) for name, value in headers)


def _named_in_connection(headers: RawHeaders) -> frozenset[bytes]:
    """The headers that belong to this connection only. Authorization cannot be made one of them."""
    values = [value for name, value in headers if name.lower() == b"connection"]
    named = {word.strip().lower() for value in values for word in value.split(b",")}
    return frozenset(named - {_AUTHORIZATION, b"content-type"})


def _is_forwarding(name: bytes) -> bool:
    # An underscore reads as a hyphen where headers become variables (CGI, WSGI).
    return name.replace(b"_", b"-").startswith((b"x-forwarded", _OURS))
