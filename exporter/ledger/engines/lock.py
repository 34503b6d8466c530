"""The writer's lock: a file beside the ledger that one process holds for as long as it lives."""

import fcntl
import os
from pathlib import Path

from exporter.errors import LedgerBusyError


class WriterLock:
    """Held from construction until `release`; the system releases it when the process dies, however it does.

    Raises LedgerBusyError if another holder lives, OSError if the file cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            # flock, not lockf: POSIX record locks do not exclude a second ledger in the same process.
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode("ascii", "replace").strip()
            self.release()
            who = f"process {holder}" if holder.isdigit() else "another process"
            raise LedgerBusyError(
                f"{path}: held by {who}: stop that process, or give this one a ledger of its own"
            ) from None
        except OSError:
            self.release()
            raise
        try:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())
        except OSError:
            pass  # on a full disk the lock holds all the same, without a name on it

    def release(self) -> None:
        """Let the next writer in."""
        os.close(self._descriptor)
