"""A version of a project in Hex's own file: what is kept of it, and what bad files come to."""

import json
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.facts import ProjectVersion
from exporter.hexapi import ApiRequest, BadYamlError, Endpoint, read_export, read_page
from exporter.hexapi.bounded_yaml import read_tree
from exporter.hexapi.endpoints import body

PROJECT = "0a8b677d-1956-4ed8-a5dd-582db71ccdd8"
META = {"projectId": PROJECT, "title": "Secret title", "kernelSize": "Large", "kernelImage": "python312"}


def cell(kind: str, **config: Any) -> dict[str, Any]:
    return {"cellType": kind, "cellId": f"c-{kind}", "cellLabel": "Secret label", "config": config}


def document(*cells: Any, **top: Any) -> str:
    return yaml.safe_dump({"schemaVersion": 3, "meta": META, "cells": list(cells)} | top)


def read(*cells: Any, **top: Any) -> ProjectVersion:
    return read_export(document(*cells, **top), "7", PROJECT)


def answered(content: Any) -> Any:
    request = ApiRequest(Endpoint.EXPORT, PROJECT, version="7")
    return read_page(request, json.dumps({"filename": "a", "content": content}).encode(), sent_ms=1)


class TestWhatIsKept:
    def test_settings_are_read_and_what_is_missing_is_unknown(self) -> None:
        meta = META | {"autoRerunApp": True, "cachePublishedAppState": False, "publishedQueryCacheTimeout": 3600}
        found = read(meta=meta | {"logicQueryCacheTimeout": "lastScheduledRun"})

        assert (found.project_id, found.version, found.schema) == (PROJECT, "7", "3")
        assert (found.profile, found.image) == ("large", "python312")
        assert (found.auto_rerun_app, found.cache_published_app, found.prerun_app) == (True, False, None)
        assert (found.published_cache, found.logic_cache) == ("3600", "lastscheduledrun")

    @pytest.mark.parametrize(
        ("timeout", "kept"),
        [
            ({"type": "fixed", "duration": 90, "unit": "minutes"}, "90m"),
            ({"type": "fixed", "duration": 24, "unit": "hours"}, "24h"),
            ({"type": "fixed", "duration": 1.5, "unit": "days"}, "1.5d"),
            ({"type": "fixed", "duration": 0, "unit": "minutes"}, "disabled"),
            ({"type": "lastScheduledRun"}, "lastscheduledrun"),
            ({"type": "disabled"}, "disabled"),
            ({"type": "fixed", "duration": 3, "unit": "fortnights"}, None),
            ({"type": "fixed", "duration": "long", "unit": "days"}, None),
            ({"type": "fixed"}, None),
            ({"type": "novel"}, "novel"),
            ({}, None),
            ([], None),
            (None, None),
            (False, "disabled"),
            ("disabled", "disabled"),
        ],
        ids=repr,
    )
    def test_a_query_cache_is_read_in_hex_s_own_form(self, timeout: Any, kept: str | None) -> None:
        found = read(meta=META | {"publishedQueryCacheTimeout": timeout, "logicQueryCacheTimeout": timeout})

        assert (found.published_cache, found.logic_cache) == (kept, kept)

    @pytest.mark.parametrize("meta", [None, [], "x", {}, {"kernelSize": None}, {"kernelSize": ["large"]}], ids=repr)
    def test_a_missing_profile_is_no_default(self, meta: Any) -> None:
        assert read(meta=meta).profile is None

    @pytest.mark.parametrize("schema", [2, 99, "4", None])
    def test_other_versions_of_the_form_and_unknown_keys_survive(self, schema: Any) -> None:
        found = read(cell("SQL", dataConnectionId="w", dataFrameCell=False, novel={"a": [1]}), schemaVersion=schema)

        assert found.profile == "large"
        assert found.cells is not None
        assert [one.queries for one in found.cells] == [True]

    def test_cells_within_others_are_cells(self) -> None:
        inner: Any = cell("WRITEBACK", runOnScheduledRun=True)
        for _ in range(10):
            inner = cell("COLLAPSIBLE", cells=[inner])
        found = read(inner)

        assert found.cells is not None
        assert len(found.cells) == 11
        assert found.writes_on_runs is True

    def test_a_query_of_a_frame_asks_no_warehouse(self) -> None:
        found = read(
            cell("SQL", dataConnectionId="w", dataFrameCell=False),
            cell("SQL", dataConnectionId="w", dataFrameCell=True),
            cell("SQL", dataConnectionId="w"),
            cell("SQL"),
            cell("CODE", source="x"),
        )

        assert found.cells is not None
        assert [one.queries for one in found.cells] == [True, False, True, None, False]

    def test_components_are_known_by_their_ids(self) -> None:
        found = read(cell("COMPONENT_IMPORT", component={"id": "k-1"}), cell("COMPONENT_IMPORT"))

        assert found.cells is not None
        assert [one.component_id for one in found.cells] == ["k-1", None]

    def test_generated_apps_survive(self) -> None:
        assert read(genAppFiles=[{"path": "a.jsx"}], dataAppCellIds=["x"]).is_generated is True
        assert read(genAppFiles=[]).is_generated is False
        assert read().is_generated is None

    def test_nothing_written_in_cells_is_kept(self) -> None:
        secrets = ("select secret from t", "secret = 1", "# secret")
        found = read(
            cell("SQL", source=secrets[0], dataConnectionId="w"),
            cell("CODE", source=secrets[1]),
            cell("MARKDOWN", source=secrets[2]),
        )

        assert b"ecret" not in msgspec.json.encode(found)


class TestSqlDigests:
    """Equal for equal SQL, whatever its length and spaces; none where an input fills it in."""

    def source(self, sql: object, kind: str = "SQL") -> str | None:
        found = read(cell(kind, source=sql, dataConnectionId="w"))
        assert found.cells is not None
        return found.cells[0].source

    def test_spaces_apart_equal_text_has_an_equal_digest(self) -> None:
        long = "select * from t where a = 1 " * 40
        assert self.source(long) == self.source(f"\n  {long.replace(' ', '  ')}")
        assert self.source(long) != self.source(f"{long} and b = 2")
        assert self.source("select 1") != self.source("select 2")

    def test_a_query_with_an_input_or_without_text_has_none(self) -> None:
        unknown = ("select {{ a }}", "{% if a %}select 1{% endif %}", "", "  ", None)
        assert [self.source(one) for one in unknown] == [None] * 5

    def test_code_has_none(self) -> None:
        assert self.source("x = 1", "CODE") is None


class TestWrites:
    @pytest.mark.parametrize(
        ("config", "writes"),
        [
            ({"runOnScheduledRun": True}, True),
            ({"runOnScheduledRun": False, "runInApp": False, "runInLogicView": True}, False),
            ({"runOnScheduledRun": False}, False),
            ({"runOnScheduledRun": False, "runInApp": True}, True),
            ({"runOnScheduledRun": False, "runOnApiRun": True}, True),
            ({"runOnScheduledRun": None}, True),
            ({"runOnScheduledRun": "sometimes"}, True),
            ({"runInLogicView": True}, True),
            ({}, True),
        ],
        ids=repr,
    )
    def test_a_writeback_fires_unless_the_file_says_that_it_does_not(self, config: Any, writes: bool) -> None:
        assert read(cell("SQL"), cell("WRITEBACK", **config)).writes_on_runs is writes

    @pytest.mark.parametrize("kind", ["CHARTV2", "TABLE_DISPLAY", "EXPLORE", "DBT_METRIC", "PIVOT", "FILTER", "INPUT"])
    def test_cells_of_hex_s_own_list_that_only_show_or_read_write_nothing(self, kind: str) -> None:
        assert read(cell(kind)).writes_on_runs is False

    def test_what_a_cell_of_a_new_kind_does_is_not_known(self) -> None:
        found = read(cell("SQL", dataConnectionId="w"), cell("REVERSE_ETL"))

        assert found.writes_on_runs is None
        assert not found.is_sql_only

    def test_no_cells_are_no_writes_and_unknown_cells_are_unknown(self) -> None:
        assert read().writes_on_runs is False
        assert read(cells=None).writes_on_runs is None
        assert read(cells={"a": 1}).writes_on_runs is None
        assert read("not a cell").writes_on_runs is None
        assert read({"config": {}}).writes_on_runs is None
        assert read("not a cell", cell("WRITEBACK", runOnScheduledRun=True)).writes_on_runs is True
        assert read_export(f"meta: {{projectId: {PROJECT}}}", "1").writes_on_runs is None


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
CELL_BOMB = (
    "x0: &x0 {cellType: TEXT, cellId: a}\n"
    + "".join(f"x{n}: &x{n} {{config: {{cells: [{', '.join([f'*x{n - 1}'] * 10)}]}}}}\n" for n in range(1, 12))
    + "cells: [*x11]\n"
)
RING = "meta: {}\ncells: &c [{cellType: BLOCK, cellId: a, config: {cells: *c}}]\n"


class TestBadFiles:
    @pytest.mark.parametrize(
        "content",
        [
            "",
            "null",
            "- a\n- list\n",
            "just text",
            "{unclosed: [",
            "a: b: c: d",
            "\t- tab",
            "a: " + "[" * 5000,
            CELL_BOMB,
            RING,
            "a: " + "x" * (8 * 1024 * 1024),
            "&a a: 1\nb: [" + "*a, " * 5000 + "]",
            "meta: {projectId: somebody-else}",
            "\x00",
            "cells: [{cellType: WRITEBACK, cellId: w}]\ncells: []\n",
            "meta: {kernelSize: large, kernelSize: 4xl}\n",
        ],
        ids=lambda content: content[:12],
    )
    def test_a_bad_file_is_a_bad_item_with_the_id_of_its_version(self, content: str) -> None:
        page = answered(content)

        assert page.items == ()
        (bad,) = page.bad
        assert (bad.endpoint, bad.item_id) == (Endpoint.EXPORT, f"{PROJECT}/7")
        assert content[:40] not in bad.reason or not content.strip()

    def test_text_that_is_none_costs_only_itself(self) -> None:
        content = f"meta: {{projectId: {PROJECT}, title: '\ud800', kernelSize: large}}\ncells: []\n"
        assert read_export(content, "1", PROJECT).profile == "large"
        assert read_export(f"\ufeff{content}", "1", PROJECT).profile == "large"

    def test_a_bomb_that_only_names_itself_costs_nothing(self) -> None:
        assert read_export(BOMB, "1", PROJECT).cells is None

    @pytest.mark.slow
    def test_a_file_of_brackets_is_bounded(self) -> None:
        with pytest.raises(BadYamlError, match="parts"):
            read_tree("a: [" + "[]," * 600_000 + "]")

    @pytest.mark.slow
    @given(st.text(max_size=200) | st.recursive(st.none() | st.text(max_size=5), st.lists).map(yaml.safe_dump))
    @settings(max_examples=100)
    def test_any_text_is_a_version_or_a_bad_file(self, content: str) -> None:
        try:
            found = read_export(content, "1", PROJECT)
        except BadYamlError:
            return
        assert found.project_id == PROJECT

    def test_a_tag_makes_no_object(self) -> None:
        assert read_tree("a: !!python/object/apply:os.system [echo]") == {"a": ["echo"]}


class TestRequest:
    @pytest.mark.parametrize(
        ("version", "sent"), [("7", 7), ("latest", "latest"), (None, "latest"), ("draft", "draft")]
    )
    def test_a_version_is_requested_by_its_number(self, version: str | None, sent: object) -> None:
        assert body(ApiRequest(Endpoint.EXPORT, PROJECT, version=version)) == {"projectId": PROJECT, "version": sent}

    def test_nothing_else_has_a_body(self) -> None:
        assert body(ApiRequest(Endpoint.RUNS, PROJECT)) is None
