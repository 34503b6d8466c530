"""The rules of this project for boards; those of Grafana's dashboard-linter are in test_dashboards_linter.py."""

import json
import re
from itertools import pairwise

import pytest
from boardbook import opened, panels_of, queries_of, rows_of

# Units that Grafana knows, as far as they are used: an unknown one is shown as text behind the number.
UNITS = {"none", "locale", "s", "m", "bytes", "percentunit", "currency:financial:$:prefix"}


def used_variables(text: str) -> set[str]:
    return set(re.findall(r"\$\{?([a-z]\w*)", text))


def texts(thing) -> list[str]:
    """Every text in a JSON value."""
    if isinstance(thing, str):
        return [thing]
    inside = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else ()
    return [text for one in inside for text in texts(one)]


def columns_of(panel) -> list[str]:
    """What the columns of a table are called."""
    renamed = [one["options"].get("renameByName", {}) for one in panel.get("transformations") or []]
    return [title for names in renamed for title in names.values()]


def columns_in_sight(panel) -> dict[str, int]:
    """The width of each column; those that share what is left need 108 pixels."""
    shown = {}
    for override in panel["fieldConfig"]["overrides"]:
        found = {one["id"]: one["value"] for one in override["properties"]}
        if not found.get("custom.hidden"):
            shown[override["matcher"]["options"]] = found.get("custom.width") or found.get("custom.minWidth") or 108
    return shown


def contrast_with_white(color: str) -> float:
    """By WCAG 2: (L1 + 0.05) / (L2 + 0.05)."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)


class TestBoard:
    def test_classic_model_that_grafana_11_to_13_import(self, board):
        assert board["schemaVersion"] == 42
        assert "id" not in board or board["id"] is None, "an id is the server's: another one has it already"

    def test_no_inputs(self, board):
        """Only the import dialog fills `__inputs`: provisioned from a file, every panel would fail."""
        assert not [key for key in board if key.startswith("__")]

    def test_cannot_be_edited_in_place(self, board):
        """uneditable-dashboard: what is changed in the browser is lost with the next provisioning; copy it instead."""
        assert board["editable"] is False

    def test_week_begins_where_budgets_begin(self, board):
        assert (board["weekStart"], board["timezone"]) == ("monday", "browser")

    def test_refreshes_no_faster_than_the_data_changes(self, board):
        assert board["refresh"] == "1m"

    def test_leads_to_the_other_boards_with_variables_and_time(self, board):
        """One dropdown: ten buttons take three lines of a small screen."""
        (link,) = board["links"]
        assert (link["type"], link["tags"], link["asDropdown"]) == ("dashboards", board["tags"], True)
        assert link["includeVars"]
        assert link["keepTime"]
        assert board["tags"] == ["hex-exporter"]

    def test_says_which_question_it_answers(self, board):
        assert board["description"].endswith("?")

    def test_shows_the_age_of_the_data(self, board):
        texts = [title for panel in panels_of(board) for title in (panel["title"], *columns_of(panel))]
        assert texts.count("Data age") == 1

    def test_marks_alerts_and_week_resets(self, board):
        """As thin lines when they began, at a time that is their value; only the critical unless more are wanted."""
        critical, others, *resets = board["annotations"]["list"]
        assert (critical["enable"], others["enable"]) == (True, False)
        assert 'severity="critical"' in critical["expr"]
        assert 'severity!="critical"' in others["expr"]
        assert [one["name"] for one in resets] == ["Week resets"] * (board["uid"] != "hex-overview")
        for one in board["annotations"]["list"]:
            assert one["useValueForTime"]

    def test_says_at_its_top_what_is_not_on(self, board):
        first = panels_of(board)[0]
        assert first["title"] == "Not on"
        assert 'state!="on"' in first["targets"][0]["expr"]


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
        requested = " ".join(text for panel in panels_of(board) for text in texts(panel))
        others = " ".join(query for where, query in queries_of(board) if not where.startswith("Alert"))
        built_in = {name for name in used_variables(requested + others) if name.startswith("__")}
        assert used_variables(requested + others) - built_in == there

    def test_workspace_is_chosen_everywhere(self, board):
        names = {one["name"] for one in board["templating"]["list"]}
        assert ("workspace" in names) == (board["uid"] != "hex-overview")


class TestPanels:
    def test_ids_are_unique(self, board):
        ids = [panel["id"] for panel in (*panels_of(board), *rows_of(board))]
        assert len(ids) == len(set(ids))
        assert all(ids)

    def test_titles_are_whole_at_1100_pixels(self, board):
        """By what was seen to be cut: about 7.3 pixels a letter, and 80 for the mark of the description."""
        for panel in panels_of(board):
            width = panel["gridPos"]["w"] * 1100 / 24
            assert len(panel["title"]) <= (width - 80) / 7.3, (panel["title"], panel["gridPos"]["w"])

    def test_columns_are_in_sight_at_1100_pixels_with_their_headings(self, board):
        """A heading may take more than one line, but its longest word is whole, beside the arrow where it sorts."""
        for panel in panels_of(board):
            if panel["type"] == "table":
                columns = columns_in_sight(panel)
                assert sum(columns.values()) <= panel["gridPos"]["w"] * 44.83 - 25, (panel["title"], columns)
                arrows = {one["displayName"]: 22 for one in panel["options"].get("sortBy", ())}
                for title, width in columns.items():
                    longest = max(map(len, title.split()))
                    assert width >= longest * 7.3 + 12 + arrows.get(title, 0), (panel["title"], title, width)

    def test_titles_are_unique(self, board):
        titles = [panel["title"] for panel in panels_of(board)]
        assert len(titles) == len(set(titles))

    def test_description_says_what_it_is_what_is_normal_and_what_to_do(self, board):
        """panel-title-description, and more: whoever is paged at night has no one to ask."""
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
            for panel in opened(board)
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        bottom = max(y for _, y in cells) + 1
        assert len(cells) == len(set(cells))
        assert set(cells) == {(x, y) for x in range(24) for y in range(bottom)}

    def test_panels_are_in_reading_order(self, board):
        places = [(panel["gridPos"]["y"], panel["gridPos"]["x"]) for panel in opened(board)]
        assert all(one < other for one, other in pairwise(places))

    def test_thresholds_begin_without_a_value_and_rise(self, board):
        for panel in panels_of(board):
            steps = (panel["fieldConfig"]["defaults"].get("thresholds") or {}).get("steps", [])
            values = [step["value"] for step in steps]
            assert values[:1] in ([], [None])
            assert values[1:] == sorted(values[1:])

    def test_tables_show_what_is_named_and_nothing_else(self, board):
        """Grafana calls a value `Value`, `Value #B` or `Value 1`, by how many answers there are."""
        for panel in panels_of(board):
            kinds = {one["id"]: one["options"] for one in panel.get("transformations") or []}
            if panel["type"] == "table" and "groupingToMatrix" not in kinds:
                assert set(kinds["filterFieldsByName"]["include"]["names"]) == set(kinds["organize"]["renameByName"])

    def test_money_and_counts_are_written_in_full(self, board):
        """Thousands with separators: neither $1.11K nor 14308."""
        text = json.dumps([panels_of(board)])
        assert "currencyUSD" not in text
        assert '"unit": "short"' not in text

    def test_white_on_filled_tiles_can_be_read(self, board):
        for panel in panels_of(board):
            if panel.get("options", {}).get("colorMode") == "background_solid":
                defaults = panel["fieldConfig"]["defaults"]
                colors = {one["color"] for one in defaults["thresholds"]["steps"]}
                for mapping in defaults.get("mappings") or ():
                    colors |= {one["color"] for one in mapping["options"].values()}
                for color in colors - {"transparent"}:
                    if color != "text" or not defaults.get("mappings"):
                        assert contrast_with_white(color) >= 4.5, (panel["title"], color)

    def test_a_number_has_no_colour_that_is_hard_to_read(self, board):
        for panel in panels_of(board):
            if panel["type"] == "stat" and panel["options"]["colorMode"] == "value":
                assert {one["color"] for one in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]} == {"text"}

    def test_an_empty_panel_says_why(self, board):
        for panel in panels_of(board):
            assert panel["fieldConfig"]["defaults"]["noValue"] not in ("", "No data", "-"), panel["title"]

    def test_what_does_not_act_on_team_and_owner_says_so(self, board):
        names = {one["name"] for one in board["templating"]["list"]}
        for panel in panels_of(board) if "team" in names else ():
            acts = any("$team" in target["expr"] for target in panel["targets"])
            is_marked = panel["title"].endswith(", all teams") or panel["title"] in {"Not on", "Data age"}
            assert acts != is_marked, panel["title"]

    def test_no_pies(self, board):
        """Shares of a whole are compared by angle, which no one can: bars show the same."""
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
        """The overview's rows lead to their own workspace."""
        for address in addresses:
            assert address.endswith("&${__url_time_range}")
            assert "var-datasource=${datasource}" in address
            assert re.search(r"var-workspace=\$\{(workspace|__value.text)", address)

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
