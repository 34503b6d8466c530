"""What is said where no answer came, and which way a request went."""

import socket

import pytest
from helpers.route_asking import URL, ask, reason, serving

from exporter.config import Route
from exporter.errors import ConfigError
from exporter.hexapi import way


class TestReasons:
    """A name that cannot be resolved, and no TLS: with host, setting and what may be the cause."""

    def test_a_name_that_cannot_be_resolved(self) -> None:
        found = reason(ask(Route(), "https://no-such-host.invalid/"))

        assert found.startswith("the name no-such-host.invalid cannot be resolved (")
        assert found.endswith("is base_url right? Where only a proxy knows it, give the proxy in proxy")

    def test_the_name_of_a_proxy_that_cannot_be_resolved(self) -> None:
        found = reason(ask(Route(proxy="http://no-such-proxy.invalid:3128")))

        assert found.startswith("the name of the proxy http://no-such-proxy.invalid:3128 cannot be resolved (")
        assert found.endswith("is proxy right?")

    def test_a_server_that_speaks_no_tls(self) -> None:
        with serving() as server:
            found = reason(ask(Route(), f"https://localhost:{server.server_address[1]}/"))

        assert found.startswith("no TLS with localhost (")
        assert found.endswith("If a proxy answers in its place, see proxy and ca_file")

    def test_a_proxy_that_is_not_there(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]

        assert f"the proxy http://127.0.0.1:{port} does not answer (connection refused): is proxy right?" in reason(
            ask(Route(proxy=f"http://127.0.0.1:{port}"))
        )

    def test_flags_are_named_as_flags(self) -> None:
        found = reason(ask(Route(), "https://no-such-host.invalid/", setting="--gateway"))

        assert "is --gateway right?" in found
        assert found.endswith("--proxy")


class TestWay:
    def test_it_is_said_in_words(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert way(Route(), URL) == "directly"
        assert way(Route(proxy="environment"), URL) == "directly: the environment names no proxy for this host"
        assert way(Route(proxy="http://p.example:1", ca_file="/ca.pem"), URL) == (
            "through the proxy http://p.example:1; the authorities in /ca.pem are trusted too"
        )

        monkeypatch.setenv("HTTPS_PROXY", "http://q.example:2")
        assert way(Route(proxy="environment"), URL) == "through the proxy http://q.example:2 of the environment"
        assert way(Route(), URL) == "directly; the environment names a proxy, which `proxy: environment` would use"

    def test_a_proxy_that_cannot_be_used_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", "ftp://q.example:2")

        with pytest.raises(ConfigError, match="the proxy of the environment"):
            way(Route(proxy="environment"), URL)
