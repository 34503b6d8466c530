"""HTTP: the metrics page, health, reload and a landing page, over TLS and with passwords where configured."""

from exporter.web.connection_limits import ConnectionLimits
from exporter.web.listen_address import Address, bind, parse_address
from exporter.web.routes import Health, ReloadOutcome, create_app, create_health_app
from exporter.web.server import Server
from exporter.web.web_config_file import WebConfigFile
from exporter.web.web_paths import WebPaths, read_web_paths

__all__ = [
    "Address",
    "ConnectionLimits",
    "Health",
    "ReloadOutcome",
    "Server",
    "WebConfigFile",
    "WebPaths",
    "bind",
    "create_app",
    "create_health_app",
    "parse_address",
    "read_web_paths",
]
