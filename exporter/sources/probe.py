"""What a probe is: one question to one source of data, answered by a digest of its state."""

from typing import Protocol

from exporter.errors import HexExporterError


class ProbeError(HexExporterError):
    """The state of the source cannot be told; the message is one phrase that is safe to log and to store."""


class Probe(Protocol):
    """Asks one source about its state, as often as wanted, one question at a time."""

    async def state(self) -> str:
        """The digest of the state that the source has now; equal digests mean equal data.

        Raises ProbeError, at the latest when the probe's deadline has passed.
        """

    @property
    def is_stuck(self) -> bool:
        """Whether a question still occupies a thread after its deadline; the next has to wait for its end."""

    async def aclose(self) -> None:
        """Let go of what is held between questions."""
