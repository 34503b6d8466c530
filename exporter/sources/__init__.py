"""Has the data behind a project changed? Probes of databases, addresses and files, and how each source stands."""

from exporter.sources.credentials import Credential
from exporter.sources.database import Address, missing_driver
from exporter.sources.probe import ProbeError
from exporter.sources.source_status import Standing, judged
from exporter.sources.source_watch import Watch

__all__ = [
    "Address",
    "Credential",
    "ProbeError",
    "Standing",
    "Watch",
    "judged",
    "missing_driver",
]
