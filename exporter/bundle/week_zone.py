"""The files that came along, in the zone and with the first day of the configured week."""

import json
import re
from dataclasses import replace

from exporter.bundle.packaged_files import PackagedFiles
from exporter.config import Week

_WEEK_STARTS = {0: "monday", 5: "saturday", 6: "sunday"}
"""The first days that Grafana knows, by the day from Monday = 0; other weeks start where the reader's do."""

_LOCATION = re.compile(r"(?m)^(\s+location: ).+$")


def for_week(packaged: PackagedFiles, week: Week | None) -> PackagedFiles:
    """Boards show times of the week's zone, and office hours are its own; without a week all stays as it is."""
    if week is None:
        return packaged
    return replace(
        packaged,
        alertmanager=_LOCATION.sub(rf"\g<1>{week.timezone}", packaged.alertmanager),
        dashboards={name: _board(text, week) for name, text in packaged.dashboards.items()},
    )


def _board(text: str, week: Week) -> str:
    board = json.loads(text)
    board |= {"timezone": week.timezone, "weekStart": _WEEK_STARTS.get(week.starts, "")}
    return json.dumps(board, indent=2, ensure_ascii=False) + "\n"
