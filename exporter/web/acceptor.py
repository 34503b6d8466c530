"""Where connections come in: accepted from a listening socket, made secure one by one while others are served."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress

from exporter.web.connection_limits import ConnectionLimits, Connections, Phase
from exporter.web.tls import Tls

_PAUSE_SECONDS = 0.1


class Acceptor:
    """Lets in who connects to one listening socket. Used on the event loop."""

    def __init__(
        self,
        listener: socket.socket,
        connection: Callable[[Tls | None], asyncio.Protocol],
        *,
        tls: Callable[[], Tls | None],
        visitors: Connections,
        limits: ConnectionLimits,
    ) -> None:
        """`connection` makes the protocol of each connection, `tls` returns how the next one is secured."""
        self._listener = listener
        self._connection = connection
        self._tls = tls
        self._visitors = visitors
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._pause: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Accept connections from now on."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._accept)

    def close(self) -> None:
        """Accept no more, and give the address back; who is in is not concerned."""
        if self._pause:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()

    def _accept(self) -> None:
        try:
            arrived, _ = self._listener.accept()
        except (BlockingIOError, ConnectionError):  # the client has left already
            return
        except OSError:  # out of file descriptors
            self._wait_for_room()
            return
        task = self._loop.create_task(self._let_in(arrived))
        arrival = _Arrival(task)
        self._visitors.enter(arrival, Phase.HANDSHAKE)

        def done(_: asyncio.Task[None]) -> None:
            self._visitors.leave(arrival)
            if task.cancelled():
                arrived.close()

        task.add_done_callback(done)

    def _wait_for_room(self) -> None:
        """Have another connection make room; where there is none, not even a busy wait would help."""
        if self._visitors.make_room():
            return
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(_PAUSE_SECONDS, self.open)

    async def _let_in(self, arrived: socket.socket) -> None:
        tls = self._tls()
        with suppress(OSError):  # no TLS, no certificate, too slow, gone: the client's affair
            if tls is None:
                await self._loop.connect_accepted_socket(lambda: self._connection(None), arrived)
                return
            await self._loop.connect_accepted_socket(
                lambda: self._connection(tls),
                arrived,
                ssl=tls.context,
                ssl_handshake_timeout=self._limits.handshake_seconds,
                ssl_shutdown_timeout=self._limits.answer_seconds,  # the rest of an answer is sent in this time
            )


class _Arrival:
    """A visitor on the doorstep; afterwards its connection is the visitor."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def dismiss(self) -> None:
        self.abort()

    def abort(self) -> None:
        self._task.cancel()
