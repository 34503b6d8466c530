"""What version 16 of the ledger adds: on which days runs were written, so that replicas read only those again.

Never edited once released. Empty where a process is alone with its ledger.
"""

TABLES = (
    """
    CREATE TABLE run_days (
        workspace TEXT NOT NULL,
        day BIGINT NOT NULL,
        lease_version BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (workspace, day)
    )
    """,
)
"""The new table."""

INDEXES = ("CREATE INDEX run_days_changed ON run_days (workspace, lease_version) WHERE lease_version > 0",)
"""What was written after a version."""
