"""What Grafana asks Prometheus for a panel: variables filled in, at its own steps."""

import re
from collections.abc import Callable
from typing import Any

from board_world import SCRAPE_SECONDS, World
from helpers.history_server import Server

HOUR, DAY = 3600, 86400


def filled(query: str, step: int = HOUR, scrape: int = SCRAPE_SECONDS, range: str = "7d", **choice: str) -> str:
    """The query with its variables, as Grafana fills them in."""
    values = {"workspace": "acme", "team": ".*", "owner": ".*", **choice}
    rate = max(step + scrape, 4 * scrape)
    for name, value in {"__rate_interval": f"{rate}s", "__interval": f"{step}s", "__range": range, **values}.items():
        query = query.replace(f"${name}", value)
    assert not re.search(r"\$[a-z_{]", query)
    return query


STEPS = [(25, 20), (45, 30), (90, 60), (210, 120), (450, 300), (750, 600), (1050, 900), (1500, 1200), (2700, 1800)]
STEPS += [(5400, 3600), (9000, 7200), (16200, 10800), (32400, 21600), (86400, 43200), (604800, 86400)]
"""Up to how many seconds Grafana takes which step."""

DAYS = {"now-24h": 1, "now-7d": 7, "now-14d": 14, "now-30d": 30, "now/w": 7}

WIDE = 1000
"""The points of a curve that is as wide as a screen."""


def step_of(panel: dict[str, Any], seconds: int) -> int:
    """The seconds between the points of a panel that shows so many seconds."""
    least = panel.get("interval") or "15s"
    shortest = int(least[:-1]) * {"s": 1, "m": 60, "h": HOUR, "d": DAY}[least[-1]]
    wanted = seconds / (panel.get("maxDataPoints") or WIDE)
    return max(next(step for limit, step in STEPS if wanted < limit), shortest)


def asker(server: Server, world: World, board: dict[str, Any], **choice: str) -> Callable[[dict[str, Any]], list[Any]]:
    """Asks what a panel asks, as Grafana would: a list of answers, at whole steps of the board's own time."""
    seconds = DAYS[board["time"]["from"]] * DAY

    def ask(panel: dict[str, Any]) -> list[Any]:
        step = step_of(panel, seconds)
        first, last = (at // step * step for at in (world.end - seconds, world.end))
        answers = []
        for target in panel["targets"]:
            query = filled(target["expr"], step, **choice)
            if target.get("instant"):
                answer = server.ask("query", query=query, time=world.end)
            else:
                answer = server.ask("query_range", query=query, start=first, end=last, step=step)
            answers.append(answer["result"])
        return answers

    return ask


def first_choice(board: dict[str, Any], world: World) -> dict[str, str]:
    """The first of what can be chosen, for each of the board's variables."""
    names = {one["name"] for one in board["templating"]["list"]}
    return {name: values[0] for name, values in world.choices.items() if name in names}
