"""What version 11 of the ledger adds: who owns which workspace. Never edited once released."""

TABLES = (
    """
    CREATE TABLE leases (
        workspace TEXT NOT NULL,
        owner TEXT,
        epoch BIGINT NOT NULL,
        version BIGINT NOT NULL,
        changed_ms BIGINT NOT NULL,
        PRIMARY KEY (workspace)
    )
    """,
    """
    CREATE TABLE replicas (
        replica TEXT NOT NULL,
        renewed_ms BIGINT NOT NULL,
        address TEXT NOT NULL,
        configuration TEXT NOT NULL,
        workspaces TEXT NOT NULL,
        PRIMARY KEY (replica)
    )
    """,
)
"""The new tables; an older ledger has one owner, the process that holds its lock."""
