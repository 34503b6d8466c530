"""Where to listen: `HOST:PORT` as Prometheus writes it, bound before anything else begins."""

import os
import socket
from typing import NamedTuple

from exporter.config import UnfitError, host_and_port
from exporter.errors import ConfigError, ConfigProblem

LISTEN_FLAG = "--web.listen-address"
_BACKLOG = 256


class Address(NamedTuple):
    """A host (empty: all of this machine's addresses) and a port (0: any that is free)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str, flag: str = LISTEN_FLAG) -> Address:
    """The address in `HOST:PORT`, `[IPV6]:PORT` or `:PORT`; raises ConfigError that names the flag."""
    try:
        return Address(*host_and_port(text))
    except UnfitError as unfit:
        raise _refused(str(unfit), flag) from None


def bind(address: Address, flag: str = LISTEN_FLAG) -> socket.socket:
    """A socket that listens there; raises ConfigError with the flag, the address and the reason."""
    try:
        if not address.host:
            return _at_once(_bind_all(address.port))
        found = socket.getaddrinfo(*address, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # As in Go, a name that has addresses of both kinds means the IPv4 one.
        family, _, _, _, where = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        return _at_once(socket.create_server(where[:2], family=family, backlog=_BACKLOG))
    except OSError as error:
        # create_server spells the address out in its reason; a name's errors have numbers of their own.
        is_plain = error.errno is not None and not isinstance(error, socket.gaierror)
        reason = os.strerror(error.errno or 0) if is_plain else error.strerror
        raise _refused(f"cannot listen on {address}: {reason}", flag) from None


def bound_address(listener: socket.socket) -> Address:
    """Where a socket really listens."""
    host, port = listener.getsockname()[:2]
    return Address(host, port)


def _at_once(listener: socket.socket) -> socket.socket:
    # Accepted sockets inherit this; asyncio sets it only for listeners of its own making. Without it the second write
    # of an answer waits 40 ms for the client's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _bind_all(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("::", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
    return socket.create_server(("0.0.0.0", port), backlog=_BACKLOG)  # noqa: S104 - an empty host means it


def _refused(message: str, flag: str) -> ConfigError:
    return ConfigError(ConfigProblem(flag, message))
