"""Has the data behind a project changed? Probes of databases, addresses and files, and the status of each source."""

from exporter.sources.credentials import Credential
from exporter.sources.database import Address, missing_driver, reading
from exporter.sources.probe import ProbeError
from exporter.sources.source_monitor import SourceMonitor
from exporter.sources.source_trial import SourceTrial, try_sources
from exporter.sources.status import SourceStatus, source_status, status_of
from exporter.sources.worker_thread import WorkerThread

__all__ = [
    "Address",
    "Credential",
    "ProbeError",
    "SourceMonitor",
    "SourceStatus",
    "SourceTrial",
    "WorkerThread",
    "missing_driver",
    "reading",
    "source_status",
    "status_of",
    "try_sources",
]
