"""The statements: each dialect's own words, and the owner's relation in the dialect of the connection."""

import os
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from exporter.config import Warehouse
from exporter.sources.read_only_sql import check_reading
from exporter.warehouse import LogRow, grants, statement

KINDS = ("snowflake", "bigquery", "databricks", "redshift")


def warehouse(kind="table", **fields):
    return Warehouse(name="w", kind=kind, url_env="U", **fields)


@pytest.mark.parametrize("kind", KINDS)
def test_a_statement_reads_a_window_of_marked_queries_and_does_not_find_itself(kind):
    sql = statement(warehouse(kind), kind)
    check_reading(sql.replace("`", ""))
    assert ":from_ms" in sql
    assert ":until_ms" in sql
    assert "4096" in sql
    assert "Hex query metadata:" not in sql
    assert "{" not in sql
    first = sql[: sql.lower().rindex("order by")]
    assert all(f"as {column}" in first for column in LogRow._fields)


@pytest.mark.parametrize(
    ("kind", "tables"),
    [
        (
            "snowflake",
            {
                "snowflake.account_usage.query_history",
                "snowflake.account_usage.query_attribution_history",
                "snowflake.account_usage.warehouse_metering_history",
            },
        ),
        ("bigquery", {"region-us.INFORMATION_SCHEMA.JOBS_BY_PROJECT"}),
        ("databricks", {"system.query.history", "system.billing.usage"}),
        ("redshift", {"sys_query_history", "sys_query_text"}),
    ],
)
def test_a_statement_is_one_of_its_dialect_and_reads_what_the_documentation_names(kind, tables):
    """Only the end of a text leaves the warehouse."""
    (read,) = sqlglot.parse(statement(warehouse(kind), kind), dialect=kind)
    named = {one.alias for one in read.find_all(exp.CTE)}
    found = {one.sql(comments=False).split(" AS ")[0].replace('"', "") for one in read.find_all(exp.Table)}
    assert {one.replace("`", "") for one in found} - named == tables
    assert read.find(exp.Select).find(exp.Star) is None
    assert "4096" in read.sql(dialect=kind)


REVIEWED = Path(__file__).parent / "statements"

RELATION_DIALECTS = {"postgres": "postgresql", "sqlite": "sqlite", "mysql": "mysql", "bigquery": "bigquery"}
"""What sqlglot calls a dialect, and what SQLAlchemy does."""

STATEMENTS = {
    **{kind: (kind, statement(warehouse(kind), kind)) for kind in KINDS},
    "snowflake_shares": ("snowflake", statement(warehouse("snowflake"), "snowflake", has_attribution=False)),
    **{
        f"relation_{name}": (
            name,
            statement(warehouse("bigquery" if name == "bigquery" else "table", relation="s.hex_queries"), dialect),
        )
        for name, dialect in RELATION_DIALECTS.items()
    },
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_is_as_it_was_reviewed(name):
    """As its dialect's parser reads it; `make golden` writes the files anew, read the difference before a commit."""
    dialect, sql = STATEMENTS[name]
    (read,) = sqlglot.parse(sql, dialect=dialect)
    written = read.sql(dialect=dialect, pretty=True) + "\n"
    file = REVIEWED / f"{name}.sql"
    if os.environ.get("WRITE_GOLDEN"):
        file.write_text(written)
    assert written == file.read_text(), "run `make golden`, read the difference and commit it"


def test_a_relation_takes_the_place_of_the_log_of_any_vendor():
    for kind in KINDS:
        assert "from SECURITY.PUBLIC.HEX_QUERIES\n" in statement(
            warehouse(kind, relation="SECURITY.PUBLIC.HEX_QUERIES"), kind
        )
    assert "from `my-project.d.v`" in statement(warehouse("bigquery", relation="my-project.d.v"), "bigquery").replace(
        "`my-project`.d.v", "`my-project.d.v`"
    )
    assert grants(warehouse(relation="a.b")) == ("grant select on a.b to hex_exporter;",)


def test_a_relation_that_is_no_table_is_refused():
    with pytest.raises(ValueError, match="relation is not a table"):
        warehouse(relation="t; drop table x")
