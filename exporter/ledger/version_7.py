"""What version 7 of the ledger adds: weeks and months as they were closed. Never edited once released."""

TABLES = (
    """
    CREATE TABLE closings (
        workspace TEXT NOT NULL,
        start_ms BIGINT NOT NULL,
        end_ms BIGINT NOT NULL,
        at_ms BIGINT NOT NULL,
        basis TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (workspace, start_ms, end_ms)
    )
    """,
    """
    CREATE TABLE adjustments (
        workspace TEXT NOT NULL,
        start_ms BIGINT NOT NULL,
        end_ms BIGINT NOT NULL,
        number INTEGER NOT NULL,
        at_ms BIGINT NOT NULL,
        basis TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (workspace, start_ms, end_ms, number)
    )
    """,
)
"""The new tables; nothing was closed in an older ledger."""
