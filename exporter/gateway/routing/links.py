"""Links in Hex's answers: to the configured public address instead of to Hex, so that a client stays here."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from exporter.gateway.routing.headers import is_json

_NAMES = (b'"nextPage"', b'"previousPage"', b'"runStatusUrl"')
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRING_AFTER = re.compile(rb"\s*:\s*+(" + _STRING + rb")", re.DOTALL)


def moved(address: str, upstream_base: str, public_base: str) -> str:
    """The same address under the public base if it is under Hex's; any other as it is.

    Both bases end where the API's paths begin (`https://app.hex.tech/api/v1`), without a slash.
    """
    rest = address.removeprefix(upstream_base)
    is_under = address.startswith(upstream_base) and rest[:1] in {"", "/", "?", "#"}
    return public_base + rest if is_under else address


_REMEMBERED = 256
_REMEMBERED_BYTES = 8 * 1024
"""Bodies that were rewritten last are kept, 4 MB at most: each hit has the same as the one before."""


def rewrite(body: bytes, content_type: str | None, upstream_base: str, public_base: str) -> bytes:
    """The body with its links moved: the strings of `nextPage`, `previousPage` and `runStatusUrl`, bases as in `moved`.

    Every other byte stays as it is; so does a body that is no JSON.
    """
    if not is_json(content_type or "") or not any(name in body for name in _NAMES):
        return body
    rewriting = _rewritten_again if len(body) <= _REMEMBERED_BYTES else _rewritten
    return rewriting(body, upstream_base, public_base)


@lru_cache(_REMEMBERED)
def _rewritten_again(body: bytes, upstream_base: str, public_base: str) -> bytes:
    return _rewritten(body, upstream_base, public_base)


def _rewritten(body: bytes, upstream_base: str, public_base: str) -> bytes:
    try:
        msgspec.json.decode(body, type=msgspec.Raw)  # is read through, but nothing is made of it
        body.decode()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body

    pieces, done = [], 0
    for start, end in sorted(found for name in _NAMES for found in _strings_of(name, body)):
        address = json.loads(body[start:end])
        new = moved(address, upstream_base, public_base)
        if new != address:
            pieces += [body[done:start], json.dumps(new).encode()]
            done = end
    return b"".join([*pieces, body[done:]])


def _strings_of(name: bytes, body: bytes) -> Iterator[tuple[int, int]]:
    """Where the strings begin and end that have this name in a JSON text.

    A quote that no backslash stands before and a name follows begins a string: within one it would end it, and after
    one comes no name. So what lies between need not be read, which for long answers takes a second.
    """
    at = body.find(name)
    while at >= 0:
        after = at + len(name)
        found = _STRING_AFTER.match(body, after) if body[at - 1 : at] != b"\\" else None
        if found is not None:
            yield found.span(1)
        at = body.find(name, after)
