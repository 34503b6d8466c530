"""Basic auth: who knows the password of one of the users, found out without telling anything to those who do not."""

import asyncio
import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import bcrypt

_BCRYPT_BYTES = 72
"""bcrypt never looked at more; the library refuses longer passwords, those who made the hash cut them."""

_PENDING_LIMIT = 64
_CACHE_LIMIT = 256


class BusyError(Exception):
    """Too many passwords are being checked already."""


class Passwords:
    """Checks `Authorization` headers against users with bcrypt hashes. Used on the event loop.

    A check takes as long for a user that does not exist. Each is made in a thread, two at a time, and a success is
    remembered under a hash keyed with a secret of this process, so that a scraper pays once and never waits for others.
    """

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._known: set[bytes] = set()
        self._pending: dict[bytes, asyncio.Future[bool]] = {}
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="password")

    async def is_right(self, authorization: str | None, users: Mapping[str, str]) -> bool:
        """Whether the header names one of the users and has the right password; raises BusyError."""
        credentials = _credentials(authorization)
        if credentials is None:
            return False
        name, password = credentials
        hashed = users.get(name)
        key = hmac.digest(self._secret, repr((name, password, hashed)).encode(), "sha256")
        if key in self._known:
            return True

        check = self._pending.get(key)
        if check is None:
            if len(self._pending) >= _PENDING_LIMIT:
                raise BusyError
            loop = asyncio.get_running_loop()
            check = loop.run_in_executor(self._threads, _matches, password, hashed or _unknown_user_hash(users))
            self._pending[key] = check
            check.add_done_callback(lambda _: self._pending.pop(key, None))
        is_right = await asyncio.shield(check) and hashed is not None
        if is_right:
            if len(self._known) >= _CACHE_LIMIT:
                self._known.clear()
            self._known.add(key)
        return is_right

    def close(self) -> None:
        """Check no more; a check that has begun is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _credentials(authorization: str | None) -> tuple[str, bytes] | None:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (name.decode(), password) if colon else None
    except (binascii.Error, ValueError):
        return None


def _matches(password: bytes, hashed: str) -> bool:
    try:
        return bcrypt.checkpw(password[:_BCRYPT_BYTES], hashed.encode())
    except ValueError:
        return False


def _unknown_user_hash(users: Mapping[str, str]) -> str:
    """A hash that no password has, as costly as the costliest user's."""
    cost = max(hashed[4:6] for hashed in users.values())
    return f"$2b${cost}${'.' * 53}"
