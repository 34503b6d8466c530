"""The query logs of the simulated warehouses, in each vendor's shape, and what is true of them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Literal, NamedTuple

from exporter.simulator.event_times import DAY_MS, HOUR_MS
from exporter.simulator.hex_queries import HexQuery, hex_queries
from exporter.simulator.seeded_random import chance, identifier, share
from exporter.simulator.simulation import Simulation

Vendor = Literal["snowflake", "bigquery", "databricks", "redshift"]

Row = Mapping[str, object]
"""A row by column; times are milliseconds since 1970, in columns that end in `_time`."""

_MICRO = 1_000_000
_MIB = 1 << 20
_LEAST_BYTES = 10 * _MIB
_SLOTS = 8
_HOUR_CREDITS = 4
"""What a medium warehouse is billed."""

_MOST_IDLE = 60_000
"""Millionths of a credit for the minute until a warehouse is suspended."""

_COMMENT = re.compile(r"--[ \t]*Hex query metadata:[^\n]*")

_SERVICE_ACCOUNT = "hex@acme.iam.gserviceaccount.com"
"""Whom Hex's connection queries as."""

_LEAST_ATTRIBUTED_MS = 100
"""Snowflake leaves out what is shorter."""

_SCRIPT_SHARE = 0.03
_REPEATED_SHARE = 0.03
_VERY_LATE_SHARE = 0.01
"""How many rows may come a day late, whatever the vendor says."""

_PIECE, _REDSHIFT_TEXT = 200, 4000

_LATE_MS: Mapping[str, int] = {
    "query_history": 45 * 60_000,
    "query_attribution_history": 8 * HOUR_MS,
    "warehouse_metering_history": 3 * HOUR_MS,
    "JOBS_BY_PROJECT": 60_000,
    "history": HOUR_MS,
    "usage": 8 * HOUR_MS,
    "sys_query_history": 60_000,
    "sys_query_text": 60_000,
}
"""How late a row comes at most, by table."""


class LogEntry(NamedTuple):
    """A row of one of the log's tables, and when it can first be read."""

    visible_ms: int
    table: str
    row: Row


class UsedKey(NamedTuple):
    """What a sum is about: `part` is query, unattributed, idle or bill; only `query` has the rest."""

    hour_ms: int
    part: str
    project_id: str = ""
    context: str = ""
    cell_id: str = ""
    connection: str = ""


class Used(NamedTuple):
    """What is true of a key: `credits` are exact, `judged` have a cache flag, `unknown` have no cost in the log.

    `repeated` were billed on BigQuery although an equal text, but for the comment, had been answered in the day before.
    """

    queries: int = 0
    elapsed_ms: int = 0
    hits: int = 0
    judged: int = 0
    credits: Fraction = Fraction(0)
    bytes_billed: int = 0
    slot_ms: int = 0
    unknown: int = 0
    repeated: int = 0
    repeated_bytes: int = 0


class _Cost(NamedTuple):
    """What one query used, None for what its vendor's log does not have."""

    cache_hit: bool | None = None
    credits: Fraction | None = None
    bytes_billed: int | None = None
    slot_ms: int | None = None


class _Hour:
    """One warehouse in one hour, whether it served Hex or only others; credits are in millionths."""

    def __init__(self, seed: int, warehouse: str, hour_ms: int) -> None:
        dice = chance(seed, "warehouse hour", warehouse, hour_ms)
        self.warehouse = warehouse
        self.hour_ms = hour_ms
        self.queries: list[HexQuery] = []
        self.others = [(identifier(seed, warehouse, hour_ms, turn), dice.randrange(1, 60_000)) for turn in range(2)]
        self.idle = dice.randrange(_MOST_IDLE)
        self.dbus = dice.randrange(1 * _MICRO, 3 * _MICRO)

    @property
    def work_ms(self) -> int:
        """Of all queries, other tools' included."""
        return sum(one.work_ms for one in self.queries) + sum(work_ms for _, work_ms in self.others)

    @property
    def credits(self) -> tuple[int, int]:
        """Attributed to queries, and billed in all."""
        works = [one.work_ms for one in self.queries] + [work_ms for _, work_ms in self.others]
        attributed = sum(_credits(work_ms) or 0 for work_ms in works)
        return attributed, attributed + self.idle


class VendorLog:
    """The log of the warehouses behind the connections that match one of the patterns."""

    def __init__(self, simulation: Simulation, vendor: Vendor, connections: Iterable[str] = ("*",)) -> None:
        self._simulation = simulation
        self._vendor = vendor
        self._connections = tuple(connections)

    def entries(self, start_ms: int, end_ms: int) -> Iterator[LogEntry]:
        """The rows of the whole hours of [start, end), some of them twice, in no order."""
        seed = self._simulation.seed
        for hour in self._hours(start_ms, end_ms).values():
            for at_ms, table, row in self._rows(hour):
                key = (table, *map(str, row.values()))
                late = share(seed, "late", *key)
                most_ms = DAY_MS if late < _VERY_LATE_SHARE else _LATE_MS[table]
                yield LogEntry(at_ms + int(share(seed, "by", *key) * most_ms), table, row)
                if share(seed, "repeated", *key) < _REPEATED_SHARE:
                    yield LogEntry(at_ms + _LATE_MS[table], table, row)

    def relation(self, start_ms: int, end_ms: int) -> Iterator[LogEntry]:
        """The same as a view with hex-exporter's own columns; whole hours are there when they are over."""
        nothing = dict.fromkeys(("query_text", "cache_hit", "credits", "bytes_billed", "slot_ms", "usd"))
        for hour in self._serving(start_ms, end_ms):
            for query in hour.queries:
                cost = self._cost(hour, query)
                row = {"part": "query", "query_id": query.query_id, "start_ms": query.start_ms, "end_ms": query.end_ms}
                row |= nothing | {"query_text": query.text} | cost._asdict()
                yield LogEntry(query.end_ms, "relation", row | {"credits": _decimal(cost.credits)})
            for part, amount in self._whole(hour):
                row = {"part": part, "query_id": f"{part}-{hour.warehouse}", "start_ms": hour.hour_ms}
                row |= {"end_ms": hour.hour_ms} | nothing | {"credits": _decimal(amount)}
                yield LogEntry(hour.hour_ms + HOUR_MS, "relation", row)

    def truth(self, start_ms: int, end_ms: int) -> Mapping[UsedKey, Used]:
        """What the whole hours of [start, end) used, once all rows are there.

        `bill` is all that was billed for warehouses in the hours in which they served Hex.
        """
        used: dict[UsedKey, Used] = defaultdict(Used)
        repeated = self._repeated(start_ms, end_ms)
        for hour in self._serving(start_ms, end_ms):
            for one in hour.queries:
                key = UsedKey(hour.hour_ms, "unattributed")
                if one.is_readable:
                    about = (one.project_id, one.context.lower(), one.cell_id, one.connection)
                    key = UsedKey(hour.hour_ms, "query", *about)
                cost = self._cost(hour, one)
                used[key] = Used(
                    used[key].queries + 1,
                    used[key].elapsed_ms + one.end_ms - one.start_ms,
                    used[key].hits + (cost.cache_hit is True),
                    used[key].judged + (cost.cache_hit is not None),
                    used[key].credits + (cost.credits or 0),
                    used[key].bytes_billed + (cost.bytes_billed or 0),
                    used[key].slot_ms + (cost.slot_ms or 0),
                    used[key].unknown + (cost.credits is None and cost.bytes_billed is None),
                    used[key].repeated + (one.query_id in repeated),
                    used[key].repeated_bytes + ((one.query_id in repeated and cost.bytes_billed) or 0),
                )
            for part, amount in self._whole(hour):
                key = UsedKey(hour.hour_ms, part)
                used[key] = used[key]._replace(credits=used[key].credits + amount)
        return used

    def _repeated(self, start_ms: int, end_ms: int) -> set[str]:
        """The ids of queries that BigQuery's cache would have answered, had their texts no comment."""
        if self._vendor != "bigquery":
            return set()
        ends: dict[str, list[int]] = defaultdict(list)
        repeated: set[str] = set()
        for hour in self._serving(start_ms - DAY_MS, end_ms):
            for query in hour.queries:
                before = ends[_COMMENT.sub("", query.text)]
                is_known = any(query.end_ms - DAY_MS <= at_ms <= query.start_ms for at_ms in before)
                before.append(query.end_ms)
                if is_known and not query.is_cache_hit and not _is_script(query):
                    repeated.add(query.query_id)
        return repeated

    def _serving(self, start_ms: int, end_ms: int) -> Iterator[_Hour]:
        return (hour for hour in self._hours(start_ms, end_ms).values() if hour.queries)

    def _hours(self, start_ms: int, end_ms: int) -> Mapping[tuple[str, int], _Hour]:
        """One warehouse behind each connection, in use in every hour."""
        simulation = self._simulation
        names = [link.name for link in simulation.links]
        names = [name for name in names if any(fnmatchcase(name, pattern) for pattern in self._connections)]
        at = [(name, at_ms) for at_ms in range(start_ms, end_ms, HOUR_MS) for name in names]
        hours = {one: _Hour(simulation.seed, *one) for one in at}
        for query in hex_queries(simulation, start_ms, end_ms, names):
            hours[query.connection, query.end_ms - query.end_ms % HOUR_MS].queries.append(query)
        return hours

    def _cost(self, hour: _Hour, query: HexQuery) -> _Cost:
        match self._vendor:
            case "snowflake":
                credits = _credits(query.work_ms)
                return _Cost(credits=None if credits is None else Fraction(credits, _MICRO))
            case "bigquery":
                hit = None if _is_script(query) else query.is_cache_hit
                return _Cost(cache_hit=hit, bytes_billed=_bytes(query.work_ms), slot_ms=query.work_ms * _SLOTS)
            case "databricks":
                dbus = Fraction(hour.dbus * query.work_ms, hour.work_ms * _MICRO)
                return _Cost(cache_hit=query.is_cache_hit, credits=dbus)
            case "redshift":
                return _Cost(cache_hit=query.is_cache_hit)

    def _whole(self, hour: _Hour) -> Iterator[tuple[str, Fraction]]:
        """What is of an hour as a whole."""
        if self._vendor == "snowflake":
            yield "bill", Fraction(hour.credits[1], _MICRO)
            yield "idle", Fraction(hour.idle, _MICRO)
        if self._vendor == "databricks":
            yield "bill", Fraction(hour.dbus, _MICRO)

    def _rows(self, hour: _Hour) -> Iterator[tuple[int, str, Row]]:
        """(when it happened, table, row) of an hour."""
        match self._vendor:
            case "snowflake":
                return _snowflake(hour)
            case "bigquery":
                return _bigquery(hour)
            case "databricks":
                return _databricks(hour)
            case "redshift":
                return _redshift(hour)


def _all(hour: _Hour) -> Iterator[tuple[str, str, int, int, int]]:
    """Id, text, start, end and work of each query, Hex's first."""
    for one in hour.queries:
        yield one.query_id, one.text, one.start_ms, one.end_ms, one.work_ms
    for query_id, work_ms in hour.others:
        yield query_id, "select 1 /* another tool */", hour.hour_ms, hour.hour_ms + work_ms, work_ms


def _snowflake(hour: _Hour) -> Iterator[tuple[int, str, Row]]:
    for query_id, text, start_ms, end_ms, work_ms in _all(hour):
        row: Row = {"query_id": query_id, "query_text": text, "warehouse_id": hour.warehouse}
        row = {**row, "start_time": start_ms, "end_time": end_ms, "execution_time": work_ms}
        yield end_ms, "query_history", row
        if (credits := _credits(work_ms)) is not None:
            row = {"query_id": query_id, "start_time": start_ms, "end_time": end_ms}
            row |= {"credits_attributed_compute": Decimal(credits) / _MICRO, "credits_used_query_acceleration": None}
            yield end_ms, "query_attribution_history", row
    attributed, billed = hour.credits
    row = {"warehouse_id": hour.warehouse, "start_time": hour.hour_ms, "credits_used_compute": Decimal(billed) / _MICRO}
    row |= {"credits_attributed_compute_queries": Decimal(attributed) / _MICRO}
    yield hour.hour_ms + HOUR_MS, "warehouse_metering_history", row


def _bigquery(hour: _Hour) -> Iterator[tuple[int, str, Row]]:
    by_id = {one.query_id: one for one in hour.queries}
    for query_id, text, start_ms, end_ms, work_ms in _all(hour):
        query = by_id.get(query_id)
        is_script = query is not None and _is_script(query)
        row: Row = {"job_id": query_id, "parent_job_id": None, "query": text, "user_email": _SERVICE_ACCOUNT}
        row = {**row, "creation_time": start_ms - 300, "start_time": start_ms, "end_time": end_ms}
        row |= {"total_bytes_billed": _bytes(work_ms), "total_slot_ms": work_ms * _SLOTS}
        yield end_ms, "JOBS_BY_PROJECT", {**row, "cache_hit": None if is_script else work_ms == 0}
        if is_script:
            child = {"job_id": f"{query_id}-child", "parent_job_id": query_id, "cache_hit": work_ms == 0}
            yield end_ms, "JOBS_BY_PROJECT", {**row, **child}


def _databricks(hour: _Hour) -> Iterator[tuple[int, str, Row]]:
    for query_id, text, start_ms, end_ms, work_ms in _all(hour):
        row: Row = {"statement_id": query_id, "statement_text": text, "from_result_cache": work_ms == 0}
        row = {**row, "start_time": start_ms, "end_time": end_ms, "total_task_duration_ms": work_ms}
        yield end_ms, "history", {**row, "compute": {"type": "WAREHOUSE", "warehouse_id": hour.warehouse}}
    for turn, dbus in enumerate((hour.dbus // 3, hour.dbus - hour.dbus // 3)):
        row = {"record_id": f"{hour.warehouse}-{hour.hour_ms}-{turn}", "usage_unit": "DBU"}
        row |= {
            "usage_metadata": {"warehouse_id": hour.warehouse},
            "usage_quantity": Decimal(dbus) / _MICRO,
            "usage_start_time": hour.hour_ms + turn * HOUR_MS // 3,
        }
        yield hour.hour_ms + HOUR_MS, "usage", row


def _redshift(hour: _Hour) -> Iterator[tuple[int, str, Row]]:
    for query_id, text, start_ms, end_ms, work_ms in _all(hour):
        number = int(query_id.replace("-", "")[:14], 16)
        row: Row = {"query_id": number, "query_text": text[:_REDSHIFT_TEXT], "result_cache_hit": work_ms == 0}
        yield end_ms, "sys_query_history", {**row, "start_time": start_ms, "end_time": end_ms}
        for at in range(0, len(text), _PIECE):
            row = {"query_id": number, "sequence": at // _PIECE, "text": text[at : at + _PIECE]}
            yield end_ms, "sys_query_text", row


def _credits(work_ms: int) -> int | None:
    """Millionths of a credit, None for what Snowflake attributes nothing to."""
    return work_ms * _HOUR_CREDITS * _MICRO // HOUR_MS if work_ms > _LEAST_ATTRIBUTED_MS else None


def _bytes(work_ms: int) -> int:
    return max(_LEAST_BYTES, work_ms * _MIB // 8) if work_ms else 0


def _is_script(query: HexQuery) -> bool:
    return share("script", query.query_id) < _SCRIPT_SHARE


def _decimal(amount: Fraction | None) -> float | None:
    return None if amount is None else float(amount)
