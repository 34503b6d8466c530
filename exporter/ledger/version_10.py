"""What version 10 of the ledger adds: versions of projects as Hex exported them. Never edited once released."""

TABLES = (
    """
    CREATE TABLE project_versions (
        workspace TEXT NOT NULL,
        project_id TEXT NOT NULL,
        version TEXT NOT NULL,
        published_ms BIGINT,
        at_ms BIGINT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (workspace, project_id, version)
    )
    """,
)
"""The new table; an older ledger knows no version."""
