"""Figures that boards once showed wrong, one test each, against a real Prometheus: each case is its own workspace.

Two rows of that table stand elsewhere: runs that got no kernel in tests/history, bars across the seam of an import in
test_dashboards_prometheus.py.
"""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from asking import filled
from board_world import CONTACT
from boardbook import panels_of
from helpers.history_server import Server, create_blocks, serving

_FEATURE = 'hex_feature_state{workspace="%s",feature="prices",state="not_configured",needs="%s"} 1'

NO_VALUES = ("–", "never", "never read")

SERIES = [
    # 81 of 85, of which 80 lookups came before the first scrape: the counter shows five.
    'hex_gateway_lookups_7d{workspace="hits"} 85',
    'hex_gateway_hits_7d{workspace="hits"} 81',
    'hex_cache_lookups_total{workspace="hits",project_id="p"} 5',
    'hex_cache_hits_total{workspace="hits",project_id="p"} 5',
    'hex_cost_week_money_usd{workspace="seatless",money="billed"} 3.41',
    _FEATURE % ("seatless", "prices.plan"),
    _FEATURE % ("priceless", "prices.plan"),
    'hex_cost_previous_week_money_usd{workspace="seatless",money="billed"} 2.5',
    'hex_project_ended_runs_7d{workspace="first-day",project_id="p"} 724',
    'hex_project_failed_runs_7d{workspace="first-day",project_id="p"} 32',
    'hex_project_week_runs{workspace="first-day",project_id="p"} 700',
    'hex_project_info{workspace="first-day",project_id="p",title="Orders",owner="",team=""} 1',
    'hex_seats_inactive{workspace="idle",role="editor"} 4',
    'hex_seats{workspace="idle",role="editor"} 9',
    'hex_seat_month_usd{workspace="idle",role="editor"} 23.5',
    'hex_findings{workspace="idle",kind="idle_paid_seat"} 3',
    'hex_findings_saving_month_money_usd{workspace="idle",kind="idle_paid_seat",money="billed"} 66',
    'hex_cost_week_money_usd{workspace="bill",money="billed"} 107.66',
    'hex_cost_week_usd{workspace="bill",component="seats"} 100',
    'hex_cost_week_usd{workspace="bill",component="compute"} 7.66',
    'hex_cost_week_usd{workspace="bill",component="own_estimate"} 39.56',
    # Half of last week's runs by now as in all of it; a runaway from a known 0, and one project without a team.
    'hex_project_week_runs{workspace="change",project_id="p"} 50',
    'hex_project_previous_week_runs{workspace="change",project_id="p"} 80',
    'hex_project_previous_week_runs_by_now{workspace="change",project_id="p"} 40',
    'hex_project_info{workspace="change",project_id="p",title="Steady",owner="",team=""} 1',
    'hex_project_week_runs{workspace="runaway",project_id="q"} 575',
    'hex_project_previous_week_runs{workspace="runaway",project_id="q"} 0',
    'hex_project_previous_week_runs_by_now{workspace="runaway",project_id="q"} 0',
    'hex_project_info{workspace="runaway",project_id="q",title="Runaway",owner="a@b.example",team=""} 1',
]


@pytest.fixture(scope="module")
def started() -> Iterator[tuple[ExitStack, list[Server]]]:
    """The one server of this file, once it runs: the programs are fixtures of each test."""
    with ExitStack() as stack:
        yield stack, []


@pytest.fixture
def server(
    started: tuple[ExitStack, list[Server]], prometheus: Path, promtool: Path, tmp_path_factory: pytest.TempPathFactory
) -> Server:
    stack, running = started
    if not running:
        folder = tmp_path_factory.mktemp("wrong-figures")
        create_blocks(promtool, "".join(f"{one} {CONTACT}\n" for one in sorted(SERIES)) + "# EOF\n", folder)
        running.append(stack.enter_context(serving(prometheus, folder)))
    return running[0]


Shown = dict[str, list[tuple[dict[str, str], float]]]


@pytest.fixture
def shown(server: Server, boards: dict[str, Any]) -> Any:
    """What a panel shows of a workspace: by legend, or for a table by column, the labels and values."""

    def ask(uid: str, title: str, workspace: str) -> Shown:
        [panel] = [one for one in panels_of(boards[uid]) if one["title"] == title]
        names = {}
        for one in panel.get("transformations") or []:
            names |= one["options"].get("renameByName", {})
        found: Shown = {}
        for target in panel["targets"]:
            query = filled(target["expr"], workspace=workspace)
            result = server.ask("query", query=query, time=CONTACT)["result"]
            key = target.get("legendFormat") or names.get(f"Value #{target['refId']}", "rows")
            found[key] = [(one["metric"], float(one["value"][1])) for one in result]
        return found

    return ask


def test_hit_rate_has_what_came_before_the_first_scrape(shown: Any) -> None:
    rate = shown("hex-gateway", "Hit rate, 7 days", "hits")

    assert [rate[one][0][1] for one in ("hits", "lookups", "of lookups")] == [81, 85, 81 / 85]


def test_bill_without_the_price_of_seats_is_at_least_that_and_names_the_key(shown: Any) -> None:
    bill = shown("hex-cost", "Bill of Hex, all teams", "seatless")

    assert bill["this week, so far"] == bill["last week"] == []
    assert bill["last week, at least"][0][1] == 2.5
    [(labels, amount)] = bill["this week, at least: no {{needs}}"]
    assert (labels["needs"], amount) == ("prices.plan", 3.41)


def test_bill_without_any_price_is_absent(shown: Any) -> None:
    assert not any(shown("hex-cost", "Bill of Hex, all teams", "priceless").values())


def test_failed_runs_of_the_first_day_are_the_ledgers(shown: Any) -> None:
    failed = shown("hex-runs", "Failed, 7 days", "first-day")
    table = shown("hex-runs", "Projects", "first-day")

    assert failed["failed"][0][1] == 32
    assert failed["of those that ended"][0][1] == table["Failing"][0][1] == 32 / 724


def test_idle_seats_and_those_that_the_audit_would_give_up_are_two_figures_by_name(shown: Any) -> None:
    idle = shown("hex-seats", "No login", "idle")
    audit = shown("hex-seats", "To give up, by the audit", "idle")

    assert [idle[one][0][1] for one in ("paid seats", "a month")] == [4, 94]
    assert [audit[one][0][1] for one in ("seats", "a month")] == [3, 66]


def test_components_add_up_to_the_bill_and_the_own_estimate_stands_apart(shown: Any) -> None:
    [(_, bill)] = shown("hex-cost", "Bill of Hex, all teams", "bill")["this week, so far"]
    rows = {
        labels["component"]: amount for labels, amount in shown("hex-cost", "By component, all teams", "bill")["rows"]
    }

    assert rows["billed, their sum"] == bill == pytest.approx(rows["seats"] + rows["compute"])
    assert rows["own_estimate"] == 39.56


def test_change_is_against_the_same_moment_of_last_week(shown: Any) -> None:
    assert shown("hex-runs", "Runs this week", "change")["against last week"][0][1] == 0.25
    assert shown("hex-runs", "Projects", "change")["Change"][0][1] == 10


def test_runaway_from_a_known_0_has_a_change(shown: Any) -> None:
    assert shown("hex-runs", "Projects", "runaway")["Change"][0][1] == 575


def test_cell_without_a_value_shows_a_dash_and_no_column_leaks(boards: dict[str, Any]) -> None:
    """`No project ran` was shown as the team of a project without one, and columns `Value 1` and `Value 555`."""
    tables = [panel for board in boards.values() for panel in panels_of(board) if panel["type"] == "table"]
    for panel in tables:
        [shown] = [one["options"] for one in panel["transformations"] if one["id"] == "filterFieldsByName"]
        [organized] = [one["options"] for one in panel["transformations"] if one["id"] == "organize"]
        titles = {organized["renameByName"][name] for name in shown["include"]["names"]}
        dashed = {
            one["matcher"]["options"]
            for one in panel["fieldConfig"]["overrides"]
            if any(
                found["id"] == "noValue" and found["value"] in ("–", "never", "never read")
                for found in one["properties"]
            )
        }
        assert titles <= dashed, panel["title"]


def test_single_bar_has_the_name_of_its_series(boards: dict[str, Any]) -> None:
    bars = [panel for board in boards.values() for panel in panels_of(board) if panel["type"] == "bargauge"]
    assert len(bars) > 3
    for panel in bars:
        names = {
            override["matcher"]["options"]: one["value"]
            for override in panel["fieldConfig"]["overrides"]
            for one in override["properties"]
            if one["id"] == "displayName"
        }
        legends = {target["refId"]: target["legendFormat"] for target in panel["targets"] if target.get("legendFormat")}
        assert names == {
            ref: re.sub(r"{{(\w+)}}", r"${__field.labels.\1}", legend) for ref, legend in legends.items()
        }, panel["title"]
