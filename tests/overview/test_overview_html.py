"""The page as a browser gets it: text stays text, and nothing else is loaded."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import pytest

from exporter.config import Budget
from exporter.overview import STYLE_SHA256, Boards, Frame, WorkspaceFigures, render_overview, workspace_figures

EVIL = '"><script>alert(1)</script>&<b>{{ version }}'
VOID = {"meta", "link", "br", "rect", "line", "polyline"}
DASHBOARDS = Path(__file__).parents[2] / "dashboards"
FRAME = Frame(version="1.2.3", telemetry_path="/metrics", states={"acme": "followed"}, reasons={"acme": ()})


class Page(HTMLParser):
    """A parsed page; fails where tags are not closed in order."""

    def __init__(self, document: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(document.decode())
        self.close()
        assert self.open == []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.words.append(data)

    def links(self) -> list[str]:
        return [str(attributes["href"]) for tag, attributes in self.tags if tag == "a"]


def figures(world: Any) -> WorkspaceFigures:
    (snapshot,) = world.collector.snapshots(world.config, world.now_ms)
    return workspace_figures(snapshot)


def page(*workspaces: WorkspaceFigures, frame: Frame = FRAME) -> Page:
    return Page(render_overview(frame, workspaces))


def test_it_answers_whether_the_week_fits_and_what_to_switch_off(busy: Any) -> None:
    busy.configure(budgets=(Budget(name="week", unit="runs", limit=1000),))
    text = page(figures(busy)).text

    assert re.search(r"week \d+ of 1,000 runs (Will last|\d+ runs left until)", text)
    assert "What to switch off" in text
    assert "USD" in text


def test_whatever_things_are_called_stays_text(world: Any) -> None:
    world.configure(budgets=(Budget(name=EVIL, unit="runs", limit=10),))
    world.list_projects(world.published("p1", title=EVIL))
    world.read_runs("p1", *world.many(3, 3_600_000))
    frame = replace(
        FRAME,
        version=EVIL,
        docs_url=EVIL,
        problems=[EVIL],
        states={"acme": EVIL, EVIL: EVIL},
        reasons={"acme": [EVIL], EVIL: [EVIL]},
    )

    document = render_overview(frame, [replace(figures(world), timezone="UTC")])

    found = Page(document)
    assert {"script", "b"}.isdisjoint(tag for tag, _ in found.tags)
    assert found.text.count(EVIL) >= 7


def test_the_browser_needs_its_own_style_sheet_and_nothing_else(busy: Any) -> None:
    document = render_overview(FRAME, [figures(busy)])
    (style,) = re.findall(rb"<style>(.*?)</style>", document, re.S)

    assert base64.b64encode(hashlib.sha256(style).digest()).decode() == STYLE_SHA256
    assert b"url(" not in style
    assert b"@import" not in style
    for tag, attributes in Page(document).tags:
        assert tag not in {"script", "link", "img", "iframe", "form", "object"}
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)


@pytest.mark.parametrize("telemetry_path", ["/metrics", "/a:b", "/deep/er"])
@pytest.mark.parametrize("base", ["http://here:9891/", "https://proxy.example/hex/", "https://proxy.example/a/b/"])
def test_links_lead_to_the_neighbours_of_the_page(base: str, telemetry_path: str) -> None:
    found = [urljoin(base, link) for link in page(frame=replace(FRAME, telemetry_path=telemetry_path)).links()]

    assert found == [base.rstrip("/") + path for path in (telemetry_path, "/-/healthy", "/-/ready")]


def test_links_to_boards_lead_to_boards_that_there_are(busy: Any) -> None:
    boards = Boards(grafana_url="https://grafana.example/g")
    links = [link for link in page(figures(busy), frame=replace(FRAME, boards=boards)).links() if "grafana" in link]
    titles = {}
    for file in DASHBOARDS.glob("hex-*.json"):
        board = json.loads(file.read_text("utf-8"))
        titles[board["uid"]] = {
            "title": board["title"],
            "variables": {variable["name"] for variable in board["templating"]["list"]},
        }

    assert links
    for link in links:
        uid, _, query = link.removeprefix("https://grafana.example/g/d/").partition("?")
        assert {pair.split("=")[0].removeprefix("var-") for pair in query.split("&")} <= titles[uid]["variables"]
    for uid, title in Boards.SHOWN:
        assert titles[uid]["title"].endswith(title)


def test_without_grafana_nothing_links_there(busy: Any) -> None:
    assert not [link for link in page(figures(busy)).links() if "/d/" in link]


def test_a_limit_that_nobody_chose_is_never_shown_as_exceeded(world: Any) -> None:
    world.list_projects(world.published())
    world.read_runs("p1", *world.many(600, 24 * 3_600_000))

    found = page(figures(world))

    fills = [
        attributes["class"] for tag, attributes in found.tags if tag == "rect" and "fill" in str(attributes["class"])
    ]
    assert fills == ["fill "]
    assert "a default that no one chose" in found.text


def test_before_there_are_figures_the_state_is_shown() -> None:
    frame = replace(FRAME, states={"acme": "not followed"}, reasons={"acme": ("The token is refused.",)})

    text = page(frame=frame).text

    assert "acme not followed The token is refused." in text


def test_no_run_this_week_is_zero_and_not_a_gap(world: Any) -> None:
    world.list_projects(world.published())
    world.read_runs("p1")

    text = page(figures(world)).text

    assert "Runs this week 0" in text
    assert "No run started this week." in text


def test_text_has_enough_contrast_in_both_themes(busy: Any) -> None:
    """WCAG 2.2, success criterion 1.4.3: at least 4.5 to 1."""
    document = render_overview(FRAME, [figures(busy)]).decode()
    light, dark = (
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", document, re.S)[:2]
    )
    assert light.keys() == dark.keys()
    for theme in (light, dark):
        for name in ("text", "soft", "accent", "good", "warn", "bad"):
            for ground in ("card", "ground"):
                assert contrast(theme[name], theme[ground]) >= 4.5, (name, ground, theme)


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_title_of_any_length_leaves_room_for_the_rest(world: Any) -> None:
    world.list_projects(world.published("p1", title="x" * 5_000))
    world.read_runs("p1", *world.many(3, 3_600_000))

    document = render_overview(FRAME, [figures(world)])

    assert b"x" * 200 not in document
    assert b"x" * 100 in document
