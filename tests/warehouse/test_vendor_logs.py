"""Each vendor's log as the simulated workspace fills it: what is read is what was true, to the micro-dollar."""

import random
from collections import defaultdict
from fractions import Fraction

import pytest
from query_log import HOUR_MS
from vendor_database import VendorDatabase

from exporter.config import Warehouse, WarehousePrices
from exporter.hexapi import Secret
from exporter.ledger import WarehouseKey
from exporter.simulator import QueryLogTables, Simulation, VendorLog
from exporter.sources import Address
from exporter.warehouse import read_hours, windows
from tests.helpers.manual_clock import ManualClock

END_MS = 1_800_000_000_000 - 1_800_000_000_000 % HOUR_MS
START_MS = END_MS - 31 * HOUR_MS
LATEST_MS = END_MS + 24 * HOUR_MS
"""By then every row is there."""

PRICES = {
    "snowflake": WarehousePrices(credit_micro_usd=3_000_000),
    "bigquery": WarehousePrices(tib_micro_usd=6_250_000),
    "databricks": WarehousePrices(dbu_micro_usd=700_000),
    "redshift": WarehousePrices(),
}
KINDS = tuple(PRICES)


@pytest.fixture(scope="module")
def simulation():
    clock = ManualClock(LATEST_MS / 1000)
    return Simulation(7, 40, clock=clock)


@pytest.fixture(scope="module")
def logs(simulation):
    """By vendor the log and its rows, which no test changes."""
    made = {kind: VendorLog(simulation, kind) for kind in KINDS}
    # A text of BigQuery is compared with those of the day before.
    since_ms = {kind: START_MS - (24 * HOUR_MS if kind == "bigquery" else 0) for kind in KINDS}
    return {kind: (log, list(log.entries(since_ms[kind], END_MS))) for kind, log in made.items()}


def dollars(used, prices):
    """Millionths, rounded once for a key."""
    unit = prices.credit_micro_usd or prices.dbu_micro_usd
    if unit is not None:
        return round(used.credits * unit)
    return round(Fraction(used.bytes_billed * (prices.tib_micro_usd or 0), 1 << 40))


def expected(log, kind, start_ms=START_MS, end_ms=END_MS):
    """The truth by the ledger's key: calls, time, hits, judged, micro-dollars, bytes, slots, unpriced, repeated."""
    found, parts, bills = {}, defaultdict(int), {}
    for key, used in log.truth(start_ms, end_ms).items():
        usd = dollars(used, PRICES[kind])
        if key.part == "bill":
            bills[key.hour_ms] = usd
            continue
        parts[key.hour_ms] += usd
        sums = (used.queries, used.elapsed_ms, used.hits, used.judged, usd, used.bytes_billed, used.slot_ms)
        found[WarehouseKey(*key)] = (*sums, used.unknown, used.repeated, used.repeated_bytes)
    for hour_ms, usd in bills.items():
        found[WarehouseKey(hour_ms, "other")] = (0, 0, 0, 0, usd - parts[hour_ms], *[0] * 5)
    return found


def plain(hours):
    return {
        key: (
            *(one.queries, one.elapsed_ms, one.cache_hits, one.cache_judged),
            *(one.usd_micro, one.bytes_billed, one.slot_ms, one.unpriced, one.repeated, one.repeated_bytes),
        )
        for key, one in hours.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_the_truth_to_the_micro_dollar(logs, kind):
    log, entries = logs[kind]
    shuffled = random.Random(3).sample(entries, len(entries))
    database = VendorDatabase(kind, PRICES[kind])
    database.add(shuffled)
    truth = expected(log, kind)
    assert plain(database.read(START_MS, END_MS)) == truth
    assert sum(sums[0] for sums in truth.values()) > 100
    assert {key.part for key in truth} >= {"query", "unattributed"}
    assert kind == "redshift" or sum(sums[4] for sums in truth.values()) > 1000


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_neither_the_windows_nor_the_zone_of_the_session_change_what_is_read(logs, kind):
    log, entries = logs[kind]
    database = VendorDatabase(kind, PRICES[kind], timezone="Asia/Kolkata")
    database.add(entries)
    assert plain(database.read(START_MS, END_MS, hours=5)) == expected(log, kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_looks_while_the_log_fills_come_to_the_truth(logs, kind):
    """Rows come out of order and money hours after them: what a look misses, a later one reads."""
    log, entries = logs[kind]
    database, known, clock = VendorDatabase(kind, PRICES[kind]), {}, ManualClock(START_MS / 1000)
    waiting, until_ms = sorted(entries, key=lambda entry: entry.visible_ms), None
    while clock.now() * 1000 < LATEST_MS + 24 * HOUR_MS:
        clock.advance(5 * 3600)
        now_ms = clock.now() * 1000
        database.add(entry for entry in waiting if entry.visible_ms <= now_ms)
        waiting = [entry for entry in waiting if entry.visible_ms > now_ms]
        for span in windows(database.warehouse, until_ms or START_MS, clock):
            known = {key: one for key, one in known.items() if not span[0] <= key.hour_ms < span[1]}
            known |= database.read(*span)
            until_ms = span[1]
    assert plain({key: one for key, one in known.items() if key.hour_ms >= START_MS}) == expected(log, kind)


@pytest.mark.slow
def test_without_the_view_of_attribution_credits_are_shared_by_time_and_idle_stays_apart(logs):
    _, entries = logs["snowflake"]
    database = VendorDatabase("snowflake", PRICES["snowflake"], has_attribution=False)
    database.add(one for one in entries if one.table != "query_attribution_history")
    found = database.read(START_MS, END_MS)

    ran = {one.row["query_id"]: one.row for one in entries if one.table == "query_history"}.values()
    meters = {(one.row["warehouse_id"], one.row["start_time"]): one.row for one in entries if "metering" in one.table}
    worked, used, idle, billed = (defaultdict(Fraction) for _ in range(4))
    for row in ran:
        worked[row["warehouse_id"], row["end_time"] - row["end_time"] % HOUR_MS] += row["execution_time"]
    serving = set()
    for row in ran:
        key = row["warehouse_id"], row["end_time"] - row["end_time"] % HOUR_MS
        if "Hex query metadata:" in row["query_text"]:
            serving.add(key)
            share = Fraction(meters[key]["credits_attributed_compute_queries"]) * row["execution_time"] / worked[key]
            used[key[1]] += share
    for key in serving:
        billed[key[1]] += Fraction(meters[key]["credits_used_compute"])
        idle[key[1]] += Fraction(
            meters[key]["credits_used_compute"] - meters[key]["credits_attributed_compute_queries"]
        )
    for hour_ms, credits in billed.items():
        mine = {key: one.usd_micro for key, one in found.items() if key.hour_ms == hour_ms}
        queries = [usd for key, usd in mine.items() if key.part in ("query", "unattributed")]
        # Each key is rounded by itself, and the database divides in floating point.
        assert abs(sum(queries) - used[hour_ms] * 3_000_000) <= len(queries)
        assert mine[WarehouseKey(hour_ms, "idle")] == round(idle[hour_ms] * 3_000_000)
        assert sum(mine.values()) == round(credits * 3_000_000)
    assert not any(one.unpriced for one in found.values())


def test_a_table_that_fills_as_time_goes_on_is_read_to_the_micro_dollar(simulation, tmp_path):
    """The file as the demo has it: filled now and then, by a process that was killed and started again meanwhile."""
    file, log = tmp_path / "log.db", VendorLog(simulation, "snowflake", ["Snowflake*"])
    warehouse = Warehouse(name="w", kind="table", url_env="U", relation="hex_queries", prices=PRICES["snowflake"])
    for at_ms in range(START_MS, END_MS, 7 * HOUR_MS // 2):
        QueryLogTables(file, {"hex_queries": log}).fill(at_ms)
    tables = QueryLogTables(file, {"hex_queries": log})
    for at_ms in (END_MS - 1, END_MS, END_MS + 600_000):
        tables.fill(at_ms)
    known = read_hours(warehouse, Address(Secret(f"sqlite:///{file}")), (START_MS, END_MS)).hours
    assert plain(known) == expected(log, "snowflake")


def test_what_the_comment_costs_is_known_of_a_table_too(simulation, tmp_path):
    """A table of BigQuery's rows has no digest: the text itself is compared, in whatever dialect reads it."""
    file, log = tmp_path / "log.db", VendorLog(simulation, "bigquery", ["Product*"])
    since_ms, until_ms = END_MS - 30 * HOUR_MS, END_MS
    QueryLogTables(file, {"hex_queries": log}).fill(END_MS)
    warehouse = Warehouse(name="w", kind="bigquery", url_env="U", relation="hex_queries", prices=PRICES["bigquery"])
    known = read_hours(warehouse, Address(Secret(f"sqlite:///{file}")), (since_ms, until_ms)).hours
    assert plain(known) == expected(log, "bigquery", since_ms, until_ms)
    assert sum(one.repeated for one in known.values()) > 10
    assert 0 < sum(one.repeated_usd_micro for one in known.values()) < sum(one.usd_micro for one in known.values())
