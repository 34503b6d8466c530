"""Starting runs from outside the process, through the gateway or straight at Hex."""

from exporter.client.destination import Destination
from exporter.client.run_api import LaterError, Reply, RunApi
from exporter.client.run_command import RunCommand

__all__ = [
    "Destination",
    "LaterError",
    "Reply",
    "RunApi",
    "RunCommand",
]
