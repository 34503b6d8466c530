"""docs/gallery.md has every board with its question and picture; README names as many as there are."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOARDS = {path.stem: json.loads(path.read_text("utf-8")) for path in (ROOT / "dashboards").glob("*.json")}
NAMES = {uid: board["title"].removeprefix("Hex / ") for uid, board in BOARDS.items()}
GALLERY = (ROOT / "docs" / "gallery.md").read_text("utf-8")
WORDS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
)


def test_it_has_every_board_and_no_other() -> None:
    assert sorted(re.findall(r"(?m)^## (.+)$", GALLERY)) == sorted(NAMES.values())


@pytest.mark.parametrize("uid", sorted(NAMES))
def test_it_has_the_question_of_each_board(uid: str) -> None:
    assert f"## {NAMES[uid]}\n\n{BOARDS[uid]['description']} " in GALLERY


@pytest.mark.parametrize("page", ["README.md", "docs/gallery.md"])
def test_the_number_of_boards_is_true(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    [word] = re.findall(r"\b(\w+) (?:\[Grafana )?boards(?:\]|, each)", text)

    assert word.lower() == WORDS[len(NAMES)]


def test_the_pictures_show_the_navigation_of_today() -> None:
    """`taken.json` is written together with the pictures: the day, and the boards that they show as links."""
    taken = json.loads((ROOT / "docs" / "images" / "taken.json").read_text("utf-8"))

    assert sorted(taken["boards"]) == sorted(NAMES.values()), (
        "take the pictures again, and write the boards and the day here"
    )
    assert f"taken from it on {taken['day']}" in " ".join(GALLERY.split())
    light = {*NAMES, "page"}
    stems = {path.stem for path in (ROOT / "docs" / "images").glob("*.png")}
    assert {one for one in stems if not one.endswith("-dark")} == light
    assert {one.removesuffix("-dark") for one in stems} == light
