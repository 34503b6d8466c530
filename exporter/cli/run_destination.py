"""Which gateway runs are requested from, and with whose token: from flags, environment and configuration."""

from collections.abc import Mapping
from pathlib import Path

from exporter.client import Destination
from exporter.config import (
    TOKEN_VARIABLE,
    Config,
    Gateway,
    Route,
    UnfitError,
    host_and_port,
    is_plain_to_others,
    normal_proxy,
    normal_public_url,
)
from exporter.errors import ConfigError, ConfigProblem
from exporter.hexapi import TokenSource
from exporter.service import read_config, token_of

GATEWAY_VARIABLE = "HEX_GATEWAY_URL"

_ALL_ADDRESSES = ("", "0.0.0.0", "::")  # noqa: S104 - read, not bound


def find_destination(
    config_file: Path | None,
    environ: Mapping[str, str],
    gateway: str | None,
    *,
    allows_insecure: bool,
    route: Route | None = None,
) -> Destination:
    """The gateway that is named by the flag, else by `HEX_GATEWAY_URL`, else by the configuration.

    The way to it is `route`, else that of the workspace whose Hex is named in a gateway's place, else the direct one.

    The token is that of `HEX_API_TOKEN`, else of the gateway's workspace. Raises ConfigError when either cannot be had,
    and for plain http to another machine unless that was allowed by the flag or the configuration.
    """
    config = read_config(config_file, environ)
    where, written = _named(config, environ, gateway)
    try:
        url = normal_public_url(written)
    except UnfitError as unfit:
        raise ConfigError(ConfigProblem(where, str(unfit))) from None
    is_allowed = allows_insecure or (config.gateway is not None and config.gateway.allow_insecure)
    if is_plain_to_others(url) and not is_allowed:
        problem = (
            "http:// to another machine is not encrypted, and the token is sent there; write https://, "
            "or add --allow-insecure"
        )
        raise ConfigError(ConfigProblem(where, problem))
    return Destination(url, _token(config, environ), route or _way_to(url, config))


def route_of(proxy: str | None, proxy_credentials_file: str | None, ca_file: str | None) -> Route | None:
    """The way that flags give, None if they give none; raises ConfigError."""
    if (proxy, proxy_credentials_file, ca_file) == (None, None, None):
        return None
    try:
        way = None if proxy is None else normal_proxy(proxy)
        return Route(proxy=way, proxy_credentials_file=proxy_credentials_file, ca_file=ca_file)
    except ValueError as unfit:
        raise ConfigError(ConfigProblem("--proxy", str(unfit))) from None


def _named(config: Config, environ: Mapping[str, str], flag: str | None) -> tuple[str, str]:
    """Which setting names the gateway, and what it says."""
    if flag is not None:
        return "--gateway", flag
    if variable := environ.get(GATEWAY_VARIABLE):
        return GATEWAY_VARIABLE, variable
    if config.gateway is None:
        problem = (
            f"is missing; give the gateway's address, set {GATEWAY_VARIABLE}, or name a --config.file with a gateway"
        )
        raise ConfigError(ConfigProblem("--gateway", problem))
    if config.gateway.public_url is not None:
        return "gateway.public_url", config.gateway.public_url
    return "gateway.listen_address", _from_here(config.gateway)


def _from_here(gateway: Gateway) -> str:
    """The address at which a gateway is reached from its own machine."""
    host, port = host_and_port(gateway.listen_address)
    if port == 0:
        problem = "port 0 is any that is free; give the one it is with --gateway"
        raise ConfigError(ConfigProblem("gateway.listen_address", problem))
    name = "localhost" if host in _ALL_ADDRESSES else f"[{host}]" if ":" in host else host
    scheme = "http" if gateway.web_config_file is None else "https"
    return f"{scheme}://{name}:{port}"


def _way_to(url: str, config: Config) -> Route:
    """The way to a workspace of the configuration, if that is what the address names; directly to anything else."""
    return next((one for one in config.workspaces if normal_public_url(one.base_url) == url), Route())


def _token(config: Config, environ: Mapping[str, str]) -> TokenSource:
    if value := environ.get(TOKEN_VARIABLE, "").strip():
        return TokenSource(value=value)
    return token_of(config.gateway_workspace, environ)
