"""What version 9 of the ledger adds: what some counters grew by, hour by hour. Never edited once released."""

TABLES = (
    """
    CREATE TABLE counter_hours (
        workspace TEXT NOT NULL,
        hour_ms BIGINT NOT NULL,
        metric TEXT NOT NULL,
        labels TEXT NOT NULL,
        amount BIGINT NOT NULL,
        PRIMARY KEY (workspace, hour_ms, metric, labels)
    )
    """,
)
"""The new table; what an older ledger counted is not known by the hour."""

FILL = """
    INSERT INTO counter_hours (workspace, hour_ms, metric, labels, amount)
    SELECT decided.workspace, decided.at_ms - decided.at_ms % 3600000, kind.metric,
           '["' || CASE WHEN project.has_series THEN decided.project_id ELSE 'other' END || '"]', COUNT(*)
    FROM gateway_decisions AS decided
    JOIN (SELECT 'hex_cache_lookups_total' AS metric, 'hit' AS outcome
          UNION ALL SELECT 'hex_cache_lookups_total', 'joined' UNION ALL SELECT 'hex_cache_lookups_total', 'miss'
          UNION ALL SELECT 'hex_cache_hits_total', 'hit' UNION ALL SELECT 'hex_cache_hits_total', 'joined'
         ) AS kind ON kind.outcome = decided.outcome
    LEFT JOIN projects AS project
        ON project.workspace = decided.workspace AND project.project_id = decided.project_id
    GROUP BY 1, 2, 3, 4
"""
"""The gateway's latest decisions are known to the millisecond."""
