"""Starting runs from outside the process, through the gateway or straight at Hex."""

from exporter.client.destination import Destination
from exporter.client.run_api import LaterError, Reply, RunApi

__all__ = [
    "Destination",
    "LaterError",
    "Reply",
    "RunApi",
]
