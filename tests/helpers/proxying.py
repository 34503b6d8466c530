"""A company's proxy on loopback: it opens tunnels, to one server whatever host is named, and may want credentials."""

import base64
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator

import trustme


class CompanyProxy:
    """Leads every CONNECT and every plain request to the port `target`; `requested` has their first lines.

    With `credentials` (`USER:PASSWORD`) it refuses all that come without them. Where `target` speaks TLS with a
    certificate of the company, this is a proxy that inspects.
    """

    def __init__(self, target: int, credentials: str | None = None) -> None:
        self.requested: list[str] = []
        self.credentials = credentials
        self._target = target
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = self._door.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No more connections."""
        self._door.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._door.accept()[0],), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                if not (piece := client.recv(4096)):
                    return
                head += piece
            first = head.split(b"\r\n")[0].decode()
            self.requested.append(first)
            if self.credentials is not None and not self._has_credentials(head):
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            with socket.create_connection(("127.0.0.1", self._target)) as server:
                if first.startswith("CONNECT "):
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    server.sendall(head)
                threading.Thread(target=_pump, args=(client, server), daemon=True).start()
                _pump(server, client)

    def _has_credentials(self, head: bytes) -> bool:
        expected = base64.b64encode((self.credentials or "").encode())
        return b"proxy-authorization: basic " + expected.lower() in head.lower() and expected in head


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def company_proxy(target: int, credentials: str | None = None) -> Iterator[CompanyProxy]:
    """A proxy for as long as the block lasts."""
    proxy = CompanyProxy(target, credentials)
    try:
        yield proxy
    finally:
        proxy.close()


@contextlib.contextmanager
def inspecting_proxy(authority: trustme.CA, host: str, answer: bytes) -> Iterator[CompanyProxy]:
    """A proxy that opens what is encrypted: it shows a certificate of the company for `host` and answers itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    door = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = door.accept()
                with plain, contextlib.suppress(ssl.SSLError), context.wrap_socket(plain, server_side=True) as client:
                    client.recv(65536)
                    client.sendall(answer)

    threading.Thread(target=accept, daemon=True).start()
    try:
        with company_proxy(door.getsockname()[1]) as proxy:
            yield proxy
    finally:
        door.close()
