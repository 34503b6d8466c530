"""Which of the ready-made bodies a scraper accepts, by its `Accept` and `Accept-Encoding` headers.

https://prometheus.io/docs/instrumenting/content_negotiation/ and RFC 9110, section 12.5.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

HEADER_LIMIT = 4096
"""Characters of a header that are worth reading; a longer one is taken as absent."""

TEXT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = b"application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"
"""Formats from 1.0.0 on must name an escaping scheme; every name served is a classic one, which all schemes keep."""

_QVALUE = re.compile(r"(?:0(?:\.[0-9]{0,9})?|1(?:\.0{0,9})?)\Z", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z", re.ASCII)


class Negotiated(NamedTuple):
    """The body to send: OpenMetrics 1.0.0 or text 0.0.4, gzip or plain."""

    openmetrics: bool
    gzip: bool

    @property
    def content_type(self) -> bytes:
        """The value of `Content-Type` that goes with it."""
        return OPENMETRICS_TYPE if self.openmetrics else TEXT_TYPE


@lru_cache(maxsize=64)
def negotiate(accept: str | None, accept_encoding: str | None) -> Negotiated:
    """The best body for these headers (None: absent); text 0.0.4, plain, where they name nothing that is served."""
    return Negotiated(_wants_openmetrics(accept), _wants_gzip(accept_encoding))


class _Part(NamedTuple):
    name: str
    parameters: dict[str, str]
    quality: float


def _parts(header: str | None) -> Iterator[_Part]:
    """The well-formed parts of a header, in its order, names in lower case."""
    if header is None or len(header) > HEADER_LIMIT:
        return
    for text in header.split(","):
        name, *rest = (piece.strip(" \t") for piece in text.split(";"))
        parameters = {}
        for piece in rest:
            key, equals, value = piece.partition("=")
            parameters[key.strip(" \t").lower()] = value.strip(' \t"') if equals else ""
        quality = parameters.pop("q", "1")
        if _QVALUE.match(quality) and all(_TOKEN.match(token) for token in name.split("/")):
            yield _Part(name.lower(), parameters, float(quality))


class _Claim(NamedTuple):
    """How strongly a header prefers one format: by quality, then by how exactly it was named, then by its place."""

    quality: float
    exactness: int
    place: int


_NO_CLAIM = _Claim(0.0, 0, 0)


def _wants_openmetrics(accept: str | None) -> bool:
    text = openmetrics = _NO_CLAIM
    for place, part in enumerate(_parts(accept)):
        version = part.parameters.get("version")
        if part.name == "application/openmetrics-text" and version in (None, "1.0.0"):
            openmetrics = _better(openmetrics, _Claim(part.quality, 3 + (version is not None), -place))
        elif part.name == "text/plain" and version in (None, "0.0.4"):
            text = _better(text, _Claim(part.quality, 3 + (version is not None), -place))
        elif part.name == "application/*":
            openmetrics = _better(openmetrics, _Claim(part.quality, 2, -place))
        elif part.name == "text/*":
            text = _better(text, _Claim(part.quality, 2, -place))
        elif part.name == "*/*":
            openmetrics = _better(openmetrics, _Claim(part.quality, 1, -place))
            text = _better(text, _Claim(part.quality, 1, -place))
    return openmetrics.quality > 0 and openmetrics > text


def _better(known: _Claim, other: _Claim) -> _Claim:
    """The more exact of two claims on one format; of two as exact ones the stronger."""
    return max(known, other, key=lambda claim: (claim.exactness, claim.quality, claim.place))


def _wants_gzip(accept_encoding: str | None) -> bool:
    qualities: dict[str, float] = {}
    for part in _parts(accept_encoding):
        name = "gzip" if part.name == "x-gzip" else part.name
        qualities[name] = max(part.quality, qualities.get(name, 0.0))
    gzip = qualities.get("gzip", qualities.get("*", 0.0))
    return gzip > 0 and gzip >= qualities.get("identity", 0.0)
