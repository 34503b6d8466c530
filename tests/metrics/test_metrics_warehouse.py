"""The week's money in the warehouses by context, connection and cell."""

from exporter.config import Warehouse
from exporter.facts import Connection
from exporter.ledger import WarehouseKey, WarehouseSums

HOUR_MS = 3_600_000
CELL = "/hex/p1/draft/logic?selectedCellId=c1"


def test_money_is_given_by_what_it_was_for_and_leads_to_the_cell(world):
    world.configure(warehouses=(Warehouse(name="snow", kind="snowflake", url_env="U"),))
    connections = [Connection(connection_id="id", name="Snow", connection_type="snowflake")]
    world.acme.record_connections(connections, world.now_ms)
    hour_ms = world.now_ms - world.now_ms % HOUR_MS
    hours = {
        WarehouseKey(hour_ms, "query", "p1", "scheduled_run", "c1", "Snow"): WarehouseSums(1, usd_micro=2_000_000),
        WarehouseKey(hour_ms, "query", "p1", "app_view", "c1", "gone"): WarehouseSums(
            3, cache_hits=1, cache_judged=2, usd_micro=1_000_000
        ),
        WarehouseKey(hour_ms, "query", "p2", "app_view", "", "Snow"): WarehouseSums(1, unpriced=1),
        WarehouseKey(hour_ms, "idle"): WarehouseSums(usd_micro=9_000_000),
    }
    world.acme.warehouses.replace("snow", (hour_ms - 400 * HOUR_MS, hour_ms + HOUR_MS), hours, world.now_ms, 0)
    figures = world.figures()
    assert figures["hex_warehouse_context_week_usd"] == {("scheduled_run",): 2, ("app_view",): 1}
    assert figures["hex_warehouse_connection_week_usd"] == {("id",): 2, ("unknown",): 1}
    answers = figures["hex_warehouse_week_queries"]
    assert answers == {("snow", "cache"): 1, ("snow", "warehouse"): 1, ("snow", "not_judged"): 3}
    assert figures["hex_warehouse_unattributed_week_queries"] == {("snow",): 0}
    [((project_id, cell_id, url), usd)] = figures["hex_warehouse_cell_week_usd"].items()
    assert (project_id, cell_id, usd) == ("p1", "c1", 3)
    assert url.endswith(CELL)


def test_rates_stand_beside_their_bases_and_the_comment_has_a_price(world):
    warehouses = [Warehouse(name=kind, kind=kind, url_env="U") for kind in ("snowflake", "bigquery")]
    world.configure(warehouses=tuple(warehouses))
    hour_ms = world.now_ms - world.now_ms % HOUR_MS
    span = (hour_ms - 400 * HOUR_MS, hour_ms + HOUR_MS)
    key = WarehouseKey(hour_ms, "query", "p1", "app_view", "c1", "")
    sums = WarehouseSums(
        *(5, 9000, 1, 4),
        unpriced=2,
        usd_micro=3_000_000,
        repeated=2,
        repeated_bytes=1 << 40,
        repeated_usd_micro=2_000_000,
    )
    for _ in range(2):
        world.acme.warehouses.replace("bigquery", span, {key: sums}, world.now_ms, 0)
        world.acme.warehouses.replace("snowflake", span, {key: WarehouseSums(7)}, world.now_ms, 0)
    figures = world.figures()
    assert figures["hex_warehouse_unpriced_week_queries"] == {("bigquery",): 2, ("snowflake",): 0}
    assert figures["hex_warehouse_repeated_week_queries"] == {("bigquery",): 2}
    assert figures["hex_warehouse_repeated_week_bytes"] == {("bigquery",): 1 << 40}
    assert figures["hex_warehouse_repeated_week_usd"] == {("bigquery",): 2}
    world.acme.release_holds(world.now_ms + 120_000)
    counted = {(one.metric, one.labels[-1]): one.value for one in world.acme.counters()}
    base, hits = (f"hex_warehouse_result_cache_{one}_total" for one in ("judged", "hits"))
    assert (counted[base, "bigquery"], counted[hits, "bigquery"]) == (4, 1)
    assert (counted[base, "snowflake"], counted["hex_warehouse_queries_total", "snowflake"]) == (0, 7)
