"""The rules of Grafana's dashboard-linter that apply here, restated with their reasons, and those of this project.

Not restated: template-job and template-instance (a workspace is chosen, not a target: that two exporters say the same
is dealt with in every query), target-job and target-instance (the same), and those for Loki.
"""

import re
from itertools import pairwise

import pytest
from boardbook import panels_of, queries_of

# Units that Grafana knows, as far as they are used: an unknown one is shown as text behind the number.
UNITS = {"none", "short", "s", "m", "bytes", "percentunit", "currencyUSD"}


def used_variables(text: str) -> set[str]:
    return set(re.findall(r"\$\{?([a-z]\w*)", text))


def texts(thing) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(thing, str):
        return [thing]
    inside = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else ()
    return [text for one in inside for text in texts(one)]


class TestBoard:
    def test_classic_model_that_grafana_11_to_13_import(self, board):
        assert board["schemaVersion"] == 42
        assert "id" not in board or board["id"] is None, "an id is the server's: another one has it already"

    def test_no_inputs(self, board):
        """`__inputs` are asked for by the import dialog alone: provisioned from a file, every panel would fail."""
        assert not [key for key in board if key.startswith("__")]

    def test_cannot_be_edited_in_place(self, board):
        """uneditable-dashboard: what is changed in the browser is lost with the next provisioning; copy it instead."""
        assert board["editable"] is False

    def test_week_begins_where_budgets_begin(self, board):
        assert (board["weekStart"], board["timezone"]) == ("monday", "browser")

    def test_refreshes_no_faster_than_the_data_changes(self, board):
        assert board["refresh"] == "1m"

    def test_leads_to_the_other_boards_with_variables_and_time(self, board, boards):
        assert {link["url"] for link in board["links"]} == {f"/d/{uid}" for uid in boards if uid != board["uid"]}
        for link in board["links"]:
            assert link["includeVars"]
            assert link["keepTime"]
        assert board["tags"] == ["hex-exporter"]

    def test_says_which_question_it_answers(self, board):
        assert board["description"].endswith("?")

    def test_shows_the_age_of_the_data(self, board):
        assert [panel["title"] for panel in panels_of(board)].count("Data age") == 1

    def test_marks_alerts_and_week_resets(self, board):
        assert [one["name"] for one in board["annotations"]["list"]] == ["Alerts", "Week resets"]
        assert 'alertname=~"Hex.*"' in board["annotations"]["list"][0]["expr"]


class TestVariables:
    def test_data_source_is_a_variable(self, board):
        """template-datasource: one file for every Grafana, whatever its Prometheus is called."""
        (source,) = [one for one in board["templating"]["list"] if one["type"] == "datasource"]
        assert (source["name"], source["label"], source["query"]) == ("datasource", "Data source", "prometheus")

    def test_choices_follow_the_time_range(self, board):
        """template-on-time-change-reload: a workspace that existed last month can be chosen for last month."""
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                assert variable["refresh"] == 2, variable["name"]
                assert variable["datasource"]["uid"] == "${datasource}"

    def test_every_variable_is_used_and_every_used_one_exists(self, board):
        there = {one["name"] for one in board["templating"]["list"]}
        asked = " ".join(text for panel in panels_of(board) for text in texts(panel))
        others = " ".join(query for where, query in queries_of(board) if not where.startswith("Alert"))
        built_in = {name for name in used_variables(asked + others) if name.startswith("__")}
        assert used_variables(asked + others) - built_in == there

    def test_workspace_is_chosen_everywhere(self, board):
        assert "workspace" in {one["name"] for one in board["templating"]["list"]}


class TestPanels:
    def test_ids_are_unique(self, board):
        ids = [panel["id"] for panel in panels_of(board)]
        assert len(ids) == len(set(ids))
        assert all(ids)

    def test_titles_are_unique(self, board):
        titles = [panel["title"] for panel in panels_of(board)]
        assert len(titles) == len(set(titles))

    def test_description_says_what_it_is_what_is_normal_and_what_to_do(self, board):
        """panel-title-description, and more: whoever is paged at night has nobody to ask."""
        for panel in panels_of(board):
            what, normal, act = panel["description"].split("\n\n")
            assert what, panel["title"]
            assert normal.startswith("**Normal:** ")
            assert act.startswith("**What to do:** ")

    def test_no_data_has_a_text(self, board):
        for panel in panels_of(board):
            assert panel["fieldConfig"]["defaults"]["noValue"].strip(), panel["title"]

    def test_units_are_grafanas(self, board):
        """panel-units: a number without a unit is a riddle."""
        for panel in panels_of(board):
            overrides = [
                one["value"]
                for override in panel["fieldConfig"]["overrides"] or []
                for one in override["properties"]
                if one["id"] == "unit"
            ]
            assert {panel["fieldConfig"]["defaults"]["unit"], *overrides} <= UNITS, panel["title"]

    def test_data_source_is_the_chosen_one(self, board):
        """panel-datasource."""
        for panel in panels_of(board):
            for one in (panel, *panel["targets"]):
                assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}

    def test_something_is_asked(self, board):
        """panel-no-targets."""
        for panel in panels_of(board):
            assert panel["targets"], panel["title"]
            refs = [target["refId"] for target in panel["targets"]]
            assert len(refs) == len(set(refs))

    def test_figures_of_now_stay_at_now_when_the_range_ends_in_the_future(self, board):
        """The Budget board shows the week to its end, and its links keep the time: Prometheus knows no future."""
        for panel in panels_of(board):
            if any(target.get("instant") for target in panel["targets"]):
                assert panel["timeFrom"], panel["title"]
                assert panel["hideTimeOverride"] is True

    def test_grid_has_neither_overlap_nor_gap(self, board):
        cells = [
            (x, y)
            for panel in panels_of(board)
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        bottom = max(y for _, y in cells) + 1
        assert len(cells) == len(set(cells))
        assert set(cells) == {(x, y) for x in range(24) for y in range(bottom)}

    def test_panels_are_in_reading_order(self, board):
        places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in panels_of(board)]
        assert all(one < other for one, other in pairwise(places))

    def test_thresholds_begin_without_a_value_and_rise(self, board):
        for panel in panels_of(board):
            steps = (panel["fieldConfig"]["defaults"].get("thresholds") or {}).get("steps", [])
            values = [step["value"] for step in steps]
            assert values[:1] in ([], [None])
            assert values[1:] == sorted(values[1:])

    def test_no_pies(self, board):
        """Shares of a whole are compared by angle, which nobody can: bars show the same."""
        assert "piechart" not in {panel["type"] for panel in panels_of(board)}


class TestLinks:
    @pytest.fixture
    def addresses(self, board):
        return [text for panel in panels_of(board) for text in texts(panel) if text.startswith("/d/")]

    @pytest.fixture
    def of_rows(self, board):
        """The boards that rows lead to by a label which their query makes."""
        return {uid for _, query in queries_of(board) for uid in re.findall(r'"board", "([\w-]+)"', query)}

    def test_targets_exist(self, addresses, of_rows, boards):
        for address in addresses:
            uid, _, query = address.removeprefix("/d/").partition("?")
            uids = of_rows if uid == "${__data.fields.board}" else {uid}
            assert uids
            there = {one["name"] for uid in uids for one in boards[uid]["templating"]["list"]}
            assert set(re.findall(r"var-(\w+)=", query)) <= there, address

    def test_keep_time_data_source_and_workspace(self, addresses):
        for address in addresses:
            assert address.endswith("&${__url_time_range}")
            assert "var-datasource=${datasource}" in address
            assert "var-workspace=${workspace" in address

    def test_alerts_lead_to_boards_and_variables_that_exist(self, boards):
        rules = (file.read_text() for file in sorted(__import__("pathlib").Path("alerts/rules").glob("*.yml")))
        found = [
            (uid, set(re.findall(r"var-(\w+)=", text[match.end() : match.end() + 200].split("\n\n")[0])))
            for text in rules
            for match in re.finditer(r"/d/([\w-]+)", text)
            for uid in [match[1]]
        ]
        assert found
        for uid, names in found:
            assert names <= {one["name"] for one in boards[uid]["templating"]["list"]}, uid
