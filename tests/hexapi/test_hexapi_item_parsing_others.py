"""Seats, identities, threads, tables, cells and connections as Hex sends them."""

from typing import Any

import pytest
from helpers.item_reading import NOON, NOON_MS, read

from exporter.facts import (
    Cell,
    Connection,
    Group,
    Identity,
    QueriedTable,
    Seat,
    Thread,
)
from exporter.hexapi import Endpoint


class TestOthers:
    def test_a_seat(self) -> None:
        item = {"id": "u-1", "name": "Ada", "email": "ada@acme.example", "role": "EDITOR", "lastLoginDate": NOON}

        assert read(Endpoint.USERS, item) == Seat(
            user_id="u-1", email="ada@acme.example", name="Ada", role="editor", last_login_ms=NOON_MS
        )
        assert read(Endpoint.USERS, {"id": "u-1", "role": None}) == Seat(user_id="u-1")

    @pytest.mark.parametrize("expiry", [NOON_MS // 1000, float(NOON_MS // 1000), NOON_MS, str(NOON_MS // 1000), NOON])
    def test_an_identity_with_an_expiry_in_any_unit(self, expiry: Any) -> None:
        item = {
            "id": "u-1",
            "role": "ADMIN",
            "email": "ada@acme.example",
            "org": {"id": "o-1"},
            "token": {"exp": expiry},
        }

        assert read(Endpoint.ME, item) == Identity(
            org_id="o-1", email="ada@acme.example", role="admin", token_expires_ms=NOON_MS
        )

    @pytest.mark.parametrize(
        "token", [None, {}, {"exp": None}, {"exp": -1}, {"exp": True}, {"exp": float("nan")}], ids=repr
    )
    def test_a_workspace_token_may_tell_its_organisation_alone(self, token: Any) -> None:
        assert read(Endpoint.ME, {"org": {"id": "o-1"}, "token": token}) == Identity(org_id="o-1")

    def test_a_group(self) -> None:
        assert read(Endpoint.GROUPS, {"id": "g-1", "name": "analysts"}) == Group(group_id="g-1", name="analysts")

    def test_a_thread_counts_credits_in_thousandths(self) -> None:
        item = {
            "id": "t-1",
            "source": "SLACK",
            "type": "Threads",
            "userId": "u-1",
            "createdAt": NOON,
            "creditsUsed": 1.2345,
        }

        assert read(Endpoint.THREADS, item) == Thread(
            thread_id="t-1",
            source="slack",
            thread_type="threads",
            user_id="u-1",
            created_ms=NOON_MS,
            credits_milli=1234,
        )
        assert read(Endpoint.THREADS, {"id": "t-1", "creditsUsed": -3}) == Thread(thread_id="t-1")

    def test_a_queried_table_needs_its_connection_and_its_name(self) -> None:
        item = {"dataConnectionId": "c-1", "dataConnectionName": "Warehouse", "tableName": "db.public.orders"}

        assert read(Endpoint.QUERIED_TABLES, item) == QueriedTable(
            connection_id="c-1", table="db.public.orders", connection_name="Warehouse"
        )
        assert read(Endpoint.QUERIED_TABLES, {**item, "tableName": None}) is None
        assert read(Endpoint.QUERIED_TABLES, {**item, "dataConnectionId": None}) is None

    def test_a_cell(self) -> None:
        assert read(Endpoint.CELLS, {"id": "x-1", "dataConnectionId": "c-1"}) == Cell(
            cell_id="x-1", connection_id="c-1", source=None
        )
        assert read(Endpoint.CELLS, {"id": "x-1", "dataConnectionId": None}) == Cell(cell_id="x-1", source=None)

    def source(self, kind: str, query: object = None, code: object = None) -> str | None:
        contents = {"sqlCell": query and {"source": query}, "codeCell": code and {"source": code}}
        return read(Endpoint.CELLS, {"id": "x", "cellType": kind, "contents": contents}).source

    def test_the_same_query_has_the_same_source_however_it_is_laid_out(self) -> None:
        assert self.source("SQL", "select *\n  from a") == self.source("SQL", "select * from a")
        assert self.source("SQL", "select * from a") != self.source("SQL", "select * from b")
        assert self.source("SQL", "x") != self.source("CODE", code="x")

    def test_long_queries_are_compared_whole(self) -> None:
        long = "select 1 -- " + "x" * 100_000
        assert self.source("SQL", long) != self.source("SQL", long + "y")

    @pytest.mark.parametrize("query", ["where shop = {{ shop }}", "{% if eu %} where eu {% endif %}"])
    def test_a_query_that_is_filled_in_from_an_input_cannot_be_compared(self, query: str) -> None:
        assert self.source("SQL", query) is None

    @pytest.mark.parametrize("kind", ["INPUT", "FILTER", "COMPONENT_IMPORT", "EXPLORE", "SQL", "", "NEW_KIND"])
    def test_a_cell_whose_contents_are_not_shown_cannot_be_compared(self, kind: str) -> None:
        assert self.source(kind) is None

    @pytest.mark.parametrize("kind", ["MARKDOWN", "CHART", "TEXT"])
    def test_what_only_shows_makes_no_difference(self, kind: str) -> None:
        assert self.source(kind) == ""


class TestConnection:
    @pytest.mark.parametrize(
        ("kind", "details", "target"),
        [
            (
                "snowflake",
                {"accountName": "AB123.eu-west-1", "database": "PROD", "username": "x"},
                "ab123.eu-west-1/prod",
            ),
            ("snowflake", {"accountName": "ab123.snowflakecomputing.com"}, "ab123"),
            ("postgres", {"hostname": "DB.acme.example", "port": 5432, "database": "Shop"}, "db.acme.example/shop"),
            ("postgres", {"host": "me:pw@db.acme.example:5432"}, "db.acme.example"),
            ("bigquery", {"projectId": "acme-prod"}, "acme-prod"),
            ("databricks", {"jdbcUrl": "jdbc:databricks://x.cloud:443/default;PWD=dapi-secret"}, "x.cloud"),
            ("postgres", {"host": "db", "port": 5433, "database": "shop"}, "db:5433/shop"),
            ("postgres", {"host": "db", "port": " 5433 ", "database": "shop"}, "db:5433/shop"),
            ("postgres", {"host": "db:5433", "database": "shop"}, "db:5433/shop"),
            ("postgres", {"host": "db.", "port": "5432", "database": "shop"}, "db/shop"),
            ("postgres", {"host": "db", "port": True, "database": "shop"}, "db/shop"),
            ("postgres", {"host": "[fd00::1]:5433", "database": "shop"}, "fd00::1:5433/shop"),
            ("postgres", {"host": "[fd00::2]", "database": "shop"}, "fd00::2/shop"),
            ("mysql", {"host": "db", "port": 5432, "database": "shop"}, "db:5432/shop"),
            ("redshift", {"accountId": "111", "host": "cluster", "database": "dev"}, "111@cluster/dev"),
            ("trino", {"hostname": "trino", "port": 8080, "catalog": "Hive"}, "trino:8080/hive"),
            ("snowflake", {"accountName": "https://AB123.snowflakecomputing.com/", "database": "PROD"}, "ab123/prod"),
            (
                "databricks",
                {"jdbcUrl": "jdbc:databricks://x.cloud:443/default;ConnCatalog=Prod;PWD=secret"},
                "x.cloud/prod",
            ),
            ("athena", {"s3OutputPath": "s3://bucket"}, None),
            ("postgres", {"hostname": 5, "database": "x"}, None),
            ("postgres", {"hostname": "  "}, None),
        ],
        ids=repr,
    )
    def test_the_target_is_account_or_host_port_and_database(
        self, kind: str, details: dict[str, Any], target: str | None
    ) -> None:
        item = {"id": "c-1", "name": "Warehouse", "type": kind.upper(), "connectionDetails": {kind: details}}

        assert read(Endpoint.CONNECTIONS, item) == Connection(
            connection_id="c-1", name="Warehouse", connection_type=kind, target=target
        )

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "10.1.2.3", "[fd00::1]"])
    def test_a_private_address_behind_a_tunnel_leads_nobody_knows_where(self, host: str) -> None:
        item = {"id": "c-1", "type": "POSTGRES", "connectionDetails": {"host": host, "database": "shop"}}

        assert read(Endpoint.CONNECTIONS, {**item, "connectViaSsh": True}).target is None
        assert read(Endpoint.CONNECTIONS, {**item, "connectViaSsh": False}).target is not None

    def test_a_public_name_behind_a_tunnel_is_the_same_everywhere(self) -> None:
        item = {"id": "c-1", "type": "POSTGRES", "connectionDetails": {"host": "db.acme.example", "database": "shop"}}

        assert read(Endpoint.CONNECTIONS, {**item, "connectViaSsh": True}).target == "db.acme.example/shop"

    @pytest.mark.parametrize("details", [None, {}, {"postgres": None}, [], "x"], ids=repr)
    def test_the_basic_shape_has_no_target(self, details: Any) -> None:
        found = read(Endpoint.CONNECTIONS, {"id": "c-1", "type": "postgres", "connectionDetails": details})

        assert found.target is None
