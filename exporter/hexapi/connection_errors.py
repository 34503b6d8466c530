"""Why no connection came about, in one phrase that names the host, the setting and what to try."""

import os
import socket
import ssl
from collections.abc import Iterator

import httpx

from exporter.config import Route
from exporter.errors import ConfigError
from exporter.hexapi.proxy import proxy_of
from exporter.hexapi.routed_transport import RouteError

_NEEDS_CREDENTIALS = "407"
_PORTS = {"http": 80, "https": 443}


def reason_of(error: Exception, url: httpx.URL, route: Route, setting: str) -> str:
    """The phrase for an error that httpx raised; `setting` is what holds the address, a flag or a key.

    It may hold what the error says, secrets included: to be redacted.
    """
    if isinstance(error, RouteError):
        return str(error)
    proxy = _proxy(route, url)
    keys = _Keys(setting)
    chain = list(_chain(error))
    if found := next((one for one in chain if isinstance(one, socket.gaierror)), None):
        said = found.strerror or "no such name"
        if proxy is not None:
            return f"the name of the proxy {proxy} cannot be resolved ({said}): is {keys.proxy} right?"
        return (
            f"the name {url.host} cannot be resolved ({said}): is {setting} right? "
            f"Where only a proxy knows it, give the proxy in {keys.proxy}"
        )
    if untrusted := next((one for one in chain if isinstance(one, ssl.SSLCertVerificationError)), None):
        return (
            f"the certificate of {url.host} is not trusted ({untrusted.verify_message}): is {setting} right? "
            f"If a proxy inspects TLS, give its authority in {keys.ca_file}"
        )
    if broken := next((one for one in chain if isinstance(one, ssl.SSLError)), None):
        return (
            f"no TLS with {url.host} ({broken.reason or type(broken).__name__}): is {setting} right? "
            f"If a proxy answers in its place, see {keys.proxy} and {keys.ca_file}"
        )
    if isinstance(error, httpx.ProxyError):
        hint = f"; its credentials go in {keys.credentials}" if _NEEDS_CREDENTIALS in str(error) else ""
        return f"the proxy {proxy} opens no way to {url.host} ({error}){hint}"
    errno = next((one.errno for one in chain if isinstance(one, OSError) and one.errno), None)
    if isinstance(error, httpx.ConnectError) and errno is not None:
        said = os.strerror(errno).lower()
        if proxy is not None:
            return f"the proxy {proxy} does not answer ({said}): is {keys.proxy} right?"
        return (
            f"{url.host}:{url.port or _PORTS[url.scheme]} does not answer ({said}): is {setting} right? "
            f"Where a proxy is the only way out, give it in {keys.proxy}"
        )
    said = f"{type(error).__name__}: {error}".removesuffix(": ")
    return f"{said} (by the proxy {proxy})" if proxy is not None else said


class _Keys:
    """What the route's settings are called beside a setting: keys of the file, or flags."""

    def __init__(self, setting: str) -> None:
        is_flag = setting.startswith("--")
        self.proxy = "--proxy" if is_flag else "proxy"
        self.ca_file = "--ca-file" if is_flag else "ca_file"
        self.credentials = "--proxy-credentials-file" if is_flag else "proxy_credentials_file"


def _proxy(route: Route, url: httpx.URL) -> str | None:
    try:
        proxy = proxy_of(route, url)
    except ConfigError:
        return None
    return None if proxy is None else proxy.address


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
