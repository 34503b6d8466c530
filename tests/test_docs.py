"""What the README and the pages beside it name exists: metrics, commands, flags, files, anchors, settings, rooms."""

import os
import re
import textwrap
import tomllib
from pathlib import Path

import click
import pytest

from exporter.cli import main
from exporter.config import load_config
from exporter.metrics import METRICS

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")),
)
FAMILIES = set(METRICS)
PARTS = ("_bucket", "_count", "_sum")
WORDS_OF_OTHERS = {"hex_default", "hex_token", "hex_toolkit"}
"""Airflow's name of a connection, the name of a file, another program."""


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text_of(page), re.M | re.S)


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as the places where it is read make them."""
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def family(name: str) -> str:
    return next((name.removesuffix(part) for part in PARTS if name.endswith(part)), name)


@pytest.mark.parametrize("page", PAGES)
def test_every_metric_that_is_named_exists(page):
    # With a colon on either side it is the name of a recording rule.
    named = set(re.findall(r"(?<![:\w])hex_[a-z0-9_]*[a-z0-9]\b(?!:\w)", text_of(page))) - WORDS_OF_OTHERS

    assert {name for name in named if not FAMILIES & {name, family(name)}} == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_link_within_leads_somewhere(page):
    folder = (ROOT / page).parent
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = folder / path if path else ROOT / page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text("utf-8")), target


def test_every_document_is_linked_from_the_readme_or_a_page_that_is():
    """What no link leads to is not found."""
    linked, waiting = set(), ["README.md"]
    while waiting:
        page = waiting.pop()
        linked.add(page)
        for target in re.findall(r"\]\(([^)\s#]+\.md)", text_of(page)):
            if ":" not in target:
                found = os.path.normpath(Path(page).parent / target)
                waiting += [found] if found not in linked else []

    assert set(PAGES) - linked == set()


def test_the_readme_is_three_screens():
    assert len(text_of("README.md").splitlines()) <= 3 * 50, "move what is longer to a page of docs/"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_its_flags_exist(page):
    text = text_of(page).replace("\\\n", "")
    for line in re.findall(r"hex-exporter(?: [^`|\n#]+)?", text):
        words = line.split()[1:]
        command = main.commands.get(words[0]) if words else None
        if not isinstance(command, click.Command):
            continue
        known = {flag for parameter in command.params for flag in parameter.opts}
        flags = {word.partition("=")[0].rstrip(".,;:)") for word in words if word.startswith("--")}
        assert flags <= known, line


SETTINGS = [
    pytest.param(page, block, id=f"{page}-{number}")
    for page in PAGES
    if page != "docs/configuration.md"  # its blocks have tests of their own
    for number, block in enumerate(blocks(page, "yaml"))
    if "scrape_configs" not in block
]


@pytest.mark.parametrize(("page", "block"), SETTINGS)
def test_every_setting_in_the_documents_is_taken(page, block):
    environ = {"HEX_LEDGER_URL": "postgresql://hex@db.example/hex"}
    load_config(textwrap.dedent(block), source=page, environ=environ, state_dir=Path("/state"))


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_the_repository_that_is_named_exists(page):
    """A path in code quotes; `*` stands for any name, a word in capitals (`exporter/ROOM/`) for a name to fill in."""
    prose = re.sub(r"(?m)^ *```(?:.*\n)*? *```$", "", text_of(page))
    paths = re.findall(r"`((?:exporter|dashboards|alerts|docs|examples|tests|scripts|\.github|\.ci)/[\w./*-]*)`", prose)

    assert [path for path in paths if not re.search(r"/[A-Z]+\b(?!\.md)", path) and not list(ROOT.glob(path))] == []


class TestGlossary:
    ROWS = re.findall(r"(?m)^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", text_of("docs/glossary.md"))

    def test_each_word_has_a_sentence_and_a_file(self):
        words = [row for row in self.ROWS if row[0] not in {"word", "---"}]

        assert len(words) > 50
        for word, meaning, file in words:
            assert meaning.endswith("."), word
            assert re.fullmatch(r"`exporter/[\w/]+(\.py|/)`", file), word
            assert (ROOT / file.strip("`")).exists(), f"{word}: {file} has moved; name the file that holds it now"

    def test_no_word_is_there_twice(self):
        words = [word for word, _, _ in self.ROWS if word not in {"word", "---"}]

        assert len(words) == len(set(words))


class TestArchitecture:
    TEXT = text_of("docs/architecture.md")

    def test_every_room_has_its_row_and_no_row_is_left_of_a_room_that_is_gone(self):
        rooms = {path.parent.name for path in (ROOT / "exporter").glob("*/__init__.py")}

        assert set(re.findall(r"(?m)^\| `(\w+)` \|", self.TEXT)) == rooms

    def test_the_walls_are_those_that_import_linter_holds(self):
        [contract] = [
            one
            for one in tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]
            if one["name"] == "Rooms import downwards only"
        ]
        layers = [layer.replace("exporter.", "") for layer in contract["layers"]]

        assert "```text\n" + "\n".join(layers) + "\n```" in self.TEXT, "copy the layers of pyproject.toml to 'Walls'"


WORDS_TO_AVOID = {
    "tells, told": r"\b(tells|told)\b",
    "nobody, somebody, anybody": r"\b(nobody|somebody|anybody)(?![\w\"])",
    "whoever": r"\bwhoever (?!started)",
    "goes on": r"\bgoes on\b",
    "became of": r"\bbecame of\b",
    "for ever": r"\bfor ever\b",
    "heeds, whence, bears": r"\b(heeds?|whence|bears)\b",
}
TEXTS = (
    "README.md",
    *sorted(
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "docs").glob("*.md")
        if path.name not in {"metrics.md", "configuration.md"}
    ),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "alerts").rglob("*.[yt]m*l")),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "dashboards").glob("*.json")),
)


@pytest.mark.parametrize("page", TEXTS)
def test_what_readers_see_uses_the_words_of_the_glossary(page):
    """Words that are not the field's, or that have a plainer form: write shows, no one, continues, the owner."""
    text = text_of(page).lower()

    assert {words for words, pattern in WORDS_TO_AVOID.items() if re.search(pattern, text)} == set()
