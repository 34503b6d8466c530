"""The data connections of the simulated workspace and the tables behind them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.simulator.event_times import DAY_MS
from exporter.simulator.seeded_random import identifier


@dataclass(frozen=True, kw_only=True)
class Link:
    """One data connection. `details` is what a token with full rights sees; `use` says why it was planted."""

    connection_id: str
    name: str
    connection_type: str
    description: str | None
    created_ms: int
    use: str
    details: Mapping[str, str | None] | None = field(default_factory=dict)

    def table(self, schema: str, name: str) -> str:
        """A table's name as Hex lists it: one, two or three parts, by the type of the database."""
        if self.connection_type in ("snowflake", "bigquery", "databricks"):
            return f"analytics.{schema}.{name}"
        return name if self.connection_type == "clickhouse" else f"{schema}.{name}"


_SNOWFLAKE = {"accountName": "ab12345.eu-central-1", "database": "ANALYTICS", "schema": None, "role": "HEX"}

_PLAN: tuple[tuple[str, str, str, str | None, Mapping[str, str | None] | None], ...] = (
    ("Snowflake", "snowflake", "main", "The warehouse", {**_SNOWFLAKE, "warehouse": "BI", "username": "HEX"}),
    # The same account and database under another warehouse: two connections to one database.
    ("Snowflake (old)", "snowflake", "overlap", None, {**_SNOWFLAKE, "warehouse": "OLD_BI", "username": "HEX_OLD"}),
    (
        "Shop replica",
        "postgres",
        "collision",
        None,
        {"host": "shop-replica.internal", "port": "5432", "database": "shop"},
    ),
    # The same host and database name on another port, which is another server: close to an overlap, and none.
    (
        "Shop replica (staging)",
        "postgres",
        "near_overlap",
        None,
        {"host": "shop-replica.internal", "port": "5433", "database": "shop"},
    ),
    ("Marketing events", "bigquery", "main", "GA4 export", {"projectId": "marketing-events"}),
    ("Product events", "clickhouse", "main", None, {"host": "events.internal", "port": "8443", "database": "events"}),
    ("Redshift", "redshift", "main", None, None),
    ("Lakehouse trial", "databricks", "unused", "Evaluation", {"host": "dbc-0000.cloud.example", "httpPath": "/sql/1"}),
)


def connect(seed: int, anchor_ms: int) -> tuple[Link, ...]:
    """The connections of a workspace; one is unused, two lead to one database."""
    return tuple(
        Link(
            connection_id=identifier(seed, "connection", index),
            name=name,
            connection_type=kind,
            description=description,
            created_ms=anchor_ms - (700 - 80 * index) * DAY_MS,
            use=use,
            details=details,
        )
        for index, (name, kind, use, description, details) in enumerate(_PLAN)
    )
