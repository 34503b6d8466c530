import asyncio
import signal
import socket
import struct
import threading
from collections.abc import Callable

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from web_client import TEXT, Running, StandInPage, StandInPublisher, make_app, read_answer, until_closed

from exporter.errors import ConfigError
from exporter.web import ConnectionLimits, Server

Serve = Callable[..., Running]

GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


class TestBinding:
    def test_every_address_is_served(self, serve: Serve) -> None:
        running = serve(listen=("127.0.0.1:0", "localhost:0"))

        for address in running.addresses:
            with socket.create_connection(address, timeout=20) as client:
                client.sendall(GET)
                assert read_answer(client).body == TEXT

    def test_one_address_in_use_gives_the_others_back(self) -> None:
        holder = Server(make_app(), listen=["127.0.0.1:0"])
        (taken,) = holder.bind()
        other = Server(make_app(), listen=["127.0.0.1:0", str(taken)])

        with pytest.raises(ConfigError, match=f"cannot listen on {taken}: Address already in use"):
            other.bind()

        assert other._sockets == []
        holder.close()

    def test_clients_may_connect_before_the_server_serves(self) -> None:
        server = Server(make_app(), listen=["127.0.0.1:0"])
        (address,) = server.bind()
        client = socket.create_connection(address, timeout=20)
        client.sendall(GET)

        async def serve_once() -> bytes:
            stop = asyncio.Event()
            serving = asyncio.create_task(server.serve(stop))
            answer = await asyncio.to_thread(read_answer, client)
            stop.set()
            await serving
            return answer.body

        assert asyncio.run(serve_once()) == TEXT
        client.close()


class TestStopping:
    """Stopping never depends on what clients do; a client that would hold the server up is part of each test."""

    def test_the_port_is_free_afterwards(self, serve: Serve) -> None:
        running = serve()
        running.get("/metrics")

        running.stop()

        with pytest.raises(ConnectionRefusedError):
            running.connect()

    def test_idle_half_sent_and_silent_connections_are_cut(self, serve: Serve, tls_file) -> None:
        for running in (serve(), serve(web_file=tls_file())):
            with running.connect() as silent, running.connect() as half:
                half.sendall(b"GET /metrics HTTP/1.1\r\nHos")

                running.stop()

                assert until_closed(silent) == b""
                assert until_closed(half) == b""

    def test_a_kept_connection_is_closed(self, serve: Serve) -> None:
        running = serve()
        with running.connect() as client:
            client.sendall(GET)
            read_answer(client)

            running.stop()

            assert until_closed(client) == b""

    def test_an_answer_under_way_is_finished(self, serve: Serve) -> None:
        begun, finish = threading.Event(), threading.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            begun.set()
            await asyncio.to_thread(finish.wait, 20)
            await PlainTextResponse("done")(scope, receive, send)

        running = serve(slow, limits=ConnectionLimits(stop_seconds=20.0))
        with running.connect() as client:
            client.sendall(GET)
            stopping = threading.Thread(target=running.stop)
            assert begun.wait(20)
            stopping.start()
            finish.set()

            assert read_answer(client).body == b"done"
            stopping.join(20)

    def test_an_answer_without_end_is_not_waited_for(self, serve: Serve, caplog) -> None:
        begun, ended = threading.Event(), threading.Event()

        async def endless(scope: Scope, receive: Receive, send: Send) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        running = serve(endless, limits=ConnectionLimits(stop_seconds=0.05))
        with running.connect() as client:
            client.sendall(GET)
            assert begun.wait(20)

            running.stop()

            assert until_closed(client) == b""
            assert ended.is_set()
        assert caplog.records == []

    def test_a_reader_that_does_not_read_is_not_waited_for(self, serve: Serve) -> None:
        page = StandInPage(text=b"x" * 50_000_000)
        running = serve(make_app(StandInPublisher(page)), limits=ConnectionLimits(stop_seconds=0.05))
        with running.connect() as client:
            client.sendall(GET)
            client.recv(1)

            running.stop()

            assert len(until_closed(client)) < len(page.text)


class TestLimits:
    """Short limits, so that reaching them takes no time; none of the tests measures how long that is."""

    SHORT = ConnectionLimits(
        request_seconds=0.1, answer_seconds=0.1, idle_seconds=0.1, handshake_seconds=0.1, look_seconds=0.02
    )

    @pytest.mark.parametrize("sent", [b"", b"G", b"GET /metrics HTTP/1.1\r\nHost: x\r\n"])
    def test_a_request_that_does_not_come_is_cut(self, serve: Serve, sent: bytes) -> None:
        with serve(limits=self.SHORT).connect() as client:
            client.sendall(sent)

            assert until_closed(client) == b""

    def test_a_drip_does_not_move_the_limit(self, serve: Serve) -> None:
        with serve(limits=self.SHORT).connect(seconds=0.02) as client, pytest.raises(ConnectionError):
            drip(client, b"GET /metrics HTTP/1.1\r\n", b"X-Drip: 1\r\n")

    def test_a_second_request_has_its_limit_too(self, serve: Serve) -> None:
        with serve(limits=self.SHORT).connect() as client:
            client.sendall(GET + b"GET /metr")

            assert until_closed(client).endswith(TEXT)

    def test_a_body_that_nobody_reads_is_cut(self, serve: Serve) -> None:
        with serve(limits=self.SHORT).connect() as client:
            client.sendall(b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc")

            assert until_closed(client).startswith(b"HTTP/1.1 405 ")

    def test_an_idle_connection_is_closed_in_the_end(self, serve: Serve) -> None:
        with serve(limits=self.SHORT).connect() as client:
            client.sendall(GET)

            assert until_closed(client).endswith(TEXT)

    def test_a_reader_that_does_not_read_is_cut(self, serve: Serve) -> None:
        page = StandInPage(text=b"x" * 50_000_000)
        running = serve(make_app(StandInPublisher(page)), limits=self.SHORT)
        with running.connect() as client, running.connect() as quick:
            client.sendall(GET)
            client.recv(1)
            quick.settimeout(20)
            assert until_closed(quick) == b""

            assert len(until_closed(client)) < len(page.text)

    def test_a_handshake_that_does_not_come_is_cut(self, serve: Serve, tls_file) -> None:
        with serve(web_file=tls_file(), limits=self.SHORT).connect() as client:
            assert until_closed(client) == b""

    def test_an_answer_that_takes_time_is_not_cut_short_by_the_other_limits(self, serve: Serve) -> None:
        released = threading.Event()

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            await asyncio.to_thread(released.wait, 20)
            await PlainTextResponse("done")(scope, receive, send)

        limits = ConnectionLimits(request_seconds=0.1, idle_seconds=0.1, look_seconds=0.02)
        running = serve(slow, limits=limits)
        with running.connect() as client, running.connect() as silent:
            client.sendall(GET)
            assert until_closed(silent) == b""
            released.set()

            assert read_answer(client).body == b"done"


def drip(client: socket.socket, start: bytes, drop: bytes) -> None:
    """Send a drop whenever the server has said nothing for the socket's timeout, until it closes."""
    client.sendall(start)
    for _ in range(1000):
        try:
            if not client.recv(1):
                raise ConnectionError("closed")
        except TimeoutError:
            client.sendall(drop)


class TestOddClients:
    def test_a_client_that_is_done_sending_still_gets_its_answer(self, serve: Serve) -> None:
        page = StandInPage(text=b"x" * 5_000_000)
        with serve(make_app(StandInPublisher(page))).connect() as client:
            client.sendall(GET)
            client.shutdown(socket.SHUT_WR)

            assert until_closed(client).endswith(page.text)

    def test_a_client_that_leaves_in_the_middle_leaves_no_trace(self, serve: Serve, caplog) -> None:
        page = StandInPage(text=b"x" * 5_000_000)
        running = serve(make_app(StandInPublisher(page)))
        for _ in range(5):
            client = running.connect()
            client.sendall(GET)
            client.recv(1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()

        assert running.get("/metrics").body == page.text
        assert caplog.records == []

    def test_no_answer_says_what_it_was_served_by(self, serve: Serve) -> None:
        answer = serve().get("/metrics")

        assert "server" not in answer.headers
        assert answer.headers["date"].endswith(" GMT")


def test_serving_changes_no_signal_handler() -> None:
    async def scenario() -> tuple[object, object]:
        server, stop = Server(make_app(), listen=["127.0.0.1:0"]), asyncio.Event()
        (address,) = server.bind()
        serving = asyncio.create_task(server.serve(stop))
        _, writer = await asyncio.open_connection(*address)
        handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        stop.set()
        await serving
        writer.close()
        return handlers

    before = signal.getsignal(signal.SIGTERM)
    during_interrupt, during_terminate = asyncio.run(scenario())

    assert during_terminate is before
    assert "uvicorn" not in repr(during_interrupt)
