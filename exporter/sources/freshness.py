"""Ready-made queries for when tables changed, for the databases that know it without reading the tables."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from exporter.sources.probe import ProbeError
from exporter.sources.table_names import Part, TableName

MOST_TABLES = 1000

_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_ASCII_UPPER = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}
_TABLES_AT_ONCE = 100
_BIGQUERY_PART = re.compile(r"[\w -]+")

_POSTGRESQL = """
with recursive
  wanted as (
    select item.number, to_regclass(item.name) as root
    from json_array_elements_text(cast(:names as json)) with ordinality as item (name, number)
  ),
  members as (
    select number, cast(root as oid) as member from wanted where root is not null
    union
    select members.number, pg_inherits.inhrelid
    from members join pg_inherits on pg_inherits.inhparent = members.member
  )
select
  members.number, cast(class.relkind as text), class.oid, class.relfilenode,
  stat.n_tup_ins, stat.n_tup_upd, stat.n_tup_del,
  base.stats_reset, pg_is_in_recovery(), current_setting('track_counts')
from members
  join pg_class as class on class.oid = members.member
  join pg_stat_database as base on base.datname = current_database()
  left join pg_stat_all_tables as stat on stat.relid = members.member
"""
# A partitioned table has no counters, its parts do. TRUNCATE moves none, but puts the table into another file; a reset
# and a crash put them back to 0, which stats_reset shows.

_BIGQUERY = """
select table_name, max(last_modified_time), count(distinct partition_id), sum(total_rows), sum(total_logical_bytes)
from {view}.INFORMATION_SCHEMA.PARTITIONS where table_name in ({names}) group by table_name
"""
# A deletion may leave the time as it is, so rows and bytes belong to the state.


@dataclass(frozen=True, slots=True)
class Question:
    """A statement for SQLAlchemy's `text`, with its parameters, about some tables.

    Every row of the answer begins with one of the keys of `tables`; the rest is the state of that table.
    """

    sql: str
    parameters: Mapping[str, object]
    tables: Mapping[object, TableName]


def questions(dialect: str, tables: Sequence[TableName], default_dataset: str | None = None) -> list[Question]:
    """The queries for a database of this SQLAlchemy dialect about the tables, whose names are bound or quoted.

    `default_dataset` is where a BigQuery table without one is. Raises ProbeError for a dialect that has no such
    query and for names that it cannot have.
    """
    wanted = list(dict.fromkeys(tables))
    if len(wanted) > MOST_TABLES:
        raise ProbeError(f"found {len(wanted)} tables, expected at most {MOST_TABLES}; use a query for more")
    match dialect:
        case "postgresql":
            return [_postgresql(some) for some in _batches(wanted)]
        case "snowflake":
            return [_snowflake(some) for some in _batches(wanted)]
        case "bigquery":
            return list(_bigquery(wanted, default_dataset))
        case _:
            raise ProbeError(f"{dialect} does not record when a table changed, expected a query instead of tables")


def checked(dialect: str, question: Question, rows: Sequence[Sequence[object]]) -> Sequence[Sequence[object]]:
    """The rows of an answer, if they have the state of every table; else raises ProbeError.

    A table that is not there, or whose writes are not counted, would look as if it never changed.
    """
    found = {row[0] for row in rows if all(value is not None for value in row[1:2])}
    missing = next((table for key, table in question.tables.items() if key not in found), None)
    if missing is not None:
        hint = ", or it is a view" if dialect == "bigquery" else ""
        raise ProbeError(f"the database does not show the table {missing}: it is not there or not visible{hint}")
    if dialect == "postgresql":
        for row in rows:
            _check_postgresql(row, question.tables[row[0]])
    return rows


def _postgresql(tables: Sequence[TableName]) -> Question:
    names = [".".join(_double_quoted(part, _ASCII_LOWER) for part in table.parts) for table in tables]
    return Question(_POSTGRESQL, {"names": json.dumps(names)}, dict(enumerate(tables, 1)))


def _check_postgresql(row: Sequence[object], table: TableName) -> None:
    kind, inserted, is_standby, counting = row[1], row[4], row[8], row[9]
    if is_standby:
        raise ProbeError("the database is a standby, which does not count writes; expected its primary, or a query")
    if counting != "on":
        raise ProbeError("the database does not count writes: track_counts is off")
    if kind not in ("r", "p", "m") or (kind != "p" and inserted is None):
        raise ProbeError(f"{table} is no table but a view or a foreign one, expected a table, or a query")


def _snowflake(tables: Sequence[TableName]) -> Question:
    selects = [
        f"select {number} as n, SYSTEM$LAST_CHANGE_COMMIT_TIME(:table_{number}) as changed"
        for number in range(len(tables))
    ]
    names = [".".join(_double_quoted(part, _ASCII_UPPER) for part in table.parts) for table in tables]
    parameters = {f"table_{number}": name for number, name in enumerate(names)}
    return Question(" union all ".join(selects), parameters, dict(enumerate(tables)))


def _bigquery(tables: Sequence[TableName], default_dataset: str | None) -> Iterator[Question]:
    """One query a dataset: a view of partitions belongs to one."""
    datasets: dict[tuple[str, ...], list[TableName]] = {}
    for table in tables:
        place = tuple(part.text for part in table.parts[:-1])
        if not place and default_dataset is None:
            raise ProbeError(f"the table {table} has no dataset, expected DATASET.{table}, or one in the URL")
        if not all(_BIGQUERY_PART.fullmatch(part.text) for part in table.parts):
            raise ProbeError(f"found the table {table}, which BigQuery cannot have")
        datasets.setdefault(place or (str(default_dataset),), []).append(table)
    for place, members in datasets.items():
        if not all(_BIGQUERY_PART.fullmatch(part) for part in place):
            raise ProbeError("found a dataset in the URL that BigQuery cannot have")
        view = ".".join(f"`{part}`" for part in place)
        for some in _batches(members):
            names = {f"table_{number}": table.parts[-1].text for number, table in enumerate(some)}
            sql = _BIGQUERY.format(view=view, names=", ".join(f":{name}" for name in names))
            yield Question(sql, names, {table.parts[-1].text: table for table in some})


def _double_quoted(part: Part, fold: Mapping[int, int]) -> str:
    """The identifier in quotes, its letters folded as the database does with one that is written without."""
    text = part.text if part.is_quoted else part.text.translate(fold)
    return '"' + text.replace('"', '""') + '"'


def _batches(tables: Sequence[TableName]) -> Iterator[Sequence[TableName]]:
    for start in range(0, len(tables), _TABLES_AT_ONCE):
        yield tables[start : start + _TABLES_AT_ONCE]
