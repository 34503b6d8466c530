"""The audit has what queries cost from the ledger, once every log is known for a week."""

from typing import Any

from helpers.workspace_world import world

from exporter.audit.input_reader import read_audit_input
from exporter.config import Warehouse, Workspace
from exporter.facts import Identity
from exporter.ledger import WarehouseKey, WarehouseSums

__all__ = ["world"]

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def read(world: Any, days: int, names: tuple[str, ...] = ("snow",)) -> Any:
    until_ms = world.now_ms - world.now_ms % HOUR_MS
    hours = {
        WarehouseKey(until_ms - HOUR_MS, "query", "p", "app_view", "c", connection): WarehouseSums(
            queries=2, usd_micro=7
        )
        for connection in ("one", "two")
    }
    for name in names:
        world.acme.warehouses.replace(name, (until_ms - days * DAY_MS, until_ms), hours, world.now_ms, None)
    return read_audit_input(world.acme, world.config, world.now_ms).queries


def test_all_warehouses_have_to_be_known_for_a_week(world: Any) -> None:
    snow, lake = (Warehouse(name=name, kind="snowflake", url_env="A") for name in ("snow", "lake"))
    world.configure(
        warehouses=(snow, lake), workspaces=(Workspace(name="acme", base_url="https://hex.example/api/v1"),)
    )
    world.acme.record_identity(Identity(org_id="org"), world.now_ms)

    assert read(world, 10) is None
    assert read(world, 6, ("lake",)) is None

    found = read(world, 9, ("snow", "lake"))
    assert found.span_ms == 9 * DAY_MS
    assert [(one.project_id, one.cell_id, one.queries, one.usd_micro) for one in found.hours] == [("p", "c", 8, 28)]
    assert found.cell_url("p", "c") == "https://hex.example/org/hex/p/draft/logic?selectedCellId=c"
