"""Hours of warehouses, in each engine: a crash anywhere and two readers of one window change no total."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from exporter.ledger import RunQuery, WarehouseKey, WarehouseSums, warehouse_hours
from exporter.ledger.key_values import KeyValues

HOUR_MS = 3_600_000
NOW_MS = 1_795_000_000_000 - 1_795_000_000_000 % HOUR_MS
SPAN = (NOW_MS, NOW_MS + 3 * HOUR_MS)
QUERIES, JUDGED = "hex_warehouse_queries_total", "hex_warehouse_result_cache_judged_total"


def hours(queries: int) -> dict[WarehouseKey, WarehouseSums]:
    return {
        WarehouseKey(SPAN[0] + number * HOUR_MS, "query", "p", "scheduled_run", "c", "Snow"): WarehouseSums(
            queries, cache_judged=queries, usd_micro=7 * queries, repeated=1, repeated_usd_micro=3
        )
        for number in range(3)
    }


RUN_QUERIES = {RunQuery("p", "c", SPAN[0], SPAN[0] + 5): 2}


def read(bench: Any, queries: int) -> None:
    bench.workspace.warehouses.replace("snow", SPAN, hours(queries), NOW_MS + 9, NOW_MS, RUN_QUERIES)


def known(bench: Any) -> Any:
    warehouses = bench.workspace.warehouses
    sums = [(key.part, one.queries, one.usd_micro, one.repeated) for (_, key), one in warehouses.between(*SPAN).items()]
    return sums, list(warehouses.run_queries(*SPAN)), warehouses.state("snow").complete_until_ms


def counted(bench: Any) -> dict[str, int]:
    return {metric: value for (metric, _), value in bench.sums().items() if metric in (QUERIES, JUDGED)}


@pytest.fixture
def begun(bench: Any) -> Any:
    bench.begin("p")
    return bench


@pytest.mark.parametrize("point", range(4))
def test_a_crash_at_any_point_leaves_the_window_as_it_was_and_the_next_look_makes_it_whole(
    begun: Any, monkeypatch: pytest.MonkeyPatch, point: int
) -> None:
    read(begun, 2)
    before, steps = known(begun), []

    def dying(plain: Any) -> Any:
        def step(*arguments: Any, **named: Any) -> Any:
            steps.append(plain)
            if len(steps) == point + 1:
                raise RuntimeError("killed")
            return plain(*arguments, **named)

        return step

    monkeypatch.setattr(warehouse_hours, "upsert", dying(warehouse_hours.upsert))
    monkeypatch.setattr(KeyValues, "write", dying(KeyValues.write))
    monkeypatch.setattr(begun.workspace.warehouses, "_count", dying(begun.workspace.warehouses._count))
    with pytest.raises(RuntimeError):
        read(begun, 5)
    monkeypatch.undo()

    assert len(steps) == point + 1
    assert known(begun) == before
    begun.restart()
    assert counted(begun) == {QUERIES: 6, JUDGED: 6}
    read(begun, 5)
    assert known(begun)[0] == [("query", 15, 105, 3)]
    assert counted(begun) == {QUERIES: 15, JUDGED: 15}


def test_two_readers_of_one_window_count_it_once(begun: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda queries: read(begun, queries), [4, 5, 4, 5, 4, 5]))
    sums, run_queries, _ = known(begun)
    assert sums in ([("query", 12, 84, 3)], [("query", 15, 105, 3)])
    assert run_queries == [("snow", RunQuery("p", "c", SPAN[0], SPAN[0] + 5), 2)]
    read(begun, 5)
    assert counted(begun) == {QUERIES: 15, JUDGED: 15}


def test_an_hour_that_comes_with_fewer_queries_takes_nothing_from_a_counter(begun: Any) -> None:
    read(begun, 5)
    read(begun, 3)
    assert known(begun)[0] == [("query", 9, 63, 3)]
    assert counted(begun) == {QUERIES: 15, JUDGED: 15}
    read(begun, 5)
    assert counted(begun) == {QUERIES: 15, JUDGED: 15}
