"""HTTP: the metrics page, health, reload and a landing page, over TLS and with passwords where that is wanted."""

from exporter.web.address import Address
from exporter.web.app import Health, ReloadOutcome, create_app
from exporter.web.landing import Landing, WorkspaceState
from exporter.web.server import Server
from exporter.web.visitors import Limits
from exporter.web.webfile import WebFile

__all__ = [
    "Address",
    "Health",
    "Landing",
    "Limits",
    "ReloadOutcome",
    "Server",
    "WebFile",
    "WorkspaceState",
    "create_app",
]
