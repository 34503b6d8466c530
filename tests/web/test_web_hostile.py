"""Clients that mean harm or know no better: each gets a right answer or none, and others are served meanwhile."""

import base64
import gzip
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import bcrypt
import pytest
import trustme
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from web_client import OPENMETRICS, TEXT, Running, StandInPage, StandInPublisher, make_app, read_answer, until_closed

from exporter.web import Address, ConnectionLimits

pytestmark = pytest.mark.integration

Serve = Callable[..., Running]

GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


@contextmanager
def crowd(running: Running, size: int, sent: bytes) -> Iterator[list[socket.socket]]:
    """So many clients that have sent this much and hold their connections."""
    with ExitStack() as stack:
        clients = [stack.enter_context(running.connect()) for _ in range(size)]
        for client in clients:
            client.sendall(sent)
        yield clients


@contextmanager
def few_files() -> Iterator[Running]:
    """A server in a process of its own that may open very few files."""
    program = """
import asyncio, resource
from exporter.web import Server
from web_client import make_app

async def serve():
    server = Server(make_app(), listen=["127.0.0.1:0"])
    print(server.bind()[0].port, flush=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30))
    await server.serve(asyncio.Event())

asyncio.run(serve())
"""
    folder = Path(__file__).parent
    command = [sys.executable, "-c", program]
    environment = os.environ | {"PYTHONPATH": f"{folder}:{folder.parents[1]}"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield Running((Address("127.0.0.1", int(process.stdout.readline())),), process.kill)
        finally:
            process.kill()


class TestCrowds:
    def test_silent_clients_of_a_tls_port_do_not_stop_a_scrape(
        self, serve: Serve, tls_file, authority: trustme.CA
    ) -> None:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        running = serve(web_file=tls_file())

        with crowd(running, 20, b""), crowd(running, 20, b"\x16\x03\x01"):
            assert running.get("/metrics", context=context).body == TEXT

    def test_300_half_sent_requests_do_not_stop_a_scrape_and_are_cut(self, serve: Serve) -> None:
        running = serve(limits=ConnectionLimits(request_seconds=1.0))
        before = threading.active_count()  # those of other tests' servers are among them

        with crowd(running, 300, b"GET /metrics HTTP/1.1\r\nX-Half: ") as clients:
            assert threading.active_count() < before + 20
            assert running.get("/metrics").body == TEXT

            assert [until_closed(client) for client in clients] == [b""] * 300

    @pytest.mark.parametrize("sent", [b"", b"GET ", GET], ids=["silent", "half-sent", "idle"])
    def test_more_connections_than_fit_do_not_keep_a_scraper_out(self, serve: Serve, sent: bytes) -> None:
        """The one that has been quiet longest makes room."""
        running = serve(limits=ConnectionLimits(connections=10, request_seconds=60.0))

        with crowd(running, 30, sent):
            for _ in range(3):
                assert running.get("/metrics").body == TEXT

    def test_more_connections_than_the_process_may_have_do_not_either(self) -> None:
        with few_files() as running, crowd(running, 60, b""):
            for _ in range(3):
                assert running.get("/metrics").body == TEXT

    def test_readers_that_do_not_read_do_not_stop_a_scrape(self, serve: Serve) -> None:
        page = StandInPage(text=b"x" * 10_000_000)
        running = serve(make_app(StandInPublisher(page)))

        with crowd(running, 10, GET):
            assert len(running.get("/metrics").body) == len(page.text)
            assert running.get("/-/healthy").status == 200

    def test_guesses_at_a_password_do_not_stop_a_scrape(self, serve: Serve, tmp_path) -> None:
        hashed = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(8)).decode()
        file = tmp_path / "web.yml"
        file.write_text(f"basic_auth_users: {{alice: {hashed}}}\n")
        running = serve(web_file=file)
        known = {"Authorization": "Basic " + base64.b64encode(b"alice:open sesame").decode()}
        assert running.get("/metrics", **known).status == 200

        with crowd(running, 20, b"") as guessers:
            for number, guesser in enumerate(guessers):
                guess = base64.b64encode(b"alice:%d" % number)
                guesser.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + guess + b"\r\n\r\n")

            assert running.get("/metrics", **known).body == TEXT
            assert [read_answer(guesser).status for guesser in guessers] == [401] * 20


class TestOddRequests:
    @pytest.mark.parametrize(
        ("accept", "body"),
        [
            ("application/openmetrics-text; version=1.x", TEXT),
            ("application/openmetrics-text; version=9.9.9", TEXT),
            ("application/openmetrics-text; version=1.0.0; q=0", TEXT),
            ("application/openmetrics-text; version=1.0.0", OPENMETRICS),
            (";;;,,,=;q=,\xff\xfe", TEXT),
            ("application/openmetrics-text; version=1.0.0\tx", TEXT),
            ("*/*;q=0", TEXT),
            ("text/plain, " * 1000, TEXT),
        ],
    )
    def test_no_accept_header_breaks_anything(self, serve: Serve, accept: str, body: bytes) -> None:
        answer = serve().get("/metrics", Accept=accept)

        assert (answer.status, answer.body) == (200, body)
        assert "version=1.x" not in answer.headers["content-type"]

    def test_gzip_that_is_refused_is_not_sent(self, serve: Serve) -> None:
        running = serve()

        assert running.get("/metrics", Accept_Encoding="gzip;q=0").body == TEXT
        assert gzip.decompress(running.get("/metrics", Accept_Encoding="gzip;q=0.1").body) == TEXT

    @pytest.mark.parametrize(
        "target",
        [
            "/../metrics",
            "/metrics/../metrics",
            "/%2e%2e/metrics",
            "/..%2f..%2fetc/passwd",
            "/metrics%00",
            "/metrics%0a",
            "/metrics%2f",
            "//metrics",
            "//evil.example/metrics",
            "/%ff%fe",
            "/\\metrics",
            "*",
            "metrics",
            "ftp://localhost/metrics",
            "/" + "a" * 10_000,
        ],
    )
    def test_paths_that_are_not_served_are_not_found(self, serve: Serve, target: str) -> None:
        answer = serve().get(target)

        assert answer.status == 404
        assert "location" not in answer.headers

    @pytest.mark.parametrize(
        "target",
        ["/metrics?", "/metrics?name[]=hex_up", "/%6detrics", "http://localhost/metrics", "HTTPS://x:1/metrics?a=b"],
    )
    def test_other_spellings_of_the_path_are_served(self, serve: Serve, target: str) -> None:
        assert serve().get(target).body == TEXT

    def test_the_whole_url_without_a_path_is_the_landing_page(self, serve: Serve) -> None:
        assert serve().get("http://localhost").headers["content-type"].startswith("text/html")

    @pytest.mark.parametrize("target", ["http://localhost/metrics", "HTTPS://x/%2e%2e/metrics"])
    def test_an_application_that_asks_for_it_is_shown_the_whole_url(self, serve: Serve, target: str) -> None:
        shown: list[bytes] = []

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            shown.append(scope["raw_path"])
            await PlainTextResponse("")(scope, receive, send)

        running = serve(app, takes_whole_urls=False)
        running.get(target)

        assert shown == [target.encode()]

    def test_http_1_0_without_a_host_is_served_and_closed(self, serve: Serve) -> None:
        with serve().connect() as client:
            client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")

            assert until_closed(client).endswith(TEXT)

    @pytest.mark.parametrize(
        "request_bytes",
        [
            b"GET /metrics HTTP/1.1\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET  /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /metrics\r\n\r\n",
            b"G\x00T /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /metr\xffics HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
            b"\r\n" * 5 + b"nonsense\r\n\r\n",
        ],
    )
    def test_what_is_no_request_is_400_and_the_end_of_the_connection(
        self, serve: Serve, request_bytes: bytes, caplog
    ) -> None:
        running = serve()
        with running.connect() as client:
            client.sendall(request_bytes)

            answer = until_closed(client)

        assert answer.split(b"\r\n")[0].split()[1][:1] in (b"4", b"5")
        assert TEXT not in answer
        assert running.get("/metrics").body == TEXT
        assert caplog.records == []

    def test_headers_without_end_are_cut(self, serve: Serve) -> None:
        running = serve(limits=ConnectionLimits(head_bytes=4096))
        with running.connect() as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\nX-Long: " + b"a" * 100_000)

            assert until_closed(client).startswith((b"HTTP/1.1 4", b""))
        assert running.get("/metrics").body == TEXT

    @pytest.mark.parametrize(("size", "is_served"), [(4_000, True), (8_192, False), (100_000, False)])
    def test_a_head_that_comes_whole_at_once_has_the_same_limit(self, serve: Serve, size: int, is_served: bool) -> None:
        start, end = b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: ", b"\r\n\r\n"
        running = serve(limits=ConnectionLimits(head_bytes=4096))
        with running.connect() as client:
            client.sendall(start + b"a" * (size - len(start) - len(end)) + end)

            answer = until_closed(client)
        assert (TEXT in answer) is is_served
        assert is_served or answer.startswith((b"HTTP/1.1 4", b""))

    def test_garbage_behind_a_request_does_not_cost_its_answer(self, serve: Serve, caplog) -> None:
        with serve().connect() as client:
            client.sendall(GET + b"\x00\x01garbage\r\n\r\n")

            answer = until_closed(client)

        assert TEXT in answer
        assert answer.count(b"HTTP/1.1 ") <= 2
        assert caplog.records == []

    @pytest.mark.parametrize("path", [b"/metrics", b"/-/healthy"])
    def test_garbage_in_place_of_a_body_is_cut(self, serve: Serve, path: bytes, caplog) -> None:
        with serve().connect() as client:
            client.sendall(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            assert read_answer(client).status == 405
            client.sendall(b"nonsense\r\n" * 10)

            assert b"HTTP/1.1 200" not in until_closed(client)
        assert caplog.records == []

    def test_a_hundred_requests_in_one_go_are_a_hundred_answers(self, serve: Serve) -> None:
        with serve().connect() as client:
            client.sendall(GET * 100 + b"GET /metrics HTTP/1.0\r\n\r\n")

            assert until_closed(client).count(TEXT) == 101

    @pytest.mark.parametrize("upgrade", ["websocket", "h2c", "TLS/1.3"])
    def test_no_upgrade_is_taken(self, serve: Serve, upgrade: str, caplog) -> None:
        answer = serve().get("/metrics", Connection="Upgrade", Upgrade=upgrade, Sec_WebSocket_Key="x")

        assert answer.body == TEXT
        assert caplog.records == []

    def test_an_expectation_is_met_with_the_answer(self, serve: Serve) -> None:
        answer = serve().get("/metrics", Expect="100-continue", Content_Length="5")

        assert (answer.status, answer.body) == (200, TEXT)
