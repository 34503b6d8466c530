"""Addresses: where Hex is, and where the ledger is. Messages never repeat what may hold a password."""

import re
from ipaddress import IPv4Network, IPv6Address, ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from exporter.config.problems import UnfitError
from exporter.config.readers import Scalar

_API_PATH = "/api/v1"
_SQLITE = "sqlite:///"
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
_LOOPBACK_V4 = IPv4Network("127.0.0.0/8")
_LOOPBACK_V6 = IPv6Address("::1")


def base_url() -> Scalar[str]:
    """The address of a Hex API, see `normal_base_url`."""

    def parse(text: str, tag: str) -> str:
        if tag != "str":
            raise ValueError
        return normal_base_url(text)

    return Scalar("an address such as https://app.hex.tech/api/v1", parse, is_shown=False)


def normal_base_url(text: str) -> str:
    """The address with its host in lower case and without a trailing slash; a host alone gets `/api/v1`.

    Raises UnfitError unless it is https, or http to a loopback host (`localhost`, 127.0.0.0/8, `::1`), with nothing but
    host, port and path.
    """
    if "?" in text or "#" in text:
        raise UnfitError("found a query or a fragment, expected an address that ends with the path")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UnfitError("found an address that cannot be read, expected https://HOST/api/v1") from None

    if parts.scheme not in ("https", "http"):
        raise UnfitError("found an address without https://, expected https://HOST/api/v1")
    if "@" in parts.netloc:
        raise UnfitError("found a user name before the host, expected the host alone")
    if port == 0 or not (_is_written_plainly(text, parts) and _PATH.fullmatch(parts.path)):
        raise UnfitError("found an address that cannot be read, expected https://HOST/api/v1")
    host = parts.hostname or ""
    if parts.scheme == "http" and not is_loopback(host):
        raise UnfitError(f"found http:// to the host {host}, expected https://; plain http is for loopback hosts only")
    return f"{parts.scheme}://{parts.netloc.lower().rstrip(':')}{parts.path.rstrip('/') or _API_PATH}"


def ledger_url(folder: Path) -> Scalar[str]:
    """The address of a ledger; a relative path is taken from the folder."""

    def parse(text: str, tag: str) -> str:
        if tag != "str":
            raise ValueError
        scheme = text.partition(":")[0]
        if scheme.partition("+")[0] in ("postgresql", "postgres"):
            raise UnfitError(
                "found a PostgreSQL address, expected sqlite:///PATH; PostgreSQL comes with a later version"
            )
        path = text.removeprefix(_SQLITE)
        if path == text or not path.strip("/") or ":memory:" in path or not path.isprintable():
            raise ValueError
        if "?" in path:
            raise UnfitError("found an address with options, expected sqlite:///PATH without any")
        return f"{_SQLITE}{folder / path}"

    return Scalar("sqlite:///PATH", parse, is_shown=False)


def _is_written_plainly(text: str, parts: SplitResult) -> bool:
    """Whether the address is what it looks like: urlsplit drops line ends and lets odd characters through."""
    host = re.sub(r":[0-9]*$", "", parts.netloc)
    return bool(_HOST.fullmatch(host)) and text.lower() == f"{parts.scheme}://{parts.netloc}{parts.path}".lower()


def is_loopback(host: str) -> bool:
    """Whether this host, as an address names it, is the machine itself."""
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address == _LOOPBACK_V6 if isinstance(address, IPv6Address) else address in _LOOPBACK_V4
