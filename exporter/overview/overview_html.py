"""The page as HTML: rendered whole whenever the figures change, and served unchanged."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from exporter.facts import finding_kind_words
from exporter.overview import wording
from exporter.overview.figures import WorkspaceFigures
from exporter.overview.week_chart import HEIGHT, WIDTH, budget_bar, week_chart

if TYPE_CHECKING:
    from jinja2 import Template

_STYLE = (resources.files("exporter.overview") / "overview.css").read_text("utf-8")

STYLE_SHA256 = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
"""The only style sheet that a browser may apply to the page, as a Content-Security-Policy names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boards:
    """Where the bundled Grafana dashboards are; `grafana_url` empty: not known, and nothing links there."""

    grafana_url: str = ""

    SHOWN = (
        ("hex-budget", "Budget"),
        ("hex-runs", "Runs"),
        ("hex-cost", "Cost and plan"),
        ("hex-savings", "Savings"),
    )

    def url(self, uid: str, **variables: str) -> str:
        """The address of a board with its variables set; empty where Grafana's is not known."""
        if not self.grafana_url:
            return ""
        query = urlencode({f"var-{name}": value for name, value in variables.items()})
        return f"{self.grafana_url}/d/{uid}" + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is around the figures: version, links, and what does not work.

    `problems` are sentences on the exporter as a whole; `states` has for each workspace how it is followed, `reasons`
    why it is not, or not well.
    """

    version: str
    telemetry_path: str
    docs_url: str = ""
    boards: Boards = Boards()
    problems: Sequence[str] = ()
    states: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, Sequence[str]] = field(default_factory=dict)


def render_overview(frame: Frame, workspaces: Sequence[WorkspaceFigures]) -> bytes:
    """The document, complete in itself; whatever projects and owners are called, it stays text.

    Links to the exporter's own pages are relative: below whatever prefix a proxy serves it, they lead to its
    neighbours. Workspaces of the frame without figures are listed with their state.
    """
    known = {workspace.name for workspace in workspaces}
    return (
        _template()
        .render(
            frame=frame,
            workspaces=workspaces,
            waiting=[name for name in frame.states if name not in known],
            style=_STYLE,
        )
        .encode()
    )


@lru_cache(maxsize=1)
def _template() -> "Template":
    # Loading it takes a part of the time in which the first metrics are to be served: they come first.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("exporter.overview", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "amount": wording.amount,
        "bar": budget_bar,
        "change": wording.change,
        "components": wording.components,
        "chart": _chart,
        "chart_size": (WIDTH, HEIGHT),
        "data_age": wording.data_age,
        "kind_words": finding_kind_words,
        "number": wording.number,
        "money": wording.money,
        "saving": wording.saving,
        "verdict": wording.verdict,
    }
    return environment.get_template("overview.html")


def _chart(workspace: WorkspaceFigures) -> object:
    limits = [one.limit for one in workspace.budgets if one.unit == "runs" and one.period == "week"]
    return week_chart(workspace.curve, workspace.previous_curve, limits[0] if len(limits) == 1 else None)
