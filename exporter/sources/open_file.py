"""Files are opened here: regular ones alone, so that a pipe in the place of one holds nobody up."""

import os
import stat
from io import FileIO

from exporter.sources.failure_reasons import harmless
from exporter.sources.probe import ProbeError


def opened_regular(path: str) -> FileIO:
    """The file, open for reading without a buffer; raises OSError, and ProbeError for what is no regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ProbeError(f"{harmless(path)} is not a regular file")
    return FileIO(descriptor, "rb")
