"""What the README and the pages beside it name exists: metrics, commands, flags, files, places in them, settings."""

import re
from pathlib import Path

import click
import pytest

from exporter.cli import main
from exporter.config import load_config
from exporter.metrics import METRICS

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/operations.md", "docs/configuration.md", "docs/architecture.md", "docs/runbooks.md")
FAMILIES = set(METRICS)
PARTS = ("_bucket", "_count", "_sum")
WORDS_OF_OTHERS = {"hex_default", "hex_token", "hex_toolkit"}
"""Airflow's name of a connection, the name of a file, another program."""


def text_of(page: str) -> str:
    return (ROOT / page).read_text("utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(page), re.M | re.S)


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


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_its_flags_exist(page):
    for line in re.findall(r"hex-exporter(?: [^`|\n#]+)?", text_of(page)):
        words = line.split()[1:]
        command = main.commands.get(words[0]) if words else None
        if not isinstance(command, click.Command):
            continue
        known = {flag for parameter in command.params for flag in parameter.opts}
        flags = {word.partition("=")[0].rstrip(".,;:)") for word in words if word.startswith("--")}
        assert flags <= known, line


@pytest.mark.parametrize("block", blocks("README.md", "yaml"))
def test_every_setting_in_the_readme_is_taken(block):
    if "scrape_configs" in block:
        return
    load_config(block, source="README.md", environ={}, state_dir=Path("/state"))
