"""Has the data behind a project changed? Probes of databases, addresses and files, and how each source stands."""

from exporter.sources.source_status import Standing, judged
from exporter.sources.source_watch import Watch

__all__ = ["Standing", "Watch", "judged"]
