"""Under which paths the exporter is served, and the URL by which people outside reach it, as Prometheus has them."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from exporter.errors import ConfigError, ConfigProblem

_UNFIT = re.compile(r'[\x00-\x20\x7f"<>?#\\]')
"""What no path in a request or a link has as it is."""


@dataclass(frozen=True, slots=True)
class WebPaths:
    """`prefix` is empty or such as `/hex`; `telemetry` is the path of the metrics below it.

    `external_url` has no slash at its end, None: the address that is listened on is what people reach.
    """

    prefix: str = ""
    telemetry: str = "/metrics"
    external_url: str | None = None

    def below(self, path: str) -> str:
        """The whole path of one that begins with a slash."""
        return self.prefix + path

    def url(self, scheme: str, address: object) -> str:
        """Where people reach the exporter that listens there; no slash at the end."""
        return f"{scheme}://{address}{self.prefix}" if self.external_url is None else self.external_url


def read_web_paths(
    *, telemetry_path: str = "/metrics", external_url: str | None = None, route_prefix: str | None = None
) -> WebPaths:
    """The paths by the flags; without a route prefix it is the path of the external URL.

    Raises ConfigError with every flag that cannot be used.
    """
    problems: list[ConfigProblem] = []
    if not telemetry_path.startswith("/") or _UNFIT.search(telemetry_path):
        said = f'"{telemetry_path}" is not valid; write a path such as /metrics'
        problems.append(ConfigProblem("--web.telemetry-path", said))
    external = None
    if external_url:
        try:
            external = _normal_url(external_url)
        except ValueError:
            said = f'"{external_url}" is not valid; write a URL such as https://monitoring.example/hex/'
            problems.append(ConfigProblem("--web.external-url", said))
    if route_prefix is not None and _UNFIT.search(route_prefix):
        said = f'"{route_prefix}" is not valid; write a path such as /hex, or / for none'
        problems.append(ConfigProblem("--web.route-prefix", said))
    if problems:
        raise ConfigError(*problems)
    prefix = route_prefix
    if prefix is None:
        prefix = "" if external is None else urlsplit(external).path
    prefix = prefix.strip("/")
    return WebPaths(f"/{prefix}" if prefix else "", telemetry_path, external)


def _normal_url(text: str) -> str:
    """The URL without slashes at its end; raises ValueError for what is not one of http or https, or has a query."""
    url = urlsplit(text)
    _ = url.port
    if url.scheme not in ("http", "https") or not url.hostname or url.username is not None or _UNFIT.search(text):
        raise ValueError(text)
    return text.rstrip("/")
