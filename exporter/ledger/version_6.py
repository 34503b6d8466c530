"""What version 6 of the ledger adds: seats by time, begun with those listed last. Never edited once released."""

import json
from contextlib import suppress

from sqlalchemy import Connection

TABLES = (
    """
    CREATE TABLE seat_changes (
        workspace TEXT NOT NULL,
        user_id TEXT NOT NULL,
        at_ms BIGINT NOT NULL,
        email TEXT NOT NULL,
        role TEXT,
        unseen_since_ms BIGINT,
        PRIMARY KEY (workspace, user_id, at_ms)
    )
    """,
)
"""The new tables."""


def fill(connection: Connection) -> None:
    """Have the history of seats begin with the last listing; an older ledger knows no other."""
    listings = connection.exec_driver_sql("SELECT workspace, body, at_ms FROM listings WHERE collector = 'users'").all()
    for workspace, body, at_ms in listings:
        with suppress(ValueError):  # a damaged listing is as good as none
            rows = {
                seat["user_id"]: (workspace, seat["user_id"], at_ms, seat.get("email", ""), seat.get("role", "unknown"))
                for seat in json.loads(body)
            }
            for row in rows.values():
                connection.exec_driver_sql("INSERT INTO seat_changes VALUES (?, ?, ?, ?, ?, NULL)", row)
