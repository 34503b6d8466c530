"""Reading a table that is mirrored in memory: all of it once, then only what another replica has written since."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, Table, select

from exporter.ledger.store import Store


class ChangedRows:
    """The rows of one workspace in a table with `lease_version`. For one thread at a time.

    Only the owner writes, and each of its transactions locks the lease, whose version grows with it: so whoever sees a
    row sees every row of an earlier version too.
    """

    def __init__(self, store: Store, table: Table, workspace: str) -> None:
        self._store = store
        self._wanted = select(table).where(table.c.workspace == workspace)
        self._version = table.c.lease_version
        self._seen = 0

    def rows(self, *, only_changes: bool = False) -> Sequence[Row[Any]]:
        """All rows, or those that were written after the last of the rows that were read before."""
        wanted = self._wanted.where(self._version > self._seen) if only_changes else self._wanted
        with self._store.reading() as connection:
            rows = connection.execute(wanted).all()
        self._seen = max((row.lease_version for row in rows), default=self._seen if only_changes else 0)
        return rows
