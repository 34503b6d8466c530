"""How requests leave this machine: directly or through a proxy, and whose certificates are trusted."""

from msgspec import Struct

FROM_ENVIRONMENT = "environment"
"""In the place of a proxy's address: the proxy that HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY name."""


class Route(Struct, frozen=True, kw_only=True):
    """The way to one server. The proxy's credentials are never here: only the file that has them, as `USER:PASSWORD`.

    `proxy` is None (direct), FROM_ENVIRONMENT or an address. `ca_file` has authorities in PEM that are trusted beside
    the usual ones. Raises ValueError for credentials without a proxy.
    """

    proxy: str | None = None
    proxy_credentials_file: str | None = None
    ca_file: str | None = None

    def __post_init__(self) -> None:
        if self.proxy_credentials_file is not None and self.proxy is None:
            raise ValueError("proxy_credentials_file is for a proxy; add proxy, or remove it")
