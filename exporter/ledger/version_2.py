"""What version 2 of the ledger adds to version 1: sources, the gateway and findings. Never edited once released."""

TABLES = (
    """
    CREATE TABLE sources (
        workspace TEXT NOT NULL,
        "key" TEXT NOT NULL,
        digest TEXT,
        since_ms BIGINT NOT NULL,
        changed_ms BIGINT,
        began_ms BIGINT NOT NULL,
        finished_ms BIGINT NOT NULL,
        failure TEXT,
        failed_ms BIGINT,
        PRIMARY KEY (workspace, "key")
    )
    """,
    """
    CREATE TABLE source_spans (
        workspace TEXT NOT NULL,
        "key" TEXT NOT NULL,
        number INTEGER NOT NULL,
        digest TEXT NOT NULL,
        first_began_ms BIGINT NOT NULL,
        first_finished_ms BIGINT NOT NULL,
        last_began_ms BIGINT NOT NULL,
        last_finished_ms BIGINT NOT NULL,
        PRIMARY KEY (workspace, "key", number)
    )
    """,
    """
    CREATE TABLE source_judged (
        workspace TEXT NOT NULL,
        project_id TEXT NOT NULL,
        "key" TEXT NOT NULL,
        until_ms BIGINT NOT NULL,
        PRIMARY KEY (workspace, project_id, "key")
    )
    """,
    """
    CREATE TABLE gateway_runs (
        workspace TEXT NOT NULL,
        intent_id TEXT NOT NULL,
        project_id TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        request TEXT NOT NULL,
        caller TEXT NOT NULL,
        source_key TEXT,
        source_digest TEXT,
        probe_finished_ms BIGINT,
        version TEXT NOT NULL,
        is_sampled BOOLEAN NOT NULL,
        sent_ms BIGINT NOT NULL,
        state TEXT NOT NULL,
        run_id TEXT,
        answer TEXT,
        status TEXT,
        ended_ms BIGINT,
        duration_ms BIGINT,
        PRIMARY KEY (workspace, intent_id)
    )
    """,
    """
    CREATE TABLE gateway_starters (
        workspace TEXT NOT NULL,
        project_id TEXT NOT NULL,
        caller TEXT NOT NULL,
        at_ms BIGINT NOT NULL,
        PRIMARY KEY (workspace, project_id, caller)
    )
    """,
    """
    CREATE TABLE gateway_attached (
        workspace TEXT NOT NULL,
        run_id TEXT NOT NULL,
        caller TEXT NOT NULL,
        count INTEGER NOT NULL,
        at_ms BIGINT NOT NULL,
        PRIMARY KEY (workspace, run_id, caller)
    )
    """,
    """
    CREATE TABLE caller_requests (
        workspace TEXT NOT NULL,
        minute_ms BIGINT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (workspace, minute_ms)
    )
    """,
    """
    CREATE TABLE findings (
        workspace TEXT NOT NULL,
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        first_seen_ms BIGINT NOT NULL,
        last_seen_ms BIGINT NOT NULL,
        gone_ms BIGINT,
        saving_micro BIGINT,
        saving_runs FLOAT NOT NULL,
        saving_ms BIGINT NOT NULL,
        cost_micro BIGINT,
        realised_micro BIGINT NOT NULL,
        PRIMARY KEY (workspace, kind, subject)
    )
    """,
)
"""The new tables; an older ledger has nothing of what they keep."""

INDEXES = (
    "CREATE INDEX gateway_runs_by_sent ON gateway_runs (workspace, sent_ms)",
    "CREATE INDEX gateway_runs_by_run ON gateway_runs (workspace, run_id)",
)
"""The new indexes."""
