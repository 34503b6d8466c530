"""A server on a real socket whose answers a test writes byte by byte."""

import socket
import socketserver
import threading
from collections.abc import Callable

Answer = bytes | Callable[[socket.socket], None]


def response(status="200 OK", *headers, body=b"", length=True):
    """One HTTP/1.1 answer that ends its connection."""
    lines = [f"HTTP/1.1 {status}", "Connection: close", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Origin:
    """Answers each path with what `answers` has for it, once per connection; `requests` has what was sent.

    A function as an answer writes to the socket itself, until it returns or the client goes.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer | list[Answer]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.gone = threading.Event()
        origin = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                first = self.rfile.readline().decode("latin-1").split()
                headers = {}
                while (line := self.rfile.readline().strip()) != b"":
                    name, _, value = line.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                if len(first) < 2:
                    return
                origin.requests.append((first[1], headers))
                answer = origin.answers.get(first[1].partition("?")[0], response("404 Not Found"))
                if isinstance(answer, list):
                    answer = answer.pop(0) if len(answer) > 1 else answer[0]
                try:
                    answer(self.request) if callable(answer) else self.request.sendall(answer)
                except OSError:
                    origin.gone.set()

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.port = self._server.server_address[1]
        self.base = f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(20)
