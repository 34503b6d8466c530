"""Sums by hour: each query once, money exact, and parts that add up to the bill."""

import pytest
from query_log import HOUR_MS, commented

from exporter.config import WarehousePrices
from exporter.ledger import WarehouseKey
from exporter.warehouse import LogRow, log_row, sums_by_hour

SNOW = WarehousePrices(credit_micro_usd=3_000_000)


def row(query_id="q", end_ms=1000, text=None, **fields):
    text = commented() if text is None else text
    known = {"part": "query", "query_id": query_id, "start_ms": end_ms - 500, "end_ms": end_ms, "query_text": text}
    known |= fields
    return log_row([known.get(one) for one in LogRow._fields])


def whole(part, end_ms, credits):
    return log_row((part, f"{part}-1", end_ms, end_ms, None, None, credits, None, None, None, None))


KEY = WarehouseKey(0, "query", "p1", "scheduled_run", "c1", "Snow")


def test_a_repeated_row_is_taken_once_and_an_hour_belongs_to_the_end():
    hours = sums_by_hour([row("a"), row("a"), row("b"), row("a", HOUR_MS)], SNOW).hours
    assert {key.hour_ms: one.queries for key, one in hours.items()} == {0: 2, HOUR_MS: 1}
    assert hours[KEY].elapsed_ms == 1000


def test_money_is_rounded_once_for_a_key_and_not_for_each_query():
    hours = sums_by_hour([row(str(number), credits=1e-7) for number in range(1000)], SNOW).hours
    assert hours[KEY].usd_micro == 300  # each alone would be 0
    assert hours[KEY].credits_micro == 100


@pytest.mark.parametrize(
    ("prices", "fields", "micro_usd"),
    [
        (SNOW, {"credits": "0.1"}, 300_000),
        (WarehousePrices(dbu_micro_usd=700_000), {"credits": 2}, 1_400_000),
        (WarehousePrices(tib_micro_usd=6_250_000), {"bytes_billed": 10 << 20}, 60),
        (WarehousePrices(slot_hour_micro_usd=60_000), {"slot_ms": 1_800_000}, 30_000),
        (WarehousePrices(), {"usd": "0.000002"}, 2),
    ],
)
def test_each_vendor_has_its_own_unit(prices, fields, micro_usd):
    one = sums_by_hour([row(**fields)], prices).hours[KEY]
    assert (one.usd_micro, one.unpriced) == (micro_usd, 0)


@pytest.mark.parametrize("fields", [{"credits": "1"}, {"bytes_billed": 5}, {"usd": "nonsense"}, {"usd": float("nan")}])
def test_without_a_price_a_query_is_counted_and_not_priced(fields):
    one = sums_by_hour([row(**fields)], WarehousePrices()).hours[KEY]
    assert (one.queries, one.usd_micro, one.unpriced) == (1, 0, 1)


def test_the_parts_add_up_to_the_bill():
    rows = [
        whole("bill", 0, "1"),
        whole("idle", 0, "0.25"),
        row("a", credits="0.3000001"),
        row("b", credits="0.1", text="-- Hex query metadata: {cut"),
    ]
    hours = sums_by_hour(rows, SNOW).hours
    assert {key.part: one.usd_micro for key, one in hours.items()} == {
        "query": 900_000,
        "unattributed": 300_000,
        "idle": 750_000,
        "other": 1_050_000,
    }
    assert sum(one.usd_micro for one in hours.values()) == 3_000_000
    assert sum(one.queries for one in hours.values()) == 2


def test_a_rate_has_only_queries_whose_log_has_the_flag():
    one = sums_by_hour([row("a", cache_hit=True), row("b", cache_hit=False), row("c")], SNOW).hours[KEY]
    assert (one.cache_hits, one.cache_judged) == (1, 2)


BIGQUERY = WarehousePrices(tib_micro_usd=6_250_000)


@pytest.mark.parametrize(
    ("fields", "repeated"),
    [
        ({"equal_ms": 500}, 1),
        ({"equal_ms": 501}, 0),  # it had not ended when this one began: no cache could have had it
        ({"equal_ms": None}, 0),
        ({"equal_ms": 1, "cache_hit": True}, 0),
        ({"equal_ms": 1, "cache_hit": None}, 0),
        ({"equal_ms": 1, "bytes_billed": 0}, 0),
    ],
)
def test_a_text_that_is_billed_again_is_what_the_comment_costs(fields, repeated):
    one = sums_by_hour([row(**{"bytes_billed": 1 << 40, "cache_hit": False, **fields})], BIGQUERY).hours[KEY]
    found = (one.repeated, one.repeated_bytes, one.repeated_usd_micro)
    assert found == (repeated, repeated << 40, 6_250_000 * repeated)


def test_of_rows_of_one_query_the_costliest_is_taken_in_whatever_order():
    rows = [row("a", credits=None), row("a", credits="0.2"), row("a", credits="0.1")]
    for some in (rows, rows[::-1]):
        assert sums_by_hour(some, SNOW).hours[KEY].usd_micro == 600_000


def test_what_is_held_has_a_bound_and_hours_stay_whole():
    rows = [row(f"{hour}-{turn}", hour * HOUR_MS + turn) for hour in range(5) for turn in range(4)]
    first = sums_by_hour(rows, SNOW, most=6)
    assert ({key.hour_ms // HOUR_MS for key in first.hours}, first.until_ms) == ({0, 1}, 2 * HOUR_MS)
    rest = sums_by_hour(rows[8:], SNOW, most=100)
    assert rest.until_ms is None
    assert sum(one.queries for found in (first, rest) for one in found.hours.values()) == 20
    assert sum(first.run_queries.values()) == 8
