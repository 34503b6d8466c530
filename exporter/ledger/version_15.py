"""What version 15 of the ledger adds: with which version of its lease a row was written last.

So replicas read only what has changed. Never edited once released. What was written before has version 0.
"""

_OLD, _NEWER = ("counters", "projects"), "project_versions"

_COLUMN = "ALTER TABLE {name} ADD COLUMN lease_version BIGINT NOT NULL DEFAULT 0"
_VIEW = "CREATE TEMPORARY VIEW {name} AS SELECT known.*, 0 AS lease_version FROM main.{name} AS known"

COLUMNS = tuple(_COLUMN.format(name=name) for name in (*_OLD, _NEWER))
"""The new columns."""

INDEXES = tuple(
    f"CREATE INDEX {name}_changed ON {name} (workspace, lease_version) WHERE lease_version > 0"
    for name in (*_OLD, _NEWER)
)
"""Empty where a process is alone with its ledger."""

VIEWS = tuple(_VIEW.format(name=name) for name in _OLD)
"""An older ledger's tables with the new column, for one connection that only reads."""

NEWER_COLUMN, NEWER_VIEW = _COLUMN.format(name=_NEWER), _VIEW.format(name=_NEWER)
"""The same for a table that came with version 10: made for that connection, or there."""
