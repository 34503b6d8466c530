import base64
from collections.abc import Callable
from pathlib import Path

import bcrypt
import pytest
from web_client import TEXT, Running

from exporter.web.middleware import Bucket
from exporter.web.web_config_schema import RateLimit

Serve = Callable[..., Running]

HASH = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture
def web_file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        file = tmp_path / "web.yml"
        file.write_text(text)
        return file

    return write


class TestPasswords:
    @pytest.mark.parametrize("path", ["/metrics", "/", "/-/healthy", "/-/ready", "/nowhere"])
    def test_nothing_is_answered_without_one(self, serve: Serve, web_file, path: str) -> None:
        answer = serve(web_file=web_file(f"basic_auth_users: {{alice: {HASH}}}")).get(path)

        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic ")
        assert TEXT not in answer.body

    def test_the_right_one_opens(self, serve: Serve, web_file) -> None:
        running = serve(web_file=web_file(f"basic_auth_users: {{alice: {HASH}}}"))

        assert running.get("/metrics", Authorization=basic("alice", "open sesame")).body == TEXT
        assert running.get("/nowhere", Authorization=basic("alice", "open sesame")).status == 404

    @pytest.mark.parametrize(("name", "password"), [("alice", "wrong"), ("bob", "open sesame"), ("", "")])
    def test_a_wrong_one_does_not(self, serve: Serve, web_file, name: str, password: str) -> None:
        running = serve(web_file=web_file(f"basic_auth_users: {{alice: {HASH}}}"))

        assert running.get("/metrics", Authorization=basic(name, password)).status == 401

    def test_two_headers_are_one_too_many(self, serve: Serve, web_file) -> None:
        header = f"Authorization: {basic('alice', 'open sesame')}\r\n"
        request = f"GET /metrics HTTP/1.1\r\nHost: x\r\n{header}{header}\r\n"

        answer = serve(web_file=web_file(f"basic_auth_users: {{alice: {HASH}}}")).send(request.encode())

        assert answer.status == 401

    def test_a_new_user_may_come_without_a_restart(self, serve: Serve, web_file) -> None:
        running = serve(web_file=web_file(f"basic_auth_users: {{alice: {HASH}}}"))
        assert running.get("/metrics", Authorization=basic("robert", "open sesame")).status == 401

        web_file(f"basic_auth_users: {{robert: {HASH}}}")

        assert running.get("/metrics", Authorization=basic("robert", "open sesame")).status == 200
        assert running.get("/metrics", Authorization=basic("alice", "open sesame")).status == 401

    def test_a_broken_file_does_not_open_the_door(self, serve: Serve, web_file) -> None:
        running = serve(web_file=web_file(f"basic_auth_users: {{alice: {HASH}}}"))

        web_file("basic_auth_users: {alice: oops}")

        assert running.get("/metrics").status == 401
        assert running.get("/metrics", Authorization=basic("alice", "open sesame")).status == 200


class TestHeaders:
    def test_they_are_on_every_answer_in_place_of_the_applications_own(self, serve: Serve, web_file) -> None:
        headers = "{Content-Security-Policy: default-src 'self', Strict-Transport-Security: max-age=60}"
        running = serve(web_file=web_file(f"http_server_config: {{headers: {headers}}}"))

        for path in ("/", "/metrics", "/nowhere"):
            answer = running.get(path)
            assert answer.headers["strict-transport-security"] == "max-age=60"
            assert answer.headers["content-security-policy"] == "default-src 'self'"


class TestRateLimit:
    def test_what_is_too_much_is_429(self, serve: Serve, web_file) -> None:
        running = serve(web_file=web_file("rate_limit: {interval: 1h, burst: 2}"))

        assert [running.get("/metrics").status for _ in range(3)] == [200, 200, 429]

    def test_a_bucket_fills_with_time(self, manual_clock) -> None:
        bucket = Bucket(RateLimit(interval_seconds=10.0, burst=2), manual_clock.monotonic)
        assert [bucket.take() for _ in range(3)] == [True, True, False]

        manual_clock.advance(10.0)
        assert [bucket.take() for _ in range(2)] == [True, False]

        manual_clock.advance(3600.0)
        assert [bucket.take() for _ in range(3)] == [True, True, False]

    def test_no_interval_is_no_limit(self, manual_clock) -> None:
        bucket = Bucket(RateLimit(), manual_clock.monotonic)

        assert all(bucket.take() for _ in range(100))
