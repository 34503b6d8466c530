"""Links in Hex's answers: to the configured public address instead of to Hex, so that a client stays here."""

import json
import re

import msgspec

_NAMES = ("nextPage", "previousPage", "runStatusUrl")
_NAMES_AS_WRITTEN = tuple(f'"{name}"'.encode() for name in _NAMES)
_JSON_TYPE = re.compile(r"\s*application/([\w.+-]+\+)?json\s*(;|\Z)", re.IGNORECASE)
_STRING = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_STRING_OR_PAIR = re.compile(rb"(" + _STRING + rb")(?:(\s*:\s*)(" + _STRING + rb"))?", re.DOTALL)


def moved(address: str, upstream_base: str, public_base: str) -> str:
    """The same address under the public base if it is under Hex's; any other as it is.

    Both bases end where the API's paths begin (`https://app.hex.tech/api/v1`), without a slash.
    """
    rest = address.removeprefix(upstream_base)
    is_under = address.startswith(upstream_base) and rest[:1] in {"", "/", "?", "#"}
    return public_base + rest if is_under else address


def rewrite(body: bytes, content_type: str | None, upstream_base: str, public_base: str) -> bytes:
    """The body with its links moved: the strings of `nextPage`, `previousPage` and `runStatusUrl`, bases as in `moved`.

    Every other byte stays as it is; so does a body that is no JSON.
    """
    if not _JSON_TYPE.match(content_type or "") or not any(name in body for name in _NAMES_AS_WRITTEN):
        return body
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body

    def replaced(found: re.Match[bytes]) -> bytes:
        name, between, value = found.groups()
        if value is None or name not in _NAMES_AS_WRITTEN:
            return found[0]
        address = json.loads(value)
        new = moved(address, upstream_base, public_base)
        return found[0] if new == address else name + between + json.dumps(new).encode()

    return _STRING_OR_PAIR.sub(replaced, body)
