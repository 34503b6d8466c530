"""Going slow while Hex does not accept the token, and at full speed again as soon as the token has changed."""

import random

from exporter.errors import ConfigError
from exporter.hexapi import Secret, TokenSource
from exporter.polling.back_off import BackOff
from exporter.polling.due_times import MINUTE_MS

_LONGEST_MS = 15 * MINUTE_MS
_LOOK_SECONDS = 5.0  # how soon a new token file is taken up
_KEY = "token"


class TokenLock:
    """Whether requests wait because of the token. Times are epoch milliseconds; for one thread at a time."""

    def __init__(self, token: TokenSource, rng: random.Random) -> None:
        self._token = token
        self._back_off = BackOff(MINUTE_MS, _LONGEST_MS, rng)
        self._rejected: Secret | None = None

    def rejected(self, now_ms: int) -> None:
        """Hex did not accept the token: wait, longer each time."""
        self._rejected = self._secret()
        self._back_off.failed(_KEY, now_ms)

    def accepted(self) -> None:
        """Hex accepted the token: nothing waits."""
        self._rejected = None
        self._back_off.succeeded(_KEY)

    def shift(self, by_ms: int) -> None:
        """The time was set on by so much: the wait lasts as long as it would have."""
        self._back_off.shift(by_ms)

    def wait_seconds(self, now_ms: int) -> float:
        """How long to wait before the next look, 0 if nothing waits; a token that has changed ends the wait."""
        until_ms = self._back_off.until_ms(_KEY)
        if until_ms <= now_ms:
            return 0.0
        if self._secret() != self._rejected:
            self._back_off.succeeded(_KEY)
            return 0.0
        return min((until_ms - now_ms) / 1000, _LOOK_SECONDS)

    def _secret(self) -> Secret | None:
        try:
            return self._token.read()
        except ConfigError:
            return None
