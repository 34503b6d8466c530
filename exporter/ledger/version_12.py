"""What version 12 of the ledger adds: what Hex's queries cost in the warehouse. Never edited once released."""

TABLES = (
    """
    CREATE TABLE warehouse_hours (
        workspace TEXT NOT NULL,
        warehouse TEXT NOT NULL,
        hour_ms BIGINT NOT NULL,
        part TEXT NOT NULL,
        project_id TEXT NOT NULL,
        context TEXT NOT NULL,
        cell_id TEXT NOT NULL,
        connection TEXT NOT NULL,
        queries BIGINT NOT NULL,
        elapsed_ms BIGINT NOT NULL,
        cache_hits BIGINT NOT NULL,
        cache_judged BIGINT NOT NULL,
        credits_micro BIGINT NOT NULL,
        bytes_billed BIGINT NOT NULL,
        slot_ms BIGINT NOT NULL,
        usd_micro BIGINT NOT NULL,
        unpriced BIGINT NOT NULL,
        counted_queries BIGINT NOT NULL,
        counted_ms BIGINT NOT NULL,
        counted_hits BIGINT NOT NULL,
        PRIMARY KEY (workspace, warehouse, hour_ms, part, project_id, context, cell_id, connection)
    )
    """,
)
"""The new table; an older ledger knows no warehouse."""
