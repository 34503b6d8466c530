"""What version 4 of the ledger adds: how often sources changed, request keys, decisions. Never edited once released."""

COLUMNS = (
    "ALTER TABLE sources ADD COLUMN span INTEGER",
    "ALTER TABLE sources ADD COLUMN stamp TEXT",
    "ALTER TABLE gateway_runs ADD COLUMN source_span INTEGER",
    "ALTER TABLE gateway_runs ADD COLUMN source_stamp TEXT",
    "ALTER TABLE gateway_runs ADD COLUMN is_steady BOOLEAN",
)
"""The new columns; an older ledger does not know their values."""

TABLES = (
    """
    CREATE TABLE gateway_keys (
        workspace TEXT NOT NULL,
        "key" TEXT NOT NULL,
        request TEXT NOT NULL,
        intent_id TEXT NOT NULL,
        at_ms BIGINT NOT NULL,
        PRIMARY KEY (workspace, "key")
    )
    """,
    """
    CREATE TABLE gateway_decisions (
        workspace TEXT NOT NULL,
        number INTEGER NOT NULL,
        at_ms BIGINT NOT NULL,
        project_id TEXT NOT NULL,
        caller TEXT NOT NULL,
        outcome TEXT NOT NULL,
        reason TEXT NOT NULL,
        run_id TEXT,
        PRIMARY KEY (workspace, number)
    )
    """,
)
"""The new tables; an older ledger has nothing of what they keep."""

VIEWS = (
    "CREATE TEMPORARY VIEW sources AS SELECT *, NULL AS span, NULL AS stamp FROM main.sources",
    """
    CREATE TEMPORARY VIEW gateway_runs AS
    SELECT *, NULL AS source_span, NULL AS source_stamp, NULL AS is_steady FROM main.gateway_runs
    """,
)
"""The tables of versions 2 and 3 with the new columns, for one connection that only reads."""
