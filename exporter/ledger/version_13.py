"""What version 13 of the ledger adds: when queries of runs ran, to find the run of each. Never edited once released."""

TABLES = (
    """
    CREATE TABLE warehouse_run_queries (
        workspace TEXT NOT NULL,
        warehouse TEXT NOT NULL,
        hour_ms BIGINT NOT NULL,
        project_id TEXT NOT NULL,
        cell_id TEXT NOT NULL,
        start_ms BIGINT NOT NULL,
        end_ms BIGINT NOT NULL,
        queries BIGINT NOT NULL,
        PRIMARY KEY (workspace, warehouse, hour_ms, project_id, cell_id, start_ms, end_ms)
    )
    """,
)
"""The new table; an older ledger has not kept it, so runs that were over by then are not judged."""
