"""One connection: uvicorn's HTTP/1.1, with a time limit for every phase of it."""

import asyncio
from typing import cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from exporter.web.connection_limits import Connections, Phase
from exporter.web.gathered_writes import GatheredWrites
from exporter.web.tls import Tls, names_of

_HEAD_BYTES = 16 * 1024  # as h11 has it


class HttpConnection(H11Protocol):
    """HTTP/1.1 that says what it waits for; uvicorn limits only the time between requests."""

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        visitors: Connections,
        tls: Tls | None,
        *,
        answers_half_closed: bool = True,
    ) -> None:
        super().__init__(config, state, {}, asyncio.get_running_loop())
        self._head_bytes = config.h11_max_incomplete_event_size or _HEAD_BYTES
        self._visitors = visitors
        self._tls = tls
        self._answers_half_closed = answers_half_closed
        self._known: tuple[Phase, object] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Wait for the first request, of a client whose certificate is welcome."""
        self._writes = GatheredWrites(transport, self.loop)
        super().connection_made(cast(asyncio.Transport, self._writes))
        certificate = transport.get_extra_info("peercert")
        if self._tls and not self._tls.allows(certificate):
            transport.abort()
        # For the application, as scope["state"]: the names of a certificate that was verified.
        self.app_state = {"certificate_names": names_of(certificate)}
        self._note(Phase.REQUEST)

    def data_received(self, data: bytes) -> None:
        """Take in some bytes; the limit for a request counts from the first, and more of them do not move it."""
        rest = memoryview(data)
        while rest and not self.transport.is_closing():
            # h11 refuses only a head of which more is to come; so it never gets more at once than a head may have.
            buffered = len(self.conn.trailing_data[0]) if self.conn.their_state is h11.IDLE else 0
            room = max(1, self._head_bytes + 1 - buffered)
            super().data_received(bytes(rest[:room]))
            rest = rest[room:]
        self._note(self._phase())

    def eof_received(self) -> bool:  # type: ignore[override] # uvicorn's never keeps a connection open
        """Let a client that closed its sending side have the answer it waits for (TLS cannot), if configured."""
        if self._answers_half_closed and self.scheme == "http" and self._is_answering():
            self.cycle.keep_alive = False
            return True
        return False

    def on_response_complete(self) -> None:
        """Go on to the next request."""
        self._writes.flush()
        super().on_response_complete()
        self._note(self._phase())

    def connection_lost(self, exc: Exception | None) -> None:
        """Be forgotten."""
        self._visitors.leave(self)
        super().connection_lost(exc)

    def dismiss(self) -> None:
        """Close the connection once an answer under way has been taken, at once without one."""
        if self._is_answering():
            self.cycle.keep_alive = False
        else:
            self.transport.close()  # what was written is still sent

    def abort(self) -> None:
        """Close the connection, unsent bytes are lost."""
        self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; behind the head of a request that has its answer there is nothing left to say."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.close()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _phase(self) -> Phase:
        if self._is_answering():
            return Phase.ANSWER
        has_part = self.conn.their_state is h11.SEND_BODY or bool(self.conn.trailing_data[0])
        return Phase.REQUEST if has_part or self.cycle is None else Phase.IDLE

    def _note(self, phase: Phase) -> None:
        """Tell the visitors of a new phase; each request has its own cycle, and so its own time."""
        if self._known != (phase, self.cycle) and not self.transport.is_closing():
            self._known = (phase, self.cycle)
            self._visitors.enter(self, phase)
