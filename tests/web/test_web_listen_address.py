import socket

import pytest

from exporter.errors import ConfigError
from exporter.web.listen_address import Address, bind, bound_address, parse_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9891", "127.0.0.1", 9891),
        ("[::1]:9891", "::1", 9891),
        (":9891", "", 9891),
        ("localhost:0", "localhost", 0),
        ("0.0.0.0:65535", "0.0.0.0", 65535),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, host: str, port: int) -> None:
    address = parse_address(text)

    assert address == Address(host, port)
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9891",
        "localhost",
        "localhost:",
        "localhost:http",
        "::1:9891",
        "localhost:70000",
        "http://localhost:9891",
        "localhost:-1",
        "localhost:9891/metrics",
        "[::1]",
        "a b:1",
        "localhost:²",
    ],
)
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_address(text)

    expected = f'--web.listen-address: "{text}" is not valid; write HOST:PORT, [IPV6]:PORT or :PORT'
    assert str(caught.value) == expected


def test_a_free_port_is_taken_and_told() -> None:
    with bind(Address("127.0.0.1", 0)) as listener:
        address = bound_address(listener)

        assert address.host == "127.0.0.1"
        assert address.port > 0


def test_what_is_written_is_sent_at_once() -> None:
    """A delay for small packets would make every answer wait for the client's next acknowledgement."""
    with bind(Address("127.0.0.1", 0)) as listener, socket.create_connection(bound_address(listener)):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_port_in_use_is_an_error_that_names_the_address() -> None:
    with bind(Address("127.0.0.1", 0)) as listener:
        address = bound_address(listener)

        with pytest.raises(ConfigError) as caught:
            bind(address)

    assert str(caught.value) == f"--web.listen-address: cannot listen on {address}: Address already in use"


def test_a_host_that_does_not_exist_is_an_error_that_names_it() -> None:
    with pytest.raises(ConfigError, match=r"cannot listen on nowhere\.invalid:9891: "):
        bind(Address("nowhere.invalid", 9891))


def test_an_empty_host_is_every_address_of_the_machine() -> None:
    with bind(Address("", 0)) as listener:
        port = bound_address(listener).port

        with socket.create_connection(("127.0.0.1", port), timeout=20):
            pass


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
def test_an_ipv6_address_is_listened_on() -> None:
    try:
        listener = bind(Address("::1", 0))
    except ConfigError:
        pytest.skip("this machine has no IPv6 loopback")
    with listener:
        assert str(bound_address(listener)).startswith("[::1]:")
        with socket.create_connection(("::1", bound_address(listener).port), timeout=20):
            pass
