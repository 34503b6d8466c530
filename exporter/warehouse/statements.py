"""The statement that reads a warehouse's query log: one file of SQL for each vendor, or the owner's own relation."""

from functools import cache
from importlib.resources import files

from exporter.config import Warehouse

LATENCY_SECONDS = {"snowflake": 2700, "bigquery": 600, "databricks": 3600, "redshift": 600, "table": 0}
"""How late a query may be in the log: what the vendor says, or ten minutes where it says little."""

OVERLAP_SECONDS = {"snowflake": 43_200, "bigquery": 10_800, "databricks": 43_200, "redshift": 10_800, "table": 10_800}
"""What is read again each time: money comes up to 8 hours late where it is in a log of its own, queries by less."""

_QUOTES = {"bigquery": "`", "databricks": "`", "mysql": "`"}
_POSITIONS = {"sqlite": "instr", "mysql": "instr", "databricks": "instr"}
_NEWLINES = {"sqlite": "char(10)", "mysql": "char(10)"}
_MARKER = "'Hex query ' || 'metadata:'"
_ENDS = {"sqlite": "substr(query_text, -4096)"}

GRANTS = {
    "snowflake": (
        "grant database role snowflake.governance_viewer to role HEX_EXPORTER;",
        "grant database role snowflake.usage_viewer to role HEX_EXPORTER;",
        "grant usage on warehouse MONITORING to role HEX_EXPORTER;",
    ),
    "bigquery": (
        "gcloud projects add-iam-policy-binding PROJECT --member=MEMBER --role=roles/bigquery.resourceViewer",
        "gcloud projects add-iam-policy-binding PROJECT --member=MEMBER --role=roles/bigquery.jobUser",
    ),
    "databricks": (
        "grant use schema on schema system.query to `hex-exporter`;",
        "grant select on table system.query.history to `hex-exporter`;",
        "grant use schema on schema system.billing to `hex-exporter`;",
        "grant select on table system.billing.usage to `hex-exporter`;",
    ),
    "redshift": ("alter user hex_exporter syslog access unrestricted;",),
    "table": ("grant select on RELATION to hex_exporter;",),
}
"""What an administrator has to run, by kind."""


ATTRIBUTION = "select query_id from snowflake.account_usage.query_attribution_history limit 0"
"""Fails where that view is not granted: then credits are shared out by execution time, hour by hour."""


def statement(warehouse: Warehouse, dialect: str, *, has_attribution: bool = True) -> str:
    """The SQL with the parameters `from_ms` and `until_ms`, for a connection of this dialect.

    `has_attribution`: whether Snowflake's own view of what each query cost can be read.
    """
    if warehouse.relation is None:
        is_shared = warehouse.kind == "snowflake" and not has_attribution
        return _file("snowflake_shares" if is_shared else warehouse.kind).replace("{region}", warehouse.region)
    quote = _QUOTES.get(dialect, '"')
    parts = warehouse.relation.split(".")
    quoted = ".".join(f"{quote}{part}{quote}" if "-" in part else part for part in parts)
    tail = _ENDS.get(dialect, "right(query_text, 4096)")
    # Only BigQuery's cache needs a text that is equal to the letter.
    sql = _file("relation_repeats" if warehouse.kind == "bigquery" else "relation")
    words = {
        "relation": quoted,
        "tail": tail,
        "marker": _MARKER,
        "position": _POSITIONS.get(dialect, "strpos"),
        "newline": _NEWLINES.get(dialect, "chr(10)"),
    }
    for name, written in words.items():
        sql = sql.replace(f"{{{name}}}", written)
    return sql


def grants(warehouse: Warehouse) -> tuple[str, ...]:
    """What an administrator has to run so that the log can be read."""
    if warehouse.relation is not None:
        return tuple(line.replace("RELATION", warehouse.relation) for line in GRANTS["table"])
    return GRANTS[warehouse.kind]


@cache
def _file(name: str) -> str:
    return (files("exporter.warehouse") / "sql" / f"{name}.sql").read_text("utf-8")
