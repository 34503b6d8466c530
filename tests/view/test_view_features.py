"""Why there is no data: each state of each feature, from a real ledger."""

from typing import Any

import msgspec
import pytest
from helpers.workspace_world import ORDERS, World

from exporter.config import Budget, Collect, Exports, Gateway, Prices, Warehouse, Workspace
from exporter.facts import Connection, ProjectVersion, Seat
from exporter.ledger import RunProgress, WarehouseKey, WarehouseSums
from exporter.view import FEATURES

HOUR_MS = 3_600_000
WEEK_MS = 7 * 24 * HOUR_MS


def states(world: World) -> dict[str, tuple[str, str]]:
    (snapshot,) = world.collector.snapshots(world.config, world.now_ms)
    found = snapshot.features
    assert tuple(found) == FEATURES
    assert all(bool(needs) == (state != "on") for state, needs in found.values())
    return dict(found)


def collect(world: World, **changes: Any) -> None:
    world.configure(collect=msgspec.structs.replace(Collect(), **changes))


def test_with_a_token_and_nothing_else_what_comes_is_reading_and_the_rest_names_its_key(world: World) -> None:
    found = states(world)

    assert {feature: state for feature, (state, _) in found.items()} == {
        "runs": "reading",
        "users": "reading",
        "connections": "reading",
        "threads": "reading",
        "tables": "reading",
        "exports": "reading",
        "prices": "not_configured",
        "budgets": "not_configured",
        "gateway": "not_configured",
        "sources": "not_configured",
        "warehouse": "not_configured",
        "audit": "reading",
    }
    assert (found["prices"][1], found["budgets"][1], found["gateway"][1]) == ("prices.plan", "budgets", "gateway")


@pytest.mark.parametrize("collector", ["users", "connections", "threads"])
@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_listing_is_no_permission_until_it_is_granted(world: World, collector: str, status: int) -> None:
    world.acme.record_collector(collector, False, world.now_ms, status)
    assert states(world)[collector][0] == "no_permission"
    assert "token" in states(world)[collector][1]

    world.acme.record_collector(collector, True, world.now_ms, 200)
    assert states(world)[collector] == ("on", "")


def test_exports_are_off_refused_or_on_once_a_version_was_read(world: World) -> None:
    collect(world, exports=False)
    assert states(world)["exports"] == ("off", "collect.exports: true, or exports.paths")
    world.configure(exports=Exports(paths=("/repository/*.hex.yaml",)))
    assert states(world)["exports"][0] == "reading"
    collect(world, exports=True)
    world.acme.record_collector("export", False, world.now_ms, 403)
    state, needs = states(world)["exports"]
    assert (state, "may not export projects" in needs) == ("no_permission", True)
    world.acme.record_collector("export", False, world.now_ms, 500)
    assert states(world)["exports"][0] == "failing"

    world.acme.record_collector("export", True, world.now_ms, 200)
    world.list_projects(world.published())
    world.acme.record_version(ProjectVersion(project_id="p1", version="3", profile="large"), None, world.now_ms)
    assert states(world)["exports"] == ("on", "")


def test_a_refusal_shows_at_once_though_the_last_listing_is_fresh(world: World) -> None:
    world.acme.record_seats([Seat(user_id="u1", role="editor")], world.now_ms)
    world.acme.record_collector("users", True, world.now_ms, 200)
    world.acme.record_collector("users", False, world.now_ms, 403)

    assert states(world)["users"][0] == "no_permission"


@pytest.mark.parametrize(("status", "words"), [(500, "status 500"), (None, "no answer"), (404, "status 404")])
def test_another_failure_is_failing_once_nothing_fresh_is_known(world: World, status: int | None, words: str) -> None:
    world.acme.record_connections([Connection(connection_id="c1", name="db", connection_type="postgres")], world.now_ms)
    world.acme.record_collector("connections", True, world.now_ms, 200)
    world.acme.record_collector("connections", False, world.now_ms, status)
    assert states(world)["connections"][0] == "on"

    world.clock.advance(7 * 3600)
    state, needs = states(world)["connections"]
    assert state == "failing"
    assert words in needs


@pytest.mark.parametrize("collector", ["runs", "users", "connections", "threads"])
def test_what_is_switched_off_names_its_key(world: World, collector: str) -> None:
    collect(world, **{collector: False})

    assert states(world)[collector] == ("off", f"collect.{collector}: true")


def test_queried_tables_are_off_refused_or_read(world: World) -> None:
    collect(world, queried_tables=False)
    assert states(world)["tables"][0] == "off"

    collect(world)
    world.acme.record_collector("queried_tables", False, world.now_ms, 403)
    assert states(world)["tables"][0] == "reading"
    world.acme.record_collector("cells", False, world.now_ms, 403)
    assert states(world)["tables"][0] == "no_permission"
    world.acme.record_collector("cells", True, world.now_ms, 200)
    assert states(world)["tables"][0] == "on"


def test_runs_are_on_once_last_week_is_known_whole(world: World) -> None:
    world.list_projects(world.published())
    assert states(world)["runs"][0] == "reading"

    world.read_runs("p1", known_from_ms=world.now_ms - HOUR_MS)
    assert states(world)["runs"][0] == "reading"

    world.read_runs("p1", known_from_ms=world.now_ms - 2 * WEEK_MS)
    assert states(world)["runs"][0] == "on"


def test_runs_that_hex_never_showed_are_no_permission(world: World) -> None:
    world.list_projects(world.published())
    world.acme.record_runs("p1", (), RunProgress(refusals=1), world.now_ms)

    assert states(world)["runs"][0] == "no_permission"


def test_prices_name_the_role_that_has_none(world: World) -> None:
    world.configure(price_lists=(Prices(plan="enterprise"),))
    world.acme.record_seats([Seat(user_id="u1", role="editor")], world.now_ms)
    state, needs = states(world)["prices"]
    assert state == "not_configured"
    assert needs == "prices.overrides.enterprise.editor_month"

    world.configure(price_lists=(Prices(plan="team"),))
    assert states(world)["prices"] == ("on", "")


def test_budgets_are_off_on_purpose_by_default_too_young_or_on(world: World) -> None:
    world.list_projects(world.published(created_ms=world.now_ms - HOUR_MS))
    world.configure(budgets=())
    assert states(world)["budgets"][0] == "off"

    world.configure(budgets=(Budget(name="mine", unit="runs", limit=5),))
    assert states(world)["budgets"][0] == "reading"

    world.read_runs("p1", *world.many(2, HOUR_MS // 2))
    assert states(world)["budgets"][0] == "too_young"

    world.list_projects(world.published(created_ms=world.now_ms - 3 * WEEK_MS))
    assert states(world)["budgets"][0] == "on"


def test_the_gateway_is_on_in_its_workspace(world: World) -> None:
    workspaces = (Workspace(name="acme"), Workspace(name="other"))
    world.configure(workspaces=workspaces, gateway=Gateway(workspace="acme"))
    (mine, other) = (one.features["gateway"].state for one in world.collector.snapshots(world.config, world.now_ms))

    assert (mine, other) == ("on", "off")


def test_sources_are_reading_failing_or_on(world: World) -> None:
    world.configure(sources=(ORDERS,))
    world.list_projects(world.published("orders"))
    assert states(world)["sources"][0] == "reading"

    key = ORDERS.key("orders")
    world.acme.sources.record_failure(key, "no such file", world.now_ms)
    assert states(world)["sources"][0] == "failing"


def test_a_log_that_never_had_a_query_of_hex_may_be_one_that_hides_them(world: World) -> None:
    world.configure(warehouses=(Warehouse(name="dwh", kind="redshift", url_env="U"),))
    hour_ms = world.now_ms - world.now_ms % HOUR_MS
    world.acme.warehouses.replace("dwh", (hour_ms - HOUR_MS, hour_ms), {}, world.now_ms, None)
    state, needs = states(world)["warehouse"]
    assert (state, "grants" in needs) == ("reading", True)
    key = WarehouseKey(hour_ms - HOUR_MS, "query", "p1", "app_view")
    world.acme.warehouses.replace("dwh", (hour_ms - HOUR_MS, hour_ms), {key: WarehouseSums(1)}, world.now_ms + 1, None)
    assert states(world)["warehouse"] == ("on", "")
