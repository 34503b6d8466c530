"""Names of tables are user input: what comes out of the parser is what SQL understands by it, or nothing."""

import json
import sqlite3

import pytest
from helpers.sizes import size
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from exporter.sources.freshness import questions
from exporter.sources.probe import ProbeError
from exporter.sources.table_names import Part, TableName, parse_table


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("orders", [Part("orders")]),
        (" Sales.Orders ", [Part("Sales"), Part("Orders")]),
        ("a.b.c", [Part("a"), Part("b"), Part("c")]),
        ('"Or""ders"', [Part('Or"ders', True)]),
        ('a."b.c".d', [Part("a"), Part("b.c", True), Part("d")]),
        ("`orders`", [Part("orders", True)]),
        ("`my-project.sales.orders`", [Part("my-project", True), Part("sales", True), Part("orders", True)]),
        ("`my-project`.sales.`orders`", [Part("my-project", True), Part("sales"), Part("orders", True)]),
        ("my-project.sales.orders", [Part("my-project"), Part("sales"), Part("orders")]),
        ("Größe.straße", [Part("Größe"), Part("straße")]),
        ("_x$1", [Part("_x$1")]),
    ],
)
def test_a_name_is_taken_apart(written, parts):
    assert list(parse_table(written).parts) == parts


@pytest.mark.parametrize(
    "written",
    [
        "",
        "   ",
        ".",
        "a.",
        ".a",
        "a..b",
        "a.b.c.d",
        "`a.b.c.d`",
        "`a..b`",
        "orders; drop table x",
        "orders o",
        "orders--",
        "orders/**/",
        "(select 1)",
        "o'rders",
        '"orders',
        'orders"',
        '""',
        '" "',
        '"a\nb"',
        '"a\x00b"',
        "``",
        "1st",
        "events_*",
        "a.b:c",
        "x" * 256,
        '"' + "x" * 256 + '"',
        "a.b.c" * 1000,
    ],
)
def test_rubbish_is_refused_with_what_was_found(written):
    with pytest.raises(ProbeError, match=r"found the table name .*, expected NAME, SCHEMA.NAME or A.B.C"):
        parse_table(written)


HOSTILE = st.text(alphabet=st.sampled_from(list("ab\"`'.;-/*\\: \n\x00$%(){}é" + "\u2028")), max_size=30)
NAMES = HOSTILE | st.text(max_size=40)
QUOTED = NAMES.map(lambda name: '"' + name.replace('"', '""') + '"')


@pytest.mark.slow
@settings(max_examples=size(100, 1000), deadline=None)
@given(NAMES | st.lists(QUOTED, min_size=1, max_size=4).map(".".join))
@example('"a"" ; drop table t; --"')
@example("`a`; drop table t`")
def test_the_quoted_name_is_one_identifier_to_sqlite(written):
    try:
        table = parse_table(written)
    except ProbeError:
        return
    quoted = [questions("snowflake", [TableName((part,))])[0].parameters["table_0"] for part in table.parts]
    assert questions("snowflake", [table])[0].parameters["table_0"] == ".".join(map(str, quoted))
    # Quotes mean the same in SQLite: as aliases, the parts come back as they went in.
    with sqlite3.connect(":memory:") as connection:
        requested = ", ".join(f"1 as {one}" for one in quoted)
        found = [column[0] for column in connection.execute(f"select {requested}").description]
    connection.close()
    assert found == [part.text if part.is_quoted else _folded(part.text, str.upper) for part in table.parts]


@pytest.mark.slow
@settings(max_examples=size(100, 1000), deadline=None)
@given(st.lists(NAMES | QUOTED, min_size=1, max_size=3).map(".".join))
@example("a`; select 1; --")
@example("a.b\\`.c")
def test_what_bigquery_gets_holds_no_character_of_a_name_that_could_end_it(written):
    try:
        requested = questions("bigquery", [parse_table(written)], "dataset")
    except ProbeError:
        return
    for question in requested:
        view = question.sql.partition(" from ")[2] or question.sql.partition("\nfrom ")[2]
        quoted = view.partition(".INFORMATION_SCHEMA")[0]
        assert not set(quoted.replace("`.`", "").strip("`")) & set("`\\\"';\n\r:%")
        assert text(question.sql).compile().params.keys() == question.parameters.keys()


@settings(max_examples=60, deadline=None)
@given(written=NAMES | QUOTED)
@example(written='"x""; drop table t; --"')
@example(written='"%s"')
@example(written='":names"')
@pytest.mark.slow
def test_no_name_gets_around_its_quotes_in_postgresql(hostile_connection, written):
    try:
        table = parse_table(written)
    except ProbeError:
        return
    if len(table.parts) > 2:
        return  # the first would have to be this database
    name = json.loads(str(questions("postgresql", [table])[0].parameters["names"]))[0]
    found = hostile_connection.execute("select parse_ident(%s)", [name]).fetchone()[0]
    expected = [part.text if part.is_quoted else _folded(part.text, str.lower) for part in table.parts]
    assert found == expected
    assert hostile_connection.execute("select to_regclass(%s)", [name]).fetchone() == (None,)


@pytest.fixture(scope="module")
def hostile_connection(postgres_server):
    with postgres_server.connect() as connection:
        yield connection


def _folded(written, fold):
    """The name in the case that a database gives ASCII letters without quotes."""
    return "".join(fold(one) if one.isascii() else one for one in written)
