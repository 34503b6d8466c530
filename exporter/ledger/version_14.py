"""What version 14 of the ledger adds: what Hex's comment costs where a warehouse's cache needs an equal text.

Never edited once released. Hours that are not read again keep 0: of them it was not looked at.
"""

_ADDED = ("counted_judged", "repeated", "repeated_bytes", "repeated_usd_micro")

COLUMNS = tuple(f"ALTER TABLE warehouse_hours ADD COLUMN {name} BIGINT NOT NULL DEFAULT 0" for name in _ADDED)
"""The new columns."""

FILL = "UPDATE warehouse_hours SET counted_judged = cache_judged WHERE counted_queries > 0"
"""What was counted before there was the counter stays uncounted: hits and their base grow together from now on."""

VIEWS = (
    """
    CREATE TEMPORARY VIEW warehouse_hours AS
    SELECT known.*, 0 AS counted_judged, 0 AS repeated, 0 AS repeated_bytes, 0 AS repeated_usd_micro
    FROM main.warehouse_hours AS known
    """,
)
"""The hours of an older ledger with the new columns, for one connection that only reads."""
