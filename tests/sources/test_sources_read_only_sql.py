"""Which statements are taken for reading ones."""

import pytest

from exporter.sources.probe import ProbeError
from exporter.sources.read_only_sql import check_reading, is_fetched_by_cursor


@pytest.mark.parametrize(
    "statement",
    [
        "select max(updated_at), count(*) from orders",
        "  SELECT 1;  ",
        "select 1;;\n",
        "-- the newest; delete nothing\nselect 1",
        "/* insert */ select 1 /* ; drop table x */",
        "with a as (select 1) select * from a",
        "(select 1) union (select 2)",
        "values (1)",
        "table orders",
        "show tables",
        "describe history orders",
        "select 'insert; into' from t",
        "select 'it''s; delete' from t",
        'select "update" from "call"',
        "select `delete` from t",
        "select $$; delete from t$$",
        "select $a$ ; $$ delete $a$",
        "select last_update, calls from t",
    ],
)
def test_a_statement_that_reads_is_let_through(statement):
    check_reading(statement)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("", "nothing"),
        ("-- select 1", "nothing"),
        ("insert into t values (1)", "INSERT"),
        ("update t set a = 1", "UPDATE"),
        ("pragma query_only = off", "PRAGMA"),
        ("attach 'other.db' as o", "ATTACH"),
        ("set transaction read write", "SET"),
        ("begin", "BEGIN"),
        ("explain analyze delete from t", "EXPLAIN"),
        ("call refresh()", "CALL"),
        ("copy t to program 'x'", "COPY"),
        ("do $$ begin end $$", "DO"),
    ],
)
def test_one_that_begins_otherwise_is_refused_by_its_name(statement, found):
    with pytest.raises(ProbeError, match=f"the query begins with {found}, expected SELECT, WITH or SHOW"):
        check_reading(statement)


@pytest.mark.parametrize(
    "statement",
    ["select 1; select 2", "select 1; delete from t", "select ';' ; commit", "select 1 -- one\n; select 2"],
)
def test_more_than_one_statement_is_refused(statement):
    with pytest.raises(ProbeError, match="more than one statement"):
        check_reading(statement)


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("with gone as (delete from t returning *) select * from gone", "DELETE"),
        ("with new as (insert into t values (1) returning *) select 1", "INSERT"),
        ("select * into copy from t", "INTO"),
        ("select * from t for update", "UPDATE"),
    ],
)
def test_one_that_begins_well_and_writes_is_refused(statement, word):
    with pytest.raises(ProbeError, match=f"the word {word}"):
        check_reading(statement)


def test_a_cursor_of_the_server_goes_over_rows_and_not_over_settings():
    assert is_fetched_by_cursor("with a as (select 1) select * from a")
    assert is_fetched_by_cursor("-- rows\nselect 1")
    assert not is_fetched_by_cursor("show tables")
    assert not is_fetched_by_cursor("describe history orders")
