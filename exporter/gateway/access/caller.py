"""A caller: known by the keyed hash of its token."""

from dataclasses import dataclass, field

from exporter import __version__


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sends a request: `name` is the token's keyed hash, `peer` the address that it is sent from.

    `authorization` is the header as it came.
    """

    name: str
    peer: str
    authorization: bytes = field(repr=False)

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """The headers of a request that the gateway sends to Hex in the caller's name."""
        return (
            (b"authorization", self.authorization),
            (b"accept", b"application/json"),
            (b"accept-encoding", b"gzip"),
            (b"user-agent", f"hex-exporter/{__version__}".encode()),
        )
