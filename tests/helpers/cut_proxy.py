"""A TCP proxy on loopback in front of a unix socket: what a network is between a program and its database."""

import contextlib
import selectors
import socket
import threading
from pathlib import Path


class CutProxy:
    """Passes bytes on. While `is_cut` they are held, as by a network that drops packets: neither side learns of it."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._whole = threading.Event()
        self._whole.set()
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def is_cut(self) -> bool:
        """Whether nothing passes."""
        return not self._whole.is_set()

    def cut(self) -> None:
        """Let nothing pass."""
        self._whole.clear()

    def mend(self) -> None:
        """Let what was held pass, and all that comes."""
        self._whole.set()

    def close(self) -> None:
        """No more connections; those that are open end with their ends."""
        self._door.close()
        self._whole.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._door.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.socket(socket.AF_UNIX) as server, contextlib.suppress(OSError):
            self._whole.wait()
            server.connect(str(self._target))
            with selectors.DefaultSelector() as waiting:
                waiting.register(client, selectors.EVENT_READ, server)
                waiting.register(server, selectors.EVENT_READ, client)
                while True:
                    for key, _ in waiting.select():
                        piece = key.fileobj.recv(65_536)  # type: ignore[union-attr]
                        self._whole.wait()
                        if not piece:
                            return
                        key.data.sendall(piece)
