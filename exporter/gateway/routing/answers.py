"""What goes back to a caller, before its links are moved and its frame is put on."""

from dataclasses import dataclass, field, replace

import msgspec

from exporter.gateway.routing.error_bodies import Refusal, refusal
from exporter.gateway.routing.headers import to_caller
from exporter.gateway.upstream.upstream import Reply

_JSON = ((b"content-type", b"application/json; charset=utf-8"),)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a caller. `cache` is the value of `X-Hex-Exporter-Cache`, None where it says nothing."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = field(default=_JSON, repr=False)
    body: bytes = field(default=b"", repr=False)
    cache: str | None = None

    def aged(self, seconds: float | None) -> "Answer":
        """The same, saying how old it is; None: it is new."""
        if seconds is None:
            return self
        rest = tuple(one for one in self.headers if one[0].lower() != b"age")
        return replace(self, headers=(*rest, (b"age", str(int(seconds)).encode())))


def passed_on(reply: Reply) -> Answer:
    """What Hex answered, without what is not for the caller."""
    return Answer(reply.status, tuple(to_caller(reply.headers)), reply.body)


def refused(one: Refusal) -> Answer:
    """A refusal of the gateway's own."""
    return Answer(one.status, tuple(one.headers), one.body)


def too_many(message: str, retry_after_seconds: float) -> Answer:
    """429 in Hex's shape, with an honest `Retry-After`."""
    return refused(refusal(429, message, retry_after_seconds=retry_after_seconds))


def not_active() -> Answer:
    """What CancelRun answers for a run that is over, in the older of Hex's error shapes, as that operation has it."""
    return Answer(400, body=msgspec.json.encode({"reason": "Run is not active"}))
