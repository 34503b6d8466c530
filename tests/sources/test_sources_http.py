"""Probes of addresses, over real sockets."""

import gzip
import time

import pytest
import trustme
from helpers.proxying import company_proxy, inspecting_proxy
from http_origin import Origin, response
from probing import refusal, state

from exporter.config import HttpSource
from exporter.sources.credentials import Credential
from exporter.sources.http_probe import HttpProbe

SECRET = "Bearer s3cret-of-the-source"


@pytest.fixture
def origin():
    origin = Origin()
    yield origin
    origin.close()


@pytest.fixture
def other():
    other = Origin()
    yield other
    other.close()


def probe_of(origin, path="/data", *, project_id="p", authorization=None, **settings):
    source = HttpSource(url=f"{origin.base}{path}", deadline_seconds=settings.pop("deadline", 20.0), **settings)
    credential = None if authorization is None else Credential({"AUTH": authorization}, env="AUTH")
    return HttpProbe(source, project_id, credential)


def probed(origin, answer, **settings):
    origin.answers["/data"] = answer
    return state(probe_of(origin, **settings))


def test_an_etag_is_the_state_whatever_else_changes(origin):
    first = probed(origin, response("200 OK", 'ETag: "a"', "Last-Modified: Mon, 23 Nov 2026 00:00:00 GMT", body=b"one"))

    assert probed(origin, response("200 OK", 'ETag: "a"', "Last-Modified: Tue, 24 Nov 2026 00:00:00 GMT")) == first
    assert probed(origin, response("200 OK", 'ETag: "b"', body=b"one")) != first


def test_a_weak_etag_names_the_same_as_the_strong_one(origin):
    strong = probed(origin, response("200 OK", 'ETag: "a"'))

    assert probed(origin, response("200 OK", 'ETag: W/"a"')) == strong
    assert probed(origin, response("200 OK", 'ETag: W/"b"')) != strong


def test_the_body_behind_an_etag_is_not_read(origin):
    def endless(connection):
        connection.sendall(response("200 OK", 'ETag: "a"', length=False))
        while True:
            connection.sendall(b"x" * 65536)

    assert probed(origin, endless, body_limit_bytes=10)
    assert origin.gone.wait(20)


def test_an_unchanged_answer_is_asked_for_by_its_etag(origin):
    origin.answers["/data"] = [
        response("200 OK", 'ETag: W/"a"'),
        response("304 Not Modified", length=False),
        response("200 OK", 'ETag: "b"'),
        response("304 Not Modified", length=False),
    ]
    probe = probe_of(origin)

    first, second, third, fourth = (state(probe) for _ in range(4))

    assert first == second != third == fourth
    assert [headers.get("if-none-match") for _, headers in origin.requests] == [None, 'W/"a"', 'W/"a"', '"b"']


def test_an_unchanged_answer_that_nobody_asked_for_is_no_state(origin):
    origin.answers["/data"] = response("304 Not Modified", length=False)

    assert refusal(probe_of(origin)) == "the answer was 304, expected 200"


def test_without_an_etag_the_time_and_length_are_the_state(origin):
    modified = "Last-Modified: Mon, 23 Nov 2026 00:00:00 GMT"
    first = probed(origin, response("200 OK", modified, body=b"one"))

    assert probed(origin, response("200 OK", modified, body=b"two")) == first
    assert probed(origin, response("200 OK", modified, body=b"three")) != first
    assert probed(origin, response("200 OK", "Last-Modified: Mon, 23 Nov 2026 00:00:01 GMT", body=b"one")) != first


def test_a_time_of_this_very_second_does_not_tell_the_state_yet(origin):
    def at(second, body):
        return response(
            "200 OK",
            "Last-Modified: Mon, 23 Nov 2026 00:00:00 GMT",
            f"Date: Mon, 23 Nov 2026 00:00:{second:02} GMT",
            body=body,
        )

    answers = [at(0, b"one"), at(1, b"two"), at(2, b"six"), at(50, b"ten")]
    origin.answers["/data"] = [*answers, response("200 OK", "Last-Modified: Mon, 23 Nov 2026 00:01:00 GMT")]
    probe = probe_of(origin)

    first, second, third, fourth, fifth = (state(probe) for _ in range(5))

    assert len({first, second, third}) == 3
    assert fourth == third
    assert fifth not in (first, second, third)


def test_what_was_modified_long_ago_or_by_a_server_without_a_clock_is_told_by_its_time(origin):
    modified = "Last-Modified: Mon, 23 Nov 2026 00:00:00 GMT"
    first = probed(origin, response("200 OK", modified, "Date: Mon, 23 Nov 2026 00:00:02 GMT", body=b"one"))

    assert probed(origin, response("200 OK", modified, body=b"two")) == first
    assert probed(origin, response("200 OK", modified, "Date: yesterday", body=b"six")) == first


def test_without_both_the_content_is_the_state(origin):
    first = probed(origin, response(body=b"one", length=False))

    assert probed(origin, response("200 OK", "Date: Tue, 24 Nov 2026 00:00:00 GMT", body=b"one")) == first
    assert probed(origin, response(body=b"two")) != first
    assert probed(origin, response(body=b"")) != first


@pytest.mark.slow
def test_no_packing_is_asked_for_and_one_that_comes_all_the_same_is_not_unfolded(origin):
    bomb = gzip.compress(bytes(50_000_000), mtime=0)

    assert probed(origin, response("200 OK", "Content-Encoding: gzip", body=bomb), body_limit_bytes=len(bomb))
    assert origin.requests[0][1]["accept-encoding"] == "identity"


def test_a_body_beyond_the_limit_is_refused_as_soon_as_it_is(origin):
    def endless(connection):
        connection.sendall(response(length=False))
        while True:
            connection.sendall(b"x" * 65536)

    origin.answers["/data"] = endless

    assert refusal(probe_of(origin, body_limit_bytes=1_000_000)).startswith("a body of more than 1000000 bytes")
    assert origin.gone.wait(20)
    probed(origin, response(body=b"x" * 1_000_000), body_limit_bytes=1_000_000)


def test_a_body_that_is_cut_off_is_no_state(origin):
    origin.answers["/data"] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"

    assert "RemoteProtocolError" in refusal(probe_of(origin))


@pytest.mark.parametrize("piece", [b"", b"x"], ids=["silence", "drip"])
@pytest.mark.parametrize(
    "start", [b"", b"HTTP/1.1 200 OK\r\nX-Slow: ", response(length=False)], ids=["", "head", "body"]
)
@pytest.mark.slow
def test_one_deadline_spans_the_whole_exchange(origin, start, piece):
    def slow(connection):
        connection.sendall(start)
        while not origin.gone.is_set():
            connection.sendall(piece)
            time.sleep(0.02)

    origin.answers["/data"] = slow

    assert refusal(probe_of(origin, deadline=0.5)) == "no complete answer within 0.5 s"
    origin.gone.set()


def test_redirects_of_the_same_server_are_followed_with_the_authorization(origin):
    origin.answers |= {
        "/data": response("302 Found", "Location: /two?a=1#x"),
        "/two": response("308 Permanent Redirect", f"Location: {origin.base}/three"),
        "/three": response("200 OK", 'ETag: "a"'),
    }

    state(probe_of(origin, authorization=SECRET))

    assert [path for path, _ in origin.requests] == ["/data", "/two?a=1", "/three"]
    assert {headers["authorization"] for _, headers in origin.requests} == {SECRET}


def test_where_a_redirect_leads_is_part_of_the_state(origin):
    origin.answers |= {"/v1": response("200 OK", 'ETag: "a"'), "/v2": response("200 OK", 'ETag: "a"')}

    first = probed(origin, response("302 Found", "Location: /v1"))

    assert probed(origin, response("302 Found", "Location: /v2")) != first
    assert probed(origin, response("302 Found", "Location: /v1")) == first


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{other}/data",
        "//127.0.0.1:{other}/data",
        "https://127.0.0.1:{origin}/data",
        "http://localhost:{origin}/data",
        "http://127.0.0.1/data",
        "http://user@127.0.0.1:{origin}/data",
        "http://127.0.0.1:{origin}@127.0.0.1:{other}/data",
        "file:///etc/passwd",
    ],
)
@pytest.mark.slow
def test_a_redirect_elsewhere_is_not_followed(origin, other, location):
    leads = location.format(origin=origin.port, other=other.port)
    origin.answers["/data"] = response("302 Found", f"Location: {leads}")
    other.answers["/data"] = response("200 OK", 'ETag: "a"')

    assert refusal(probe_of(origin, authorization=SECRET)) == "a redirect to another host, which is not followed"
    assert len(origin.requests) == 1
    assert other.requests == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (response("302 Found", "Location: /data"), "more than 5 redirects"),
        (response("301 Moved Permanently"), "a redirect that leads nowhere"),
        (response("401 Unauthorized", body=b"who is " + SECRET.encode()), "the answer was 401, expected 200"),
        (response("404 Not Found"), "the answer was 404, expected 200"),
        (response("500 Internal Server Error", 'ETag: "a"'), "the answer was 500, expected 200"),
        (response("206 Partial Content", 'ETag: "a"'), "the answer was 206, expected 200"),
        (b"garbage\r\n\r\n", "RemoteProtocolError"),
    ],
)
@pytest.mark.slow
def test_what_is_no_plain_answer_is_no_state(origin, answer, reason):
    origin.answers["/data"] = answer

    assert refusal(probe_of(origin, authorization=SECRET)).startswith(reason)


def test_nobody_there_is_a_failure(origin):
    origin.close()

    assert "does not answer (connection refused)" in refusal(probe_of(origin))


def test_cookies_are_not_kept_and_proxies_of_the_environment_not_used(origin, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    origin.answers |= {
        "/data": response("302 Found", "Set-Cookie: a=b", "Location: /two"),
        "/two": response("200 OK", 'ETag: "a"'),
    }

    state(probe_of(origin))

    assert "cookie" not in origin.requests[1][1]


@pytest.mark.parametrize(
    ("project_id", "path"),
    [
        ("5a8f-1", "/of/5a8f-1/data"),
        ("a/../b?c#d", "/of/a%2F..%2Fb%3Fc%23d/data"),
        ("ü \r\nX: y", "/of/%C3%BC%20%0D%0AX%3A%20y/data"),
    ],
)
def test_a_project_id_is_one_segment_of_the_path(origin, project_id, path):
    origin.answers[path] = response("200 OK", 'ETag: "a"')

    state(probe_of(origin, "/of/{project_id}/data", project_id=project_id))

    assert [path for path, _ in origin.requests] == [path]


@pytest.mark.parametrize("project_id", ["", ".", ".."])
def test_a_project_id_that_would_lead_elsewhere_is_refused(origin, project_id):
    reason = refusal(probe_of(origin, "/of/{project_id}/data", project_id=project_id))

    assert reason == "found a project id that cannot stand in an address"
    assert origin.requests == []


def test_a_missing_authorization_is_a_failure_before_anything_is_sent(origin):
    source = HttpSource(url=f"{origin.base}/data", authorization_env="AUTH")

    assert (
        refusal(HttpProbe(source, "p", Credential({}, env="AUTH")))
        == "the environment variable AUTH is empty or not set"
    )
    assert origin.requests == []


def test_a_source_has_a_proxy_of_its_own(origin):
    # A proxy is given the whole address, which this one hands on as it is.
    origin.answers["/data"] = origin.answers[f"{origin.base}/data"] = response("200 OK", 'ETag: "a"')
    direct = state(probe_of(origin))

    with company_proxy(origin.port) as proxy:
        assert state(probe_of(origin, proxy=proxy.address)) == direct

    assert proxy.requested == [f"GET {origin.base}/data HTTP/1.1"]


@pytest.mark.slow
def test_a_source_behind_a_proxy_that_inspects_needs_its_authority(tmp_path, monkeypatch):
    company = trustme.CA()
    company.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    url = "https://tables.example/data"
    with inspecting_proxy(company, "tables.example", response("200 OK", 'ETag: "a"')) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        reason = refusal(HttpProbe(HttpSource(url=url, proxy="environment"), "p", None))
        trusting = HttpSource(url=url, proxy="environment", ca_file=str(tmp_path / "ca.pem"))
        assert state(HttpProbe(trusting, "p", None))

    assert "the certificate of tables.example is not trusted" in reason
    assert "ca_file" in reason
    assert proxy.requested == ["CONNECT tables.example:443 HTTP/1.1"] * 2


def test_a_host_that_cannot_be_resolved_is_named_with_the_setting():
    source = HttpSource(url="https://no-such-host.invalid/secret-path")

    reason = refusal(HttpProbe(source, "p", None))

    assert "the name no-such-host.invalid cannot be resolved" in reason
    assert "is http.url right?" in reason
    assert "secret-path" not in reason
