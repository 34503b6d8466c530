"""The tables that a project queries through a connection that the configuration allows."""

from collections.abc import Sequence

from exporter.clock import Clock
from exporter.config import matches_glob
from exporter.facts import QueriedTable
from exporter.ledger import WorkspaceLedger
from exporter.redaction import redact
from exporter.sources.probe import ProbeError

_KEPT_SECONDS = 30.0


class QueriedTables:
    """What Hex says that projects query, read again from the ledger at most twice a minute."""

    def __init__(self, ledger: WorkspaceLedger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock
        self._read: tuple[float, dict[str, tuple[QueriedTable, ...]]] | None = None

    def through(self, connection: str, project_id: str) -> Sequence[str]:
        """The names of the tables that the project queries, all through connections whose name or id matches the glob.

        Raises ProbeError where they are not all of the project's data: no table is known, or it queries another
        connection too, whose changes would not be seen.
        """
        tables = self._tables().get(project_id, ())
        if not tables:
            raise ProbeError("Hex has not listed the tables of the project yet, or it queries none")
        for table in tables:
            if not (matches_glob(connection, table.connection_name) or matches_glob(connection, table.connection_id)):
                name = redact(table.connection_name or table.connection_id)
                raise ProbeError(f"the project also queries {name}, which does not match the connection {connection}")
        if not all(table.table for table in tables):
            raise ProbeError("Hex lists the project's connections but not its tables (Enterprise plan): use a query")
        return sorted({table.table for table in tables})

    def _tables(self) -> dict[str, tuple[QueriedTable, ...]]:
        now = self._clock.monotonic()
        if self._read is None or not 0 <= now - self._read[0] < _KEPT_SECONDS:
            self._read = (now, self._ledger.tables())
        return self._read[1]
