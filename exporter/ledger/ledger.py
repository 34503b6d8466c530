"""The ledger: where every workspace's facts and sums are kept."""

from contextlib import suppress

from sqlalchemy import select

from exporter.clock import Clock
from exporter.errors import LedgerError
from exporter.ledger.leases import Leases
from exporter.ledger.opening import open_store
from exporter.ledger.store import Store
from exporter.ledger.workspace import WorkspaceLedger


def open_ledger(url: str, *, clock: Clock, read_only: bool = False) -> "Ledger":
    """Open the ledger at a `sqlite:///` or `postgresql://` URL, making it if need be; `sqlite://` is one in memory.

    A damaged file is set aside and a fresh one takes its place. Where no file can be written, the ledger is kept in
    memory, beginning with what can be read. Both are reported by `problem`, not by an error.

    Raises LedgerBusyError if another process writes the file, LedgerTooNewError if a newer program wrote the ledger,
    LedgerError if the URL, the file or the database is not a ledger's, or the database does not let it in. `read_only`
    works beside a writer, creates nothing, and raises LedgerError where there is no ledger.
    """
    return Ledger(open_store(url, clock=clock, read_only=read_only))


class Ledger:
    """An open ledger. Any thread may write, one at a time; reads never wait."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._workspaces: dict[str, WorkspaceLedger] = {}

    @property
    def created_ms(self) -> int:
        """When the ledger in use was made."""
        return self._store.created_ms

    @property
    def problem(self) -> str | None:
        """What is wrong with it at this moment, in one sentence; None if nothing is."""
        return self._store.problem

    @property
    def is_durable(self) -> bool:
        """Whether what is written outlives the process."""
        return self._store.is_durable

    def look(self) -> int:
        """See whether it can be read, which `problem` says then; when it was read last, by the wall clock."""
        with suppress(LedgerError), self._store.reading() as connection:
            connection.execute(select(1))
        return self._store.reached_ms

    @property
    def now_ms(self) -> int:
        """The wall clock that the ledger goes by; where it is shared, the database's."""
        return self._store.now_ms()

    def leases(self, replica: str) -> Leases | None:
        """The leases that replicas of one ledger share it by; None where this process is its only writer.

        Nothing is written of a workspace from now on but while this replica owns it.
        """
        clock = self._store.database_clock
        return None if clock is None else Leases(self._store, replica, clock)

    @property
    def version(self) -> int:
        """Grows with each change that is committed."""
        return self._store.version

    def workspace(self, name: str) -> WorkspaceLedger:
        """The part of one workspace, the same object each time; workspaces never mix."""
        known = self._workspaces.get(name)
        if known is not None:
            return known
        with self._store.turn():  # one thread makes it, and the file is not replaced while it is read
            if name not in self._workspaces:
                workspace = self._workspaces[name] = WorkspaceLedger(self._store, name)
                if not self._store.is_read_only:
                    with suppress(LedgerError):  # `problem` says so, and the series come with their first event
                        workspace.foresee_endpoints()
            return self._workspaces[name]

    def close(self) -> None:
        """Close the files and let another writer in."""
        self._store.close()
