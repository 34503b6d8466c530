"""Small JSON values under a key, for any part that has one to keep."""

from typing import Any

import msgspec
from sqlalchemy import bindparam, select

from exporter.ledger.codec import encode
from exporter.ledger.schema import NOTES, upsert
from exporter.ledger.store import Store, Transaction


class KeyValues:
    """The values of one workspace. Reads may come from any thread."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace
        # Made once: to make a statement takes longer than to execute it.
        self._wanted = select(NOTES.c.value).where(NOTES.c.workspace == workspace, NOTES.c.key == bindparam("wanted"))

    def read(self, key: str) -> Any:
        """The value under the key, None if there is none."""
        with self._store.reading() as connection:
            text = connection.execute(self._wanted, {"wanted": key}).scalar()
        return None if text is None else msgspec.json.decode(text)

    def within(self, transaction: Transaction, key: str) -> Any:
        """The value under the key as the transaction sees it, None if there is none."""
        text = transaction.connection.execute(self._wanted, {"wanted": key}).scalar()
        return None if text is None else msgspec.json.decode(text)

    def write(self, transaction: Transaction, key: str, value: object) -> None:
        """Keep a JSON value under the key."""
        upsert(transaction.connection, NOTES, [{"workspace": self._workspace, "key": key, "value": encode(value)}])
