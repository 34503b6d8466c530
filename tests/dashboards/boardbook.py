"""The dashboards as they are committed, and ways to walk through them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))


def panels_of(board: dict[str, Any]) -> list[dict[str, Any]]:
    """Every panel of a dashboard."""
    return board["panels"]


def queries_of(board: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Everything of a dashboard that Prometheus is asked, with where it stands."""
    for panel in panels_of(board):
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]
    for annotation in board["annotations"]["list"]:
        yield f"annotation {annotation['name']}", annotation["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            query = variable["query"]["query"]
            inside = query[query.index("(") + 1 : -1]
            yield f"variable {variable['name']}", inside.rsplit(", ", 1)[0] if "label_values" in query else inside
