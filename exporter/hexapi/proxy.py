"""Which proxy a request goes through: none, the one that the environment names, or the configured one."""

import ssl
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

import httpx

from exporter.config import FROM_ENVIRONMENT, Route, UnfitError, normal_proxy
from exporter.errors import ConfigError, ConfigProblem
from exporter.hexapi.token import Secret, TokenSource

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy's address, and its credentials as `USER:PASSWORD` where it needs them."""

    address: str
    credentials: Secret | None = None

    def as_httpx(self, trust: ssl.SSLContext) -> httpx.Proxy:
        """The proxy as httpx takes it; `trust` is for one that is itself reached by https."""
        context = trust if self.address.startswith("https:") else None
        if self.credentials is None:
            return httpx.Proxy(self.address, ssl_context=context)
        user, _, password = self.credentials.reveal().partition(":")
        return httpx.Proxy(self.address, ssl_context=context, auth=(user, password))


def proxy_of(route: Route, url: httpx.URL) -> Proxy | None:
    """The proxy for requests to `url`, None if they go directly.

    The environment is read as curl and most programs do: HTTPS_PROXY, HTTP_PROXY and ALL_PROXY by the URL's scheme,
    lower case first, unless NO_PROXY has the host or a range with its address, such as 10.0.0.0/8. The credentials'
    file is read each time, so that new ones apply at once. Raises ConfigError where either cannot be used.
    """
    if route.proxy is None:
        return None
    address, credentials = route.proxy, None
    if address == FROM_ENVIRONMENT:
        written = _of_environment(url)
        if not written:
            return None
        address, credentials = _parts(written)
    if route.proxy_credentials_file is not None:
        file = route.proxy_credentials_file
        credentials = TokenSource(file, setting="proxy_credentials_file", holds="line USER:PASSWORD").read()
    return Proxy(address, credentials)


def way(route: Route, url: str) -> str:
    """How requests to `url` go, in words: directly or through which proxy, and who is trusted beside the usual.

    Raises ConfigError as `proxy_of` does.
    """
    parsed = httpx.URL(url)
    proxy = proxy_of(route, parsed)
    if proxy is not None:
        origin = " of the environment" if route.proxy == FROM_ENVIRONMENT else ""
        said = f"through the proxy {proxy.address}{origin}"
    elif route.proxy == FROM_ENVIRONMENT:
        said = "directly: the environment names no proxy for this host"
    elif _of_environment(parsed):
        said = "directly; the environment names a proxy, which `proxy: environment` would use"
    else:
        said = "directly"
    return said if route.ca_file is None else f"{said}; the authorities in {route.ca_file} are trusted too"


def _of_environment(url: httpx.URL) -> str | None:
    proxies = getproxies_environment()
    port = url.port or _DEFAULT_PORTS.get(url.scheme, 0)
    exceptions = proxies.get("no", "")
    if proxy_bypass_environment(f"{url.host}:{port}", proxies) or _is_in_a_range(url.host, exceptions):
        return None
    return proxies.get(url.scheme) or proxies.get("all")


def _is_in_a_range(host: str, exceptions: str) -> bool:
    """Whether the host is written as an address that is in one of the ranges in NO_PROXY; names are not looked up."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    for one in exceptions.split(","):
        try:
            if "/" in one and address in ip_network(one.strip(), strict=False):
                return True
        except ValueError:  # meant for another program
            continue
    return False


def _parts(written: str) -> tuple[str, Secret | None]:
    """The address and the credentials in `http://USER:PASSWORD@HOST:PORT`, as the environment has it."""
    expected = "write http://HOST:PORT in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY"
    try:
        parsed = httpx.URL(written if "://" in written else f"http://{written}")
        port = parsed.port or _DEFAULT_PORTS.get(parsed.scheme)
        host = f"[{parsed.host}]" if ":" in parsed.host else parsed.host
        address = normal_proxy(f"{parsed.scheme}://{host}:{port}")
    except (httpx.InvalidURL, UnfitError, ValueError):
        raise ConfigError(ConfigProblem("the proxy of the environment", f"cannot be used; {expected}")) from None
    return address, Secret(f"{parsed.username}:{parsed.password}") if parsed.userinfo else None
