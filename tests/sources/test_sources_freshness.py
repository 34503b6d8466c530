"""The query of each database about tables, and which answers are no answer."""

import json

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from exporter.sources.freshness import checked, questions
from exporter.sources.probe import ProbeError
from exporter.sources.table_names import parse_table


def tables(*written):
    return [parse_table(one) for one in written]


def test_snowflake_is_asked_for_the_last_change_with_each_name_bound():
    (question,) = questions("snowflake", tables("Raw.orders", 'x."Mixed Case".y', "orders"))

    assert question.sql == (
        "select 0 as n, SYSTEM$LAST_CHANGE_COMMIT_TIME(:table_0) as changed union all "
        "select 1 as n, SYSTEM$LAST_CHANGE_COMMIT_TIME(:table_1) as changed union all "
        "select 2 as n, SYSTEM$LAST_CHANGE_COMMIT_TIME(:table_2) as changed"
    )
    assert question.parameters == {
        "table_0": '"RAW"."ORDERS"',
        "table_1": '"X"."Mixed Case"."Y"',
        "table_2": '"ORDERS"',
    }
    assert text(question.sql).compile().params.keys() == question.parameters.keys()


def test_bigquery_is_asked_about_partitions_one_dataset_at_a_time():
    first, second, third = questions(
        "bigquery", tables("my-project.sales.orders", "orders", "`my-project.sales.items`", "hr.people"), "main"
    )

    assert (
        "from `my-project`.`sales`.INFORMATION_SCHEMA.PARTITIONS where table_name in (:table_0, :table_1)" in first.sql
    )
    assert first.parameters == {"table_0": "orders", "table_1": "items"}
    assert "from `main`.INFORMATION_SCHEMA.PARTITIONS" in second.sql
    assert second.parameters == {"table_0": "orders"}
    assert "from `hr`.INFORMATION_SCHEMA.PARTITIONS" in third.sql
    for requested in (first, second, third):
        assert "max(last_modified_time)" in requested.sql
        assert "sum(total_rows)" in requested.sql
        assert text(requested.sql).compile().params.keys() == requested.parameters.keys()


@pytest.mark.parametrize(
    ("written", "dataset", "message"),
    [
        ("orders", None, r"the table orders has no dataset, expected DATASET.orders"),
        ('"a`b".orders', None, "which BigQuery cannot have"),
        ('"a\\b".orders', None, "which BigQuery cannot have"),
        ("orders", "main`", "a dataset in the URL that BigQuery cannot have"),
    ],
)
def test_what_bigquery_cannot_have_is_refused(written, dataset, message):
    with pytest.raises(ProbeError, match=message):
        questions("bigquery", tables(written), dataset)


def test_postgresql_is_asked_for_counters_files_and_resets_with_the_names_bound_as_one_value():
    (question,) = questions("postgresql", tables("Sales.Orders", '"Sales"."Orders"'))

    assert json.loads(question.parameters["names"]) == ['"sales"."orders"', '"Sales"."Orders"']
    compiled = text(question.sql).compile(dialect=postgresql.dialect())
    assert list(compiled.params) == ["names"]
    for part in ("n_tup_ins", "n_tup_upd", "n_tup_del", "relfilenode", "stats_reset", "pg_is_in_recovery()"):
        assert part in question.sql


def test_a_database_without_such_a_question_needs_a_query():
    with pytest.raises(
        ProbeError, match="mysql does not record when a table changed, expected a query instead of tables"
    ):
        questions("mysql", tables("orders"))


def test_many_tables_are_asked_about_in_parts_and_too_many_not_at_all():
    many = tables(*(f"t{number}" for number in range(1000)))

    requested = questions("snowflake", many)

    assert len(requested) == 10
    assert [table for question in requested for table in question.tables.values()] == many
    with pytest.raises(ProbeError, match="found 1001 tables, expected at most 1000"):
        questions("snowflake", [*many, *tables("one_more")])


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "postgresql"])
def test_a_table_that_the_database_does_not_tell_of_is_no_state(dialect):
    (question,) = questions(dialect, tables("s.orders", "s.gone"))
    there = next(key for key, table in question.tables.items() if str(table) == "s.orders")
    rows = [(there, "r", 1, 1, 0, 0, 0, None, False, "on")]

    with pytest.raises(ProbeError, match=r"does not show the table s\.gone"):
        checked(dialect, question, rows)


def test_a_null_in_the_place_of_a_change_is_no_state():
    (question,) = questions("snowflake", tables("orders"))

    with pytest.raises(ProbeError, match="does not show the table orders"):
        checked("snowflake", question, [(0, None)])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((1, "v", 1, 0, None, None, None, None, False, "on"), "is no table but a view"),
        ((1, "f", 1, 0, None, None, None, None, False, "on"), "is no table but a view or a foreign one"),
        ((1, "r", 1, 1, 5, 0, 0, None, True, "on"), "a standby, which does not count writes"),
        ((1, "r", 1, 1, 5, 0, 0, None, False, "off"), "track_counts is off"),
    ],
)
def test_where_postgresql_does_not_count_writes_there_is_no_state(row, message):
    (question,) = questions("postgresql", tables("orders"))

    with pytest.raises(ProbeError, match=message):
        checked("postgresql", question, [row])
