"""Fills a log in fakesnow and prints what the statements give of it, as JSON. Needs the driver and fakesnow."""

import json
from collections.abc import Iterator

import fakesnow
from sqlalchemy import Connection, create_engine, text

from exporter.config import Warehouse, WarehousePrices
from exporter.warehouse import log_row, statement, sums_by_hour

HOUR_MS = 3_600_000
START_MS = 1_800_000_000_000 - 1_800_000_000_000 % HOUR_MS
ACCOUNT = "snowflake.account_usage"
HEX = 'select 1\n-- Hex query metadata: {"context": "SCHEDULED_RUN", "project_id": "p1"}'

TABLES = (
    "query_history (query_id text, query_text text, warehouse_id text, start_time timestamp_ltz,"
    " end_time timestamp_ltz, execution_time bigint)",
    "query_attribution_history (query_id text, start_time timestamp_ltz, end_time timestamp_ltz,"
    " credits_attributed_compute decimal(38, 9), credits_used_query_acceleration decimal(38, 9))",
    "warehouse_metering_history (warehouse_id text, start_time timestamp_ltz,"
    " credits_used_compute decimal(38, 9), credits_attributed_compute_queries decimal(38, 9))",
)
QUERIES = (
    ("a", HEX, 30, "0.5", None),
    ("b", "select 2 -- Hex query metadata: {", 10, "0.2", "0.05"),
    ("c", "select 3", 40, "0.05", None),
)


def fill(connection: Connection) -> None:
    """One hour of one warehouse, an attribution twice as a log may have it, and a query of the hour before."""
    connection.exec_driver_sql("create database if not exists snowflake")
    connection.exec_driver_sql(f"create schema if not exists {ACCOUNT}")
    for table in TABLES:
        connection.exec_driver_sql(f"create table {ACCOUNT}.{table}")
    at = "to_timestamp_ltz({}, 3)".format
    span = f"{at(START_MS + 60_000)}, {at(START_MS + 120_000)}"
    for query_id, sql, seconds, credits, more in QUERIES:
        values = {"id": query_id, "sql": sql, "ms": seconds * 1000}
        history = f"insert into {ACCOUNT}.query_history select :id, :sql, 'w', {span}, :ms"
        connection.execute(text(history), values)
        accelerated = "null" if more is None else more
        attribution = f"insert into {ACCOUNT}.query_attribution_history select :id, {span}, {credits}, {accelerated}"
        for _ in range(2):
            connection.execute(text(attribution), {"id": query_id})
    before = f"{at(START_MS - 60_000)}, {at(START_MS - 1)}"
    old = f"insert into {ACCOUNT}.query_history select 'old', :sql, 'w', {before}, 1000"
    connection.execute(text(old), {"sql": HEX})
    meter = f"insert into {ACCOUNT}.warehouse_metering_history select 'w', {at(START_MS)}, 2, 0.8"
    connection.exec_driver_sql(meter)


def read(connection: Connection) -> Iterator[tuple[str, dict[str, list[int]]]]:
    """By statement and part: queries and micro-dollars."""
    prices = WarehousePrices(credit_micro_usd=3_000_000)
    warehouse = Warehouse(name="w", kind="snowflake", url_env="U", prices=prices)
    for name, has_attribution in (("attributed", True), ("shared", False)):
        sql = statement(warehouse, connection.dialect.name, has_attribution=has_attribution)
        rows = connection.execute(text(sql), {"from_ms": START_MS, "until_ms": START_MS + HOUR_MS})
        hours = sums_by_hour(map(log_row, rows), prices).hours
        yield name, {f"{key.part} {key.project_id}".strip(): [one.queries, one.usd_micro] for key, one in hours.items()}


with fakesnow.server() as server:
    options = "&".join(f"{name}={server[name]}" for name in ("host", "port", "protocol"))
    with create_engine(f"snowflake://fake:snow@{server['account']}/?{options}").connect() as connection:
        fill(connection)
        print(json.dumps(dict(read(connection))))
