"""The committed JSON is what the Python says, and every key in it means something to Grafana."""

import json
import re
import subprocess
import sys

import pytest
from boardbook import FOLDER
from grafana_foundation_sdk.cog import plugins

from dashboards.encode import Dashboard, encode
from exporter.facts import FINDING_KINDS, finding_kind_words

UIDS = (
    "overview",
    "budget",
    "runs",
    "cost",
    "seats",
    "schedules",
    "connections",
    "warehouse",
    "gateway",
    "savings",
    "project",
    "exporter",
)


def lost(given, kept, path=""):
    """Keys of `given` that `kept` lacks."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            if key in kept:
                yield from lost(value, kept[key], f"{path}.{key}")
            elif value is not None:
                yield f"{path}.{key}"
    elif isinstance(given, list) and isinstance(kept, list):
        if len(given) != len(kept):
            yield f"{path}: {len(given)} became {len(kept)}"
        for number, pair in enumerate(zip(given, kept, strict=False)):
            yield from lost(*pair, f"{path}[{number}]")


def through_the_sdk(board):
    plugins.register_default_plugins()
    return json.loads(encode(Dashboard.from_json(board)))


def test_there_is_a_board_for_each_question(boards):
    assert set(boards) == {f"hex-{name}" for name in UIDS}
    assert {uid: board["uid"] for uid, board in boards.items()} == {uid: uid for uid in boards}


@pytest.mark.parametrize("seed", ["0", "4711"])
@pytest.mark.slow
def test_the_generator_writes_the_committed_bytes(seed):
    program = (
        "import json, sys; from dashboards.boards import BOARDS; from dashboards.encode import encode; "
        "json.dump({board.uid: encode(board) for board in BOARDS}, sys.stdout)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=FOLDER.parent,
        env={"PYTHONHASHSEED": seed},
        capture_output=True,
        check=True,
        encoding="utf-8",
    )

    written = {file.stem: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.json")}
    assert json.loads(done.stdout) == written, "run `make dashboards` and commit what it writes"


def test_keys_are_sorted(board):
    text = (FOLDER / f"{board['uid']}.json").read_text(encoding="utf-8")
    assert text == json.dumps(board, sort_keys=True, indent=2, ensure_ascii=False) + "\n"


def test_round_trip_through_the_sdk_loses_no_key(board):
    """A key that the SDK does not know is one that Grafana's schema lacks: a typing error, or an old option."""
    again = through_the_sdk(board)

    assert list(lost(board, again)) == []


def test_round_trip_finds_a_planted_mistake(boards):
    board = json.loads(json.dumps(boards["hex-budget"]))
    board["panels"][0]["options"]["colourMode"] = "value"
    board["panels"][1]["gridPos"]["z"] = 1

    again = through_the_sdk(board)

    assert list(lost(board, again)) == [".panels[0].options.colourMode", ".panels[1].gridPos.z"]


def test_the_savings_board_calls_each_kind_of_finding_as_the_audit_does(boards):
    text = json.dumps(boards["hex-savings"])

    for index, kind in enumerate(FINDING_KINDS):
        name = finding_kind_words(kind).capitalize()
        assert f'"{kind}": {{"index": {index}, "text": "{name}"}}' in text


def test_links_within_panels_keep_the_team_and_the_owner_that_were_chosen(boards):
    seen = 0
    for board in boards.values():
        has_choice = {"team", "owner"} <= {one["name"] for one in board["templating"]["list"]}
        for url in re.findall(r'"/d/hex-[^"]+"', json.dumps(board["panels"], ensure_ascii=False)):
            kept = [f"&${{{name}:queryparam}}" in url for name in ("team", "owner")]
            assert kept == [has_choice] * 2, (board["uid"], url)
            seen += has_choice
    assert seen >= 10
