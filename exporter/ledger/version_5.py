"""What version 5 of the ledger adds: when AI credits were used. Never edited once released."""

COLUMNS = ("ALTER TABLE threads ADD COLUMN looked_ms BIGINT",)
"""The new columns; an older ledger does not know their values."""

TABLES = (
    """
    CREATE TABLE credit_growth (
        workspace TEXT NOT NULL,
        thread_id TEXT NOT NULL,
        seen_ms BIGINT NOT NULL,
        user_id TEXT,
        source TEXT NOT NULL,
        thread_type TEXT NOT NULL,
        model TEXT NOT NULL,
        from_ms BIGINT NOT NULL,
        until_ms BIGINT NOT NULL,
        credits_milli BIGINT NOT NULL,
        PRIMARY KEY (workspace, thread_id, seen_ms)
    )
    """,
)
"""The new tables; an older ledger has of what they keep only the last listing of threads: see `fill`."""

INDEXES = ("CREATE INDEX credit_growth_by_end ON credit_growth (workspace, until_ms)",)
"""The new indexes."""

VIEWS = ("CREATE TEMPORARY VIEW threads AS SELECT *, NULL AS looked_ms FROM main.threads",)
"""The older tables with the new columns, for one connection that only reads."""


def fill(table: str) -> str:
    """Put what an older ledger knew of credits into the new table: a thread's total, at the instant it was made.

    That is what it reported of its weeks, so they stay as they were.
    """
    return f"""
    INSERT INTO {table}
    SELECT
        listings.workspace,
        json_extract(thread.value, '$.thread_id'),
        listings.at_ms,
        json_extract(thread.value, '$.user_id'),
        json_extract(thread.value, '$.source'),
        json_extract(thread.value, '$.thread_type'),
        'unknown',
        json_extract(thread.value, '$.created_ms'),
        json_extract(thread.value, '$.created_ms'),
        json_extract(thread.value, '$.credits_milli')
    FROM listings, json_each(CASE WHEN json_valid(listings.body) THEN listings.body ELSE '[]' END) AS thread
    WHERE listings.collector = 'threads'
    AND json_extract(thread.value, '$.created_ms') BETWEEN 0 AND {_LATEST_MS}
    AND json_extract(thread.value, '$.credits_milli') BETWEEN 1 AND {_LATEST_MS}
    """  # noqa: S608  # names and numbers of this module


_LATEST_MS = (1 << 47) - 1
