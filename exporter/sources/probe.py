"""What a probe is: it reads one source of data and gives a digest of its state."""

from typing import Protocol

from exporter.errors import HexExporterError


class ProbeError(HexExporterError):
    """The state of the source cannot be read; the message is one phrase that is safe to log and to store."""


class Probe(Protocol):
    """Reads the state of one source, as often as wanted, once at a time."""

    async def state(self) -> str:
        """The digest of the state that the source has now; equal digests mean equal data.

        Raises ProbeError, at the latest when the probe's deadline has passed.
        """

    @property
    def stamp(self) -> str | None:
        """With the last state: a digest that moves whenever its data is written, be it with what was there before.

        None where the source does not show that.
        """

    @property
    def is_stuck(self) -> bool:
        """Whether a read still occupies a thread after its deadline; the next has to wait for its end."""

    async def aclose(self) -> None:
        """Release what is held between two states."""
