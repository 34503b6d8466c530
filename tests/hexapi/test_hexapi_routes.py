"""The way to a server: direct, through a proxy, past one that inspects TLS; over real sockets."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
import trustme
from helpers.proxying import CompanyProxy, company_proxy
from helpers.route_asking import HOST, URL, ask, body, reason, serving

from exporter.config import Route
from exporter.hexapi import Answer, Exchanger, NoAnswer, way, whole_body
from exporter.hexapi.proxy import proxy_of

pytestmark = pytest.mark.integration

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(ca: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def inspecting(ca: trustme.CA) -> Iterator[CompanyProxy]:
    """A proxy behind which a server speaks TLS with the company's certificate."""
    with serving(ca) as server, company_proxy(server.server_address[1]) as proxy:
        yield proxy


class TestProxy:
    def test_a_configured_one_is_used_with_its_authority(self, inspecting: CompanyProxy, ca_file: str) -> None:
        found = ask(Route(proxy=inspecting.address, ca_file=ca_file))

        assert body(found) == b"GET /api/v1/projects None"
        assert inspecting.requested == [f"CONNECT {HOST}:443 HTTP/1.1"]

    @pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
    def test_the_environments_is_used_where_it_is_said(
        self, inspecting: CompanyProxy, ca_file: str, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        monkeypatch.setenv(variable, inspecting.address)

        assert body(ask(Route(proxy="environment", ca_file=ca_file))) == b"GET /api/v1/projects None"

    def test_the_environments_is_not_used_unless_it_is_said(
        self, inspecting: CompanyProxy, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", inspecting.address)

        assert isinstance(ask(Route()), NoAnswer)
        assert inspecting.requested == []

    @pytest.mark.parametrize("exception", ["localhost", "example.org,localhost:443", "*", ".localhost"])
    def test_no_proxy_leaves_hosts_out(self, monkeypatch: pytest.MonkeyPatch, exception: str) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", exception)

        assert proxy_of(Route(proxy="environment"), httpx.URL("https://localhost/")) is None

    @pytest.mark.parametrize(
        ("exceptions", "host", "is_direct"),
        [
            ("10.0.0.0/8", "10.1.2.3", True),
            ("localhost, 10.0.0.5/8 ,nonsense/99", "10.1.2.3", True),
            ("fd00::/8", "[fd12::1]", True),
            ("10.0.0.0/8,fd00::/8", "11.1.2.3", False),
            ("0.0.0.0/0", HOST, False),
            ("nonsense/99", "10.1.2.3", False),
        ],
    )
    def test_no_proxy_takes_ranges_of_addresses(
        self, monkeypatch: pytest.MonkeyPatch, exceptions: str, host: str, is_direct: bool
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
        monkeypatch.setenv("NO_PROXY", exceptions)

        assert (proxy_of(Route(proxy="environment"), httpx.URL(f"https://{host}/")) is None) == is_direct

    def test_a_configured_one_ignores_no_proxy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_PROXY", "*")

        found = proxy_of(Route(proxy="http://proxy.example:3128"), httpx.URL(URL))

        assert found is not None
        assert found.address == "http://proxy.example:3128"

    def test_a_plain_request_goes_through_it_too(self) -> None:
        with serving() as server, company_proxy(server.server_address[1]) as proxy:
            assert body(ask(Route(proxy=proxy.address), f"http://{HOST}/orders")) is not None

        assert proxy.requested == [f"GET http://{HOST}/orders HTTP/1.1"]

    @pytest.mark.parametrize(
        ("written", "address"),
        [
            ("proxy.example:3128", "http://proxy.example:3128"),
            ("http://proxy.example", "http://proxy.example:80"),
            ("http://[::1]:3128/", "http://[::1]:3128"),
        ],
    )
    def test_the_environment_may_leave_out_scheme_and_port(
        self, monkeypatch: pytest.MonkeyPatch, written: str, address: str
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", written)
        found = proxy_of(Route(proxy="environment"), httpx.URL(URL))

        assert found is not None
        assert found.address == address

    def test_one_of_the_environment_that_cannot_be_used_is_said(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "socks5://user:s3cret@proxy.example:1080")

        assert reason(ask(Route(proxy="environment"))) == (
            "the proxy of the environment: cannot be used; write http://HOST:PORT in HTTPS_PROXY, HTTP_PROXY or "
            "ALL_PROXY"
        )


class TestCredentials:
    @pytest.fixture
    def closed(self, ca: trustme.CA) -> Iterator[CompanyProxy]:
        with serving(ca) as server, company_proxy(server.server_address[1], "user:s3cret") as proxy:
            yield proxy

    def test_they_come_from_a_file_which_is_read_again(
        self, closed: CompanyProxy, ca_file: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "credentials"
        file.write_text("user:old\n")
        route = Route(proxy=closed.address, proxy_credentials_file=str(file), ca_file=ca_file)

        async def twice() -> list[Answer[bytes] | NoAnswer]:
            async with Exchanger(route=route) as http:
                read = partial(whole_body, limit_bytes=1000)
                found = [await http.exchange(http.request("GET", URL), read, deadline_seconds=20)]
                file.write_text("user:s3cret\n\n")
                return [*found, await http.exchange(http.request("GET", URL), read, deadline_seconds=20)]

        refused, answered = asyncio.run(twice())

        assert reason(refused) == (
            f"the proxy {closed.address} opens no way to {HOST} (407 Proxy Authentication Required); "
            "its credentials go in proxy_credentials_file"
        )
        assert body(answered) == b"GET /api/v1/projects None"

    def test_they_may_stand_in_the_environment(
        self, closed: CompanyProxy, ca_file: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:s3cret@127.0.0.1:{closed.port}")

        assert body(ask(Route(proxy="environment", ca_file=ca_file))) is not None
        assert "s3cret" not in way(Route(proxy="environment"), URL)

    def test_a_file_that_is_missing_is_said_and_nothing_is_sent(self, closed: CompanyProxy, tmp_path: Path) -> None:
        route = Route(proxy=closed.address, proxy_credentials_file=str(tmp_path / "none"))

        assert reason(ask(route)).startswith(f"proxy_credentials_file: the file {tmp_path / 'none'} cannot be read")
        assert closed.requested == []

    def test_a_reason_never_shows_them(self, tmp_path: Path) -> None:
        file = tmp_path / "credentials"
        file.write_text("user:s3cret")
        with serving() as server, company_proxy(server.server_address[1], "other:one") as proxy:
            found = ask(Route(proxy=proxy.address, proxy_credentials_file=str(file)))

        assert "s3cret" not in repr(found)


class TestTrust:
    def test_ssl_cert_file_is_trusted_beside_the_usual(
        self, inspecting: CompanyProxy, ca_file: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", ca_file)

        assert body(ask(Route(proxy=inspecting.address))) is not None

    def test_an_authority_that_is_not_named_is_not_trusted_and_the_reason_says_what_to_do(
        self, inspecting: CompanyProxy
    ) -> None:
        found = reason(ask(Route(proxy=inspecting.address)))

        assert found.startswith(f"the certificate of {HOST} is not trusted (")
        assert found.endswith("is base_url right? If a proxy inspects TLS, give its authority in ca_file")

    def test_a_file_that_has_gone_since_is_said(self, tmp_path: Path) -> None:
        route = Route(ca_file=str(tmp_path / "gone.pem"))

        expected = f"ca_file: {tmp_path / 'gone.pem'} cannot be read as certificates (No such file or directory)"
        assert reason(ask(route)) == expected

    def test_a_file_that_was_replaced_is_read_again(
        self, inspecting: CompanyProxy, ca: trustme.CA, tmp_path: Path
    ) -> None:
        file = tmp_path / "rotating.pem"
        trustme.CA().cert_pem.write_to_path(str(file))
        route = Route(proxy=inspecting.address, ca_file=str(file))
        assert isinstance(ask(route), NoAnswer)

        ca.cert_pem.write_to_path(str(file), append=True)
        assert body(ask(route)) is not None


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_connection_that_breaks_before_anything_is_sent_is_made_once_more(
    ca: trustme.CA, ca_file: str, method: str
) -> None:
    with serving(ca) as server:
        server.resets = 1
        url = f"https://localhost:{server.server_address[1]}/runs"

        assert body(ask(Route(ca_file=ca_file), url, method)) == f"{method} /runs None".encode()
        assert server.connections == 2


def test_it_is_made_once_more_and_no_oftener(ca: trustme.CA, ca_file: str) -> None:
    with serving(ca) as server:
        server.resets = 9

        reason(ask(Route(ca_file=ca_file), f"https://localhost:{server.server_address[1]}/runs", "POST"))

        assert server.connections == 2
