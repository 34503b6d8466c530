"""Every panel against a real Prometheus that holds an import and what two exporters have said since."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from asking import DAY, HOUR, asker, filled, first_choice
from board_crowd import PROJECTS, crowd
from board_world import CONTACT, TOKEN_ONLY, World, live_through, scraped_only, two_of
from boardbook import panels_of, queries_of
from helpers.history_server import Server, create_blocks, serving

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

GENERATIONS = pytest.mark.parametrize(
    ("prometheus", "promtool"), [(suite, suite) for suite in ("bookworm", "sid")], indirect=True
)

# Empty where all is well, or where the past of a day cannot tell: each has a text that says so.
MAY_BE_EMPTY = {
    "What the audit found",
    "What fired",
    "Scheduled and not viewed for 30 days",
    "A month on each plan, all teams",
    "Missed, 7 days",
}

_worlds: list[World] = []


def whole_world(clock: Any) -> World:
    """The world with all that can be configured: to live through it takes seconds, so it is done once."""
    if not _worlds:
        _worlds.append(live_through(clock))
    return _worlds[0]


@pytest.fixture
def world(manual_clock: Any) -> World:
    return whole_world(manual_clock)


@pytest.fixture(scope="module")
def servers() -> Iterator[Callable[[World, Path, Path, Path], Server]]:
    """The server of the world for each generation of Prometheus: to import the world takes longest."""
    running: dict[Path, Server] = {}
    with ExitStack() as stack:

        def of(world: World, prometheus: Path, promtool: Path, folder: Path) -> Server:
            if prometheus not in running:
                for text in world.texts:
                    create_blocks(promtool, text, folder)
                running[prometheus] = stack.enter_context(serving(prometheus, folder))
            return running[prometheus]

        yield of


@pytest.fixture
def server(
    world: World,
    prometheus: Path,
    promtool: Path,
    tmp_path_factory: pytest.TempPathFactory,
    servers: Callable[[World, Path, Path, Path], Server],
) -> Server:
    return servers(world, prometheus, promtool, tmp_path_factory.mktemp("world"))


@GENERATIONS
def test_every_panel_of_every_board_has_data(boards: dict[str, Any], server: Server, world: World) -> None:
    empty = []
    for uid, board in boards.items():
        ask = asker(server, world, board, **first_choice(board, world))
        for panel in panels_of(board):
            answers = ask(panel)
            # Every column of a table, at least one of the graded or alternative queries of another panel.
            is_filled = all(answers) if panel["type"] == "table" else any(answers)
            if not is_filled and panel["title"] not in MAY_BE_EMPTY:
                empty.append((uid, panel["title"], [bool(one) for one in answers]))

    assert not empty, "; ".join(map(str, empty))


@GENERATIONS
def test_no_query_fails_whatever_is_chosen(boards: dict[str, Any], server: Server, world: World) -> None:
    """Also not for a project that never ran, a team without people, or across the seam between import and scrapes."""
    for board in boards.values():
        names = {one["name"] for one in board["templating"]["list"]} & set(world.choices)
        for name in names or {""}:
            for value in world.choices.get(name, ("",)):
                choice = first_choice(board, world) | ({name: value} if name else {})
                ask = asker(server, world, board, **choice)
                for panel in panels_of(board):
                    ask(panel)
        for where, query in queries_of(board):
            if where.startswith(("annotation", "variable")):
                choice = first_choice(board, world)
                server.ask("query_range", query=filled(query, **choice), start=world.end - DAY, end=world.end, step=60)


@GENERATIONS
def test_figures_are_the_ledgers_although_two_exporters_say_them(
    boards: dict[str, Any], server: Server, world: World
) -> None:
    def shown(uid: str, title: str) -> float:
        (panel,) = [one for one in panels_of(boards[uid]) if one["title"] == title]
        ask = asker(server, world, boards[uid], **first_choice(boards[uid], world))
        result, *_ = [one for answer in ask(panel) for one in answer]
        return float(result["value"][1])

    facts = world.facts
    assert facts["this week"] > 50
    assert shown("hex-budget", "Used") == facts["this week"]
    assert shown("hex-budget", "Left") == 200 - facts["this week"]
    assert shown("hex-runs", "Runs this week") == facts["this week"]
    assert facts["failed"]
    assert shown("hex-runs", "Failed, 7 days") == facts["failed"]
    hit_rate = next(one for one in panels_of(boards["hex-gateway"]) if one["title"] == "Hit rate, 7 days")
    ask = asker(server, world, boards["hex-gateway"], **first_choice(boards["hex-gateway"], world))
    legends = (target["legendFormat"] for target in hit_rate["targets"])
    rates = {legend: float(answer[0]["value"][1]) for legend, answer in zip(legends, ask(hit_rate), strict=True)}
    assert rates["hits"] == facts["hits"]
    assert rates["of lookups"] == facts["hits"] / rates["lookups"]
    assert shown("hex-seats", "Seats") == facts["seats"]
    assert shown("hex-connections", "Connections") == facts["connections"]


@GENERATIONS
def test_rows_of_the_project_table_are_projects_once(boards: dict[str, Any], server: Server, world: World) -> None:
    board = boards["hex-runs"]
    (panel,) = [one for one in panels_of(board) if one["title"] == "Projects"]
    ask = asker(server, world, board, **first_choice(board, world))
    rows, this_week, *_ = ask(panel)

    ids = [row["metric"]["project_id"] for row in rows]
    assert len(ids) == len(set(ids))
    assert sum(float(row["value"][1]) for row in this_week) == world.facts["this week"]


def curve_of_budget(answers: list[Any]) -> dict[str, dict[str, float]]:
    """The lines of the Budget board's curve, each by hour."""
    lines: dict[str, dict[str, float]] = defaultdict(dict)
    for one in answers[0]:
        lines[one["metric"]["period"]][one["metric"]["hour"]] = float(one["value"][1])
    return lines


@GENERATIONS
def test_the_curve_of_the_budget_ends_with_both_weeks_and_the_limit(
    boards: dict[str, Any], server: Server, world: World
) -> None:
    board = boards["hex-budget"]
    (panel,) = [one for one in panels_of(board) if one["title"].startswith("This week against")]

    lines = curve_of_budget(asker(server, world, board, **first_choice(board, world))(panel))

    assert lines.keys() == {"this", "previous", "expected", "warning", "critical"}
    assert lines["previous"]["167"] == world.facts["last week"]
    assert lines["this"][max(lines["this"])] == world.facts["this week"]
    assert set(lines["critical"].values()) == {200.0}
    assert len(lines["critical"]) == len(lines["previous"]) == 168


MOST_EMPTY = 10
"""Panels without data on the first day of a token and nothing else: from the tenth minute on of those that need no more
than the token, closed rows included; after 45 minutes also of all that are in sight."""

FALSE_TEXTS = {
    "runs are being read": r"^No (run (ended|failed|has|minutes|this)|view|schedul|project ran|credits in)|None was",
    "first minutes": r"No finding\b(?! is known)|No price|No request was|No user|No connection",
    "token only": r"\bread\b|audit|first|No user|No person|No connection|No exporter",
    "no budgets": r"\bread\b|audit|first|period|week has|No exporter",
    "two workspaces": r"\bread\b|audit|first|No budget|No price|No source|No exporter",
    "a thousand projects": r"not (been )?read|No audit|No budget|No price|No project|No exporter",
}
"""What an empty panel must not say there: that something is awaited which is known, or is not which is not known."""

SLOW = TOKEN_ONLY.replace("per_minute: 60, per_hour: 300", "per_minute: 1, per_hour: 40")

WORLDS: dict[str, Callable[[Any], World]] = {
    "runs are being read": lambda clock: scraped_only(live_through(clock, SLOW, 600)),
    "first minutes": lambda clock: scraped_only(live_through(clock, TOKEN_ONLY, 600)),
    "token only": lambda clock: scraped_only(live_through(clock, TOKEN_ONLY, 2700)),
    "no budgets": lambda clock: live_through(clock, TOKEN_ONLY + "budgets: []\n", HOUR),
    "two workspaces": lambda clock: two_of(whole_world(clock)),
    "a thousand projects": crowd,
}


@pytest.mark.parametrize("kind", WORLDS)
@pytest.mark.parametrize(("prometheus", "promtool"), [("bookworm", "bookworm")], indirect=True)
def test_no_query_fails_in_any_world(
    kind: str, boards: dict[str, Any], prometheus: Path, promtool: Path, tmp_path: Path, manual_clock: Any
) -> None:
    """Nor does a panel show a second workspace's figures, judge a limit that no one chose, or say what is not so."""
    world = WORLDS[kind](manual_clock)
    for text in world.texts:
        create_blocks(promtool, text, tmp_path)
    empty: dict[tuple[str, str], str] = {}
    with serving(prometheus, tmp_path) as server:
        for uid, board in boards.items():
            ask = asker(server, world, board, **first_choice(board, world))
            answers = {panel["title"]: ask(panel) for panel in panels_of(board)}
            for panel in panels_of(board):
                rows, *columns = answers[panel["title"]]
                # Grafana shows no text then, but a table without a row.
                assert rows or panel["type"] != "table" or not any(columns), (uid, panel["title"])
                named = {one["metric"].get("period", one["metric"].get("week")) for one in rows}
                if not (rows or any(columns)) or (panel["type"] == "trend" and named == {"none"}):
                    empty[uid, panel["title"]] = panel["fieldConfig"]["defaults"]["noValue"]
            if kind == "two workspaces" and uid != "hex-overview":
                found = {
                    one["metric"].get("workspace", "acme")
                    for queries in answers.values()
                    for answer in queries
                    for one in answer
                }
                assert found <= {"acme"}, uid
            if uid == "hex-overview" and kind in {"token only", "no budgets"}:
                (bill,) = [
                    answer
                    for target, answer in zip(panel["targets"], answers["Workspaces"], strict=True)
                    if "cost_week_money" in target["expr"]
                ]
                assert bill == []
            if uid == "hex-runs" and kind not in {"first minutes", "runs are being read"}:
                ((this_week,), *_) = answers["Runs this week"]
                assert float(this_week["value"][1]) == world.facts["this week"]
                (failed,) = answers["Failed, 7 days"][0]
                assert float(failed["value"][1]) == world.facts["failed"]
                if kind == "a thousand projects":
                    rows, *_ = answers["Projects"]
                    assert len({row["metric"]["project_id"] for row in rows}) == len(rows) == PROJECTS
            if uid == "hex-cost" and kind in {"token only", "no budgets"}:
                whole, (at_least,), *_ = answers["Bill of Hex, all teams"]
                assert (whole, at_least["metric"]["needs"]) == ([], "prices.plan")
                components = {one["metric"]["component"] for one in answers["By component, all teams"][0]}
                assert components & {"billed, their sum", "billed, at least"} == {"billed, at least"}
            if uid == "hex-overview" and kind == "two workspaces":
                rows, *_ = answers["Workspaces"]
                assert {one["metric"]["workspace"] for one in rows} == {"acme", "beta"}
            if uid == "hex-budget" and kind == "token only":
                ((verdict,),) = answers["Will this week fit?"]
                assert verdict["value"][1] == "100"
                lines = curve_of_budget(answers["This week against last week and the limit"])
                assert lines.keys() == {"this", "previous", "expected", "default"}
                assert lines["previous"]["167"] == world.facts["last week"]
            if kind in {"first minutes", "token only", "no budgets"} and uid == "hex-gateway":
                missing = {one["metric"]["feature"]: one["metric"]["needs"] for one in answers["Not on"][0]}
                assert missing == {"gateway": "gateway", "sources": "sources"}
    assert {place: text for place, text in empty.items() if re.search(FALSE_TEXTS[kind], text)} == {}
    if kind in {"first minutes", "token only"}:
        in_sight = {
            (uid, one["title"]) for uid, board in boards.items() for one in board["panels"] if one["type"] != "row"
        }
        # The board of warehouses is about what a token does not give: all of it is empty, and its top says why.
        given = {place for place in empty if place[0] != "hex-warehouse"}
        for found in (given, in_sight & empty.keys()) if kind == "token only" else (given,):
            assert len(found) <= MOST_EMPTY, "\n".join(f"{uid}, {title}" for uid, title in sorted(found))


@GENERATIONS
def test_bars_are_whole_numbers_across_the_seam_and_up_to_now(
    boards: dict[str, Any], prometheus: Path, promtool: Path, tmp_path: Path
) -> None:
    """20 runs before the seam, where the import ends at 500 and the ledger begins at 0, 15 behind it, 575 just now."""
    end = CONTACT + 50 * 60
    past = [(at, 480 if at < CONTACT - 4 * HOUR else 500) for at in range(CONTACT - DAY, CONTACT - 3 * HOUR + 1, HOUR)]
    live = [(at, 0 if at < CONTACT + 600 else 15) for at in range(CONTACT, CONTACT + 1200, 60)]
    live += [(at, 15 + 575) for at in range(CONTACT + 1200, end + 1, 60)]
    labels = 'workspace="acme",trigger="api",status="completed"'
    lines = [f"hex_workspace_runs_total{{{labels}}} {value} {at}\n" for at, value in (*past, *live)]
    create_blocks(promtool, "".join(["# TYPE hex_workspace_runs counter\n", *lines, "# EOF\n"]), tmp_path)
    (panel,) = [one for one in panels_of(boards["hex-runs"]) if one["title"] == "Runs by trigger, all teams"]
    query = filled(panel["targets"][0]["expr"])

    with serving(prometheus, tmp_path) as server:
        first, last = CONTACT - 10 * HOUR, CONTACT  # as Grafana does: whole steps, the last one begun before now
        (result,) = server.ask("query_range", query=query, start=first, end=last, step=HOUR)["result"]

    bars = {int(at): float(value) for at, value in result["values"] if float(value)}
    assert bars == {CONTACT - 5 * HOUR: 20.0, CONTACT: 590.0}
