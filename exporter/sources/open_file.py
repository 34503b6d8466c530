"""Opens regular files only, so that a pipe in the place of one cannot block the reader."""

import os
import stat
from io import FileIO

from exporter.redaction import redact
from exporter.sources.probe import ProbeError


def opened_regular(path: str) -> FileIO:
    """The file, open for reading without a buffer; raises OSError, and ProbeError for anything but a regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ProbeError(f"{redact(path)} is not a regular file")
    return FileIO(descriptor, "rb")
