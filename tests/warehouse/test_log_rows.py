"""Rows as drivers and tables of all sorts give them: one that is not credible costs no other, and no total."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from query_log import HOUR_MS, commented

from exporter.config import WarehousePrices
from exporter.warehouse import LogRow, log_row, sums_by_hour

PRICES = WarehousePrices(credit_micro_usd=3_000_000)
GOOD = {"part": "query", "query_id": "q", "start_ms": 1000, "end_ms": 3000, "query_text": commented()}
GOOD |= {"cache_hit": False, "credits": Decimal("0.1"), "bytes_billed": 7, "slot_ms": 9}


def read(**fields):
    return log_row([{**GOOD, **fields}.get(one) for one in LogRow._fields])


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"start_ms": "1000.0", "end_ms": Decimal("3E+3")}, {"start_ms": 1000, "end_ms": 3000}),
        ({"bytes_billed": "1e3", "slot_ms": 2.0}, {"bytes_billed": 1000, "slot_ms": 2}),
        ({"part": " QUERY "}, {"part": "query"}),
        ({"part": None}, {"part": "query"}),
        ({"query_text": commented().encode()}, {"query_text": commented()}),
        ({"start_ms": 9000}, {"start_ms": 3000}),
        ({"start_ms": "yesterday"}, {"start_ms": 3000}),
        ({"end_ms": 10**12, "start_ms": 0}, {"start_ms": 10**12}),
    ],
)
def test_what_can_be_read_in_another_form_is_read(fields, found):
    row = read(**fields)
    assert {name: getattr(row, name) for name in found} == found


@pytest.mark.parametrize("value", [True, 1, Decimal(1), "t", "TRUE", "1"])
def test_a_hit_is_one_in_whatever_words(value):
    assert read(cache_hit=value).cache_hit is True


@pytest.mark.parametrize("value", [False, 0, "f", "false", "0", "N"])
def test_a_miss_is_none_in_whatever_words(value):
    assert read(cache_hit=value).cache_hit is False


@pytest.mark.parametrize(
    "value", [-1, "-0.5", float("nan"), float("inf"), "-Infinity", "1e99", "1e999999999", "many", b"1", [], "9" * 5000]
)
def test_an_amount_that_is_not_credible_is_not_known_and_the_query_is_counted(value):
    row = read(credits=value, bytes_billed=value, slot_ms=value, usd=value, cache_hit="maybe")
    assert (row.credits, row.bytes_billed, row.slot_ms, row.usd, row.cache_hit) == (None,) * 5
    [one] = sums_by_hour([row], PRICES).hours.values()
    assert (one.queries, one.unpriced, one.usd_micro, one.cache_judged) == (1, 1, 0, 0)


def test_an_amount_below_all_money_is_nothing_and_takes_no_time():
    assert read(credits="1e-999999").credits == 0


@pytest.mark.parametrize("fields", [{"end_ms": None}, {"end_ms": "soon"}, {"end_ms": 10**16}, {"part": "total"}])
def test_a_row_without_a_part_or_an_end_is_none(fields):
    assert read(**fields) is None


def test_rows_without_an_id_are_one_only_if_they_are_the_same():
    rows = [read(query_id=None), read(query_id=None), read(query_id=None, end_ms=3001)]
    [one] = sums_by_hour(rows, PRICES).hours.values()
    assert one.queries == 2


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.decimals(), st.text(max_size=12), st.binary(max_size=9)
)


@given(st.lists(st.lists(ANYTHING, min_size=11, max_size=11), max_size=4))
def test_no_row_raises_or_makes_a_sum_negative_or_too_large(rows):
    read_rows = [row for row in map(log_row, rows) if row is not None]
    for key, one in sums_by_hour(sorted(read_rows, key=lambda row: row.end_ms), PRICES).hours.items():
        assert key.hour_ms % HOUR_MS == 0
        assert key.part == "other" or 0 <= one.usd_micro < 1 << 60
        assert 0 <= one.elapsed_ms < 1 << 60
