"""A connection that waits for the server no longer than a statement may take there, whatever is between the two."""

import time
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen

_Found = TypeVar("_Found")

_LOOK_SECONDS = 0.1


class PatientConnection(psycopg.Connection[Any]):
    """Gives a silent server up after `silence_seconds`: the connection is closed and OperationalError raised.

    A pooler or a proxy that lives keeps a connection alive to a server that is gone: then no packet is ever missing,
    and neither keepalives nor the server's own deadlines end the wait.
    """

    silence_seconds = 10.0

    def wait(self, gen: PQGen[_Found], interval: float = _LOOK_SECONDS, *args: Any, **more: Any) -> _Found:
        """What the generator comes to, as psycopg has it."""
        return super().wait(self._unless_silent(gen), interval, *args, **more)

    def _unless_silent(self, gen: PQGen[_Found]) -> PQGen[_Found]:
        heard_at = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    heard_at = time.monotonic()
                elif time.monotonic() - heard_at >= self.silence_seconds:
                    self.pgconn.finish()
                    raise psycopg.OperationalError(
                        f"connection is lost: no answer from the server for {self.silence_seconds:.0f} seconds"
                    )
                wanted = gen.send(ready)
        except StopIteration as end:
            found: _Found = end.value
            return found
