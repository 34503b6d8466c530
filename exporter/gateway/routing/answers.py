"""What goes back to a caller, before its links are moved and its frame is put on."""

from dataclasses import dataclass, field, replace

from exporter.gateway.routing.headers import to_caller
from exporter.gateway.upstream.reply import Reply

JSON_HEADERS = ((b"content-type", b"application/json; charset=utf-8"),)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a caller. `cache` is the value of `X-Hex-Exporter-Cache`, None where there is none.

    `reason` says in a sentence why a run request is answered so, for `X-Hex-Exporter-Reason`.
    """

    status: int
    headers: tuple[tuple[bytes, bytes], ...] = field(default=JSON_HEADERS, repr=False)
    body: bytes = field(default=b"", repr=False)
    cache: str | None = None
    reason: str | None = None

    def aged(self, seconds: float | None) -> "Answer":
        """The same with its age in a header; None: it is new."""
        if seconds is None:
            return self
        rest = tuple(one for one in self.headers if one[0].lower() != b"age")
        return replace(self, headers=(*rest, (b"age", str(int(seconds)).encode())))


def passed_on(reply: Reply) -> Answer:
    """What Hex answered, without what is not for the caller."""
    return Answer(reply.status, tuple(to_caller(reply.headers)), reply.body)
