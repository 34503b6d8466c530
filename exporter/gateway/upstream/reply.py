"""What Hex answered, as it came."""

from collections.abc import Sequence
from dataclasses import dataclass, field

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Headers as they travel: names and values in order, a name as often as it comes."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What Hex answered: its headers as they came, its body decoded; `at` is the steady clock's time of arrival."""

    status: int
    headers: RawHeaders = field(repr=False)
    body: bytes = field(repr=False)
    at: float = 0.0

    def header(self, name: str) -> str | None:
        """The first value of a header, None if it was not sent."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)

    @property
    def decoded_headers(self) -> dict[str, str]:
        """The headers as text, of each name the last value."""
        return {key.decode("latin-1"): value.decode("latin-1") for key, value in self.headers}

    @property
    def names_limits(self) -> bool:
        """Whether any header is about a rate limit."""
        return any(b"ratelimit" in name.lower() for name, _ in self.headers)

    @property
    def announced_limit(self) -> int | None:
        """The rate limit that the answer names, None if it names none that can be read."""
        text = self.header("RateLimit-Limit") or self.header("X-RateLimit-Limit") or ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
