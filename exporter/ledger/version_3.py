"""What version 3 of the ledger adds to version 2: the last status of each collector. Never edited once released."""

COLUMNS = ("ALTER TABLE collectors ADD COLUMN last_status INTEGER",)
"""The new columns; an older ledger does not know their values."""

VIEWS = (
    """
    CREATE TEMPORARY VIEW collectors AS
    SELECT workspace, collector, is_success, last_success_ms, NULL AS last_status FROM main.collectors
    """,
)
"""An older ledger's tables with the new columns, for one connection that only reads."""
