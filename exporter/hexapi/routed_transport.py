"""Connections by a configured route: one pool a proxy, and one whose connections are never used twice."""

import asyncio
import importlib.util
import ssl
import sys
from typing import NamedTuple

import httpx

from exporter.config import Route
from exporter.errors import ConfigError
from exporter.hexapi.proxy import Proxy, proxy_of
from exporter.hexapi.tls_trust import trusted

if importlib.util.find_spec("sniffio") is None:
    # httpcore imports it four times a request. Where it is not installed, as with anyio from 4.12 on, Python searches
    # every folder for it each time, which takes as long as all else; this entry is its word for "it is not there".
    sys.modules["sniffio"] = None  # type: ignore[assignment]

FRESH = "fresh"
"""The extension of a request that must have a connection of its own."""


class RouteError(httpx.ConnectError):
    """The route cannot be used as it is configured; the message says what to change. Nothing was sent."""


class _Use(NamedTuple):
    """Which pool a request belongs to."""

    proxy: Proxy | None
    has_tls: bool
    is_fresh: bool


class RoutedTransport(httpx.AsyncBaseTransport):
    """Sends each request on its route. Pools are made when they are first needed. For use in one event loop."""

    def __init__(self, route: Route, limits: httpx.Limits) -> None:
        self._route = route
        self._limits = limits
        # New credentials of a proxy make another pool; the one before ends with its last connection.
        self._pools: dict[_Use, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """httpx calls this for each request that it sends; raises RouteError beside httpx's own errors."""
        try:
            proxy = proxy_of(self._route, request.url)
            use = _Use(proxy, _needs_tls(request.url, proxy), FRESH in request.extensions)
            if use not in self._pools:
                self._pools.setdefault(use, await self._pool(use))
        except ConfigError as error:
            raise RouteError(str(error), request=request) from None
        return await self._pools[use].handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for pool in self._pools.values():
            await pool.aclose()

    async def _pool(self, use: _Use) -> httpx.AsyncHTTPTransport:
        # Reading the authorities takes a moment: in another thread, and only where they are needed.
        trust = (
            await asyncio.to_thread(trusted, self._route.ca_file)
            if use.has_tls
            else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
        limits = httpx.Limits(max_keepalive_connections=0) if use.is_fresh else self._limits
        proxy = None if use.proxy is None else use.proxy.as_httpx(trust)
        return httpx.AsyncHTTPTransport(verify=trust, trust_env=False, limits=limits, proxy=proxy)


def _needs_tls(url: httpx.URL, proxy: Proxy | None) -> bool:
    return url.scheme == "https" or (proxy is not None and proxy.address.startswith("https:"))
