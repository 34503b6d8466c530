"""Addresses: of Hex, the ledger, sources and the gateway. Messages never repeat one that may hold a secret."""

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Address, ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from exporter.config.error_wording import invalid, printable
from exporter.config.problems import UnfitError
from exporter.config.readers import Scalar
from exporter.config.route_settings import FROM_ENVIRONMENT

PROJECT_PLACEHOLDER = "{project_id}"
"""What stands in a source's address for the project's id."""

_API_PATH = "/api/v1"
_SQLITE = "sqlite:///"
_POSTGRES = re.compile(r"(?:postgresql|postgres)(?:\+psycopg)?://", re.IGNORECASE)
LEDGER_URL = "sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE"
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
_PATH_AND_QUERY = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*")
_HIGHEST_PORT = 65_535
_LOOPBACK_V4 = IPv4Network("127.0.0.0/8")
_LOOPBACK_V6 = IPv6Address("::1")


def base_url() -> Scalar[str]:
    """The address of a Hex API, see `normal_base_url`."""
    return _address("an address such as https://app.hex.tech/api/v1", normal_base_url)


def normal_base_url(text: str) -> str:
    """The address with its host in lower case and without a trailing slash; a host without a path gets `/api/v1`.

    Raises UnfitError unless it is https, or http to a loopback host (`localhost`, 127.0.0.0/8, `::1`), with nothing but
    host, port and path.
    """
    if "?" in text or "#" in text:
        raise UnfitError("the address has a query or a fragment; write it without")
    expected = "write https://HOST/api/v1"
    parts = _split(text, expected)
    if not _PATH.fullmatch(parts.path):
        raise UnfitError(f"the address cannot be read; {expected}")
    host = parts.hostname or ""
    if parts.scheme == "http" and not is_loopback(host):
        raise UnfitError(
            f"http:// to the host {host} is not encrypted; write https:// (http:// is for loopback hosts only)"
        )
    return f"{parts.scheme}://{parts.netloc.lower().rstrip(':')}{parts.path.rstrip('/') or _API_PATH}"


def ledger_url(folder: Path) -> Scalar[str]:
    """The address of a ledger; a relative path is taken from the folder."""

    def parse(text: str, tag: str) -> str:
        if tag != "str":
            raise ValueError
        return normal_ledger_url(text, folder)

    return Scalar(LEDGER_URL, parse, is_shown=False)


def normal_ledger_url(text: str, folder: Path) -> str:
    """The address with an absolute path, one of PostgreSQL as it is written.

    Raises UnfitError or ValueError; their messages never repeat it.
    """
    if is_postgres(text):
        rest = text.partition("://")[2]
        if not rest.partition("?")[0].strip("/") and "host=" not in rest:
            raise UnfitError("the address names no host; write postgresql://USER:PASSWORD@HOST/DATABASE")
        if not text.isprintable() or " " in text:
            raise UnfitError("the address has blanks or control characters; write them as %XX")
        return text
    path = text.removeprefix(_SQLITE)
    if path == text or not path.strip("/") or ":memory:" in path or not path.isprintable():
        raise ValueError
    if "?" in path:
        raise UnfitError("the address has options; write sqlite:///PATH without any")
    return f"{_SQLITE}{folder / path}"


def is_postgres(url: str) -> bool:
    """Whether an address of a ledger is one of PostgreSQL."""
    return _POSTGRES.match(url) is not None


def without_secrets(url: str) -> str:
    """An address of a ledger without its user name, password and options."""
    if not is_postgres(url):
        return url
    scheme, _, rest = url.partition("://")
    place, _, options = rest.partition("?")
    # An "@" after a "?" may end a password that has a "?" in it.
    return f"{scheme}://{'...' if '@' in options else place.rpartition('@')[2]}"


def source_url() -> Scalar[str]:
    """The address of a source, see `normal_source_url`."""
    return _address("an address such as https://data.example/orders.csv", normal_source_url)


def normal_source_url(text: str) -> str:
    """The address as it is written; `{project_id}` may stand in its path and its query.

    Raises UnfitError unless it is http or https to a host, without a user name and without a fragment.
    """
    expected = "write https://HOST/PATH"
    parts = _split(text, expected)
    if "#" in text:
        raise UnfitError("the address has a fragment, which is never sent; write it without")
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    if re.search(r"[{}]", target.replace(PROJECT_PLACEHOLDER, "")):
        raise UnfitError(f"the address has braces; write none but in {PROJECT_PLACEHOLDER}")
    if not _PATH_AND_QUERY.fullmatch(target.replace(PROJECT_PLACEHOLDER, "")):
        raise UnfitError(f"the address cannot be read; {expected}, odd characters as %XX")
    return text


def proxy() -> Scalar[str]:
    """Which proxy, see `normal_proxy`."""

    return _address("environment, or an address such as http://proxy.example:3128", normal_proxy)


def normal_proxy(text: str) -> str:
    """`environment` as it is, or the address of a proxy with its host in lower case and without a trailing slash.

    Raises UnfitError unless that is http or https to a host and a port, with nothing else.
    """
    if text == FROM_ENVIRONMENT:
        return text
    expected = "write environment or http://HOST:PORT"
    if "@" in text:
        raise UnfitError("the proxy has a user name; write USER:PASSWORD into a file, and add proxy_credentials_file")
    parts = _split(text, expected, scheme="http")
    if parts.port is None:
        raise UnfitError(f"the proxy has no port; {expected}")
    if parts.path.rstrip("/") or parts.query or "#" in text:
        raise UnfitError(f"the proxy has a path; {expected}")
    return f"{parts.scheme}://{parts.netloc.lower()}"


def is_plain_to_others(url: str) -> bool:
    """Whether what is sent there can be read on the way: http to a host that is not a loopback one."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def public_url() -> Scalar[str]:
    """The address under which callers reach the gateway, see `normal_public_url`."""
    return _address("an address such as https://hex-gateway.example", normal_public_url)


def normal_public_url(text: str) -> str:
    """The address as `normal_person_url` has it, without `/api/v1`. Raises UnfitError as that does."""
    return normal_person_url(text).removesuffix(_API_PATH).rstrip("/")


def person_url() -> Scalar[str]:
    """An address that people open in a browser, see `normal_person_url`."""
    return _address("an address such as https://grafana.example", normal_person_url)


def normal_person_url(text: str) -> str:
    """The address with its host in lower case and without a trailing slash.

    Raises UnfitError unless it is http or https to a host, with at most a port and a path.
    """
    expected = "write https://HOST"
    if "?" in text or "#" in text:
        raise UnfitError(f"the address has a query or a fragment; {expected}")
    parts = _split(text, expected)
    if not _PATH.fullmatch(parts.path):
        raise UnfitError(f"the address cannot be read; {expected}")
    return f"{parts.scheme}://{parts.netloc.lower().rstrip(':')}{parts.path.rstrip('/')}"


def listen_address() -> Scalar[str]:
    """Where to listen, as `HOST:PORT`; no host means all of this machine's addresses."""

    def parse(text: str, tag: str) -> str:
        if tag not in ("str", "int"):  # YAML 1.1 takes `:9892` for text and `1:30` for a number
            raise ValueError
        host_and_port(text)
        return text

    return Scalar("HOST:PORT such as 127.0.0.1:9892", parse)


def advertised_address() -> Scalar[str]:
    """Where other machines reach this one, see `normal_advertised`."""

    def parse(text: str, tag: str) -> str:
        if tag not in ("str", "int"):
            raise ValueError
        return normal_advertised(text)

    return Scalar("HOST:PORT such as 10.0.0.7:9892", parse)


def normal_advertised(text: str) -> str:
    """The `HOST:PORT` as it is; raises UnfitError for one that no other machine can connect to."""
    host, port = host_and_port(text)
    if host in ("", "0.0.0.0", "::") or port == 0:  # noqa: S104 - refused here, not listened on
        raise UnfitError("replicas cannot connect to that; write the host and the port by which they reach this one")
    return text


def host_and_port(text: str) -> tuple[str, int]:
    """The parts of `HOST:PORT`, `[IPV6]:PORT` or `:PORT`; raises UnfitError."""
    host, colon, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    is_host = is_bracketed or not set(host) & set(":[]/@ ")
    if not (colon and is_host and port.isascii() and port.isdigit() and int(port[:6]) <= _HIGHEST_PORT):
        raise UnfitError(invalid(f'"{printable(text)}"', "HOST:PORT, [IPV6]:PORT or :PORT"))
    return host.strip("[]"), int(port)


def is_public(address: str) -> bool:
    """Whether other machines can reach what listens on this `HOST:PORT`."""
    return not is_loopback(host_and_port(address)[0])


def is_loopback(host: str) -> bool:
    """Whether this host, as an address names it, is the machine itself."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address == _LOOPBACK_V6 if isinstance(address, IPv6Address) else address in _LOOPBACK_V4


def _address(expected: str, normal: Callable[[str], str]) -> Scalar[str]:
    """A reader of one kind of address; its messages never show the value."""

    def parse(text: str, tag: str) -> str:
        if tag != "str":
            raise ValueError
        return normal(text)

    return Scalar(expected, parse, is_shown=False)


def _split(text: str, expected: str, *, scheme: str = "https") -> SplitResult:
    """The parts of an http address that names nothing before its host; raises UnfitError."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UnfitError(f"the address cannot be read; {expected}") from None
    if parts.scheme not in ("https", "http"):
        raise UnfitError(f"the address does not begin with {scheme}://; {expected}")
    if "@" in parts.netloc:
        raise UnfitError("the address has a user name; write the host only")
    host = re.sub(r":[0-9]*$", "", parts.netloc)
    # urlsplit drops line ends and tabs, and lets odd characters through.
    if (
        port == 0
        or re.search(r"[\x00-\x1f]", text)
        or not _HOST.fullmatch(host)
        or not text.lower().startswith(f"{parts.scheme}://{parts.netloc}".lower())
    ):
        raise UnfitError(f"the address cannot be read; {expected}")
    return parts
