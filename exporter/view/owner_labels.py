"""How the owner of a project appears in a label: the address, a keyed hash of it, or nothing."""

import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

import structlog

from exporter.config import Labels

_log = structlog.get_logger()

_HASH_CHARACTERS = 12

OwnerLabel = Callable[[str | None], str]
"""From an address, or None, to the label value."""


def owner_label(labels: Labels) -> OwnerLabel:
    """How these settings show an owner. The key file is read here, once.

    A key that cannot be read, or is empty, shows no owner: an address is never shown in place of its hash.
    """
    if labels.owner == "email":
        return lambda owner: owner or ""
    key = _key(labels.hash_key_file) if labels.owner == "hash" else b""
    if not key:
        return lambda owner: ""
    return lambda owner: _hashed(key, owner) if owner else ""


def _hashed(key: bytes, owner: str) -> str:
    address = owner.encode("utf-8", "backslashreplace")
    return hmac.new(key, address, hashlib.sha256).hexdigest()[:_HASH_CHARACTERS]


def _key(path: str | None) -> bytes:
    try:
        key = Path(path).read_bytes().rstrip(b"\r\n") if path is not None else b""
    except OSError as error:
        _log.error("owners are not shown: the hash key cannot be read", file=path, reason=error.strerror)
        return b""
    if not key:
        _log.error("owners are not shown: the hash key is empty", file=path)
    return key
