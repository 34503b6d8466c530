"""One project: its runs by trigger and end, and how long they take."""

from typing import Any

from dashboards.panel_parts import COUNT, GOOD, Query, about
from dashboards.panels import curve
from dashboards.promql import growth
from dashboards.runs import STATUSES, TRIGGERS

ONE = 'project_id="$project"'

_COMPLETED = 'status="completed"'


def _amount(id: int, title: str, description: str, expr: str, legend: str, unit: str, **more: Any) -> Any:
    return curve(
        id,
        title,
        description,
        [Query(expr, legend)],
        unit=unit,
        empty="No run is known that ended in this time",
        draw="bars",
        stacked=True,
        min_step="1h",
        points=60,
        **more,
    )


def charts() -> tuple[Any, Any, Any]:
    """Runs by trigger, runs by end, and the time of a run."""
    runs = growth("hex_runs_total", ONE)
    completed = f"sum by (status) ({growth('hex_runs_total', ONE, _COMPLETED)})"
    seconds = growth("hex_run_seconds_total", ONE)
    return (
        _amount(
            16,
            "Runs by trigger",
            about(
                "Runs that ended in each interval, by what started them.",
                normal="even, at the hours of its schedule.",
                act="Many API runs come from a program: find its owner.",
            ),
            f"sum by (trigger) ({runs})",
            "{{trigger}}",
            COUNT,
            colors=TRIGGERS,
        ),
        _amount(
            17,
            "Runs by end",
            about(
                "Runs that ended in each interval, by how they ended.",
                normal="completed.",
                act="Errored again and again: it costs money without a result until it is repaired.",
            ),
            f"sum by (status) ({runs}) > 0 or 0 * {completed}",
            "{{status}}",
            COUNT,
            colors={"completed": GOOD} | STATUSES,
        ),
        curve(
            18,
            "Time of a run",
            about(
                "Mean run time of each interval, by trigger.",
                normal="level.",
                act="Rising: its data grows. Falling to seconds: it may fail early.",
            ),
            [
                Query(
                    f"sum by (trigger) ({seconds}) / (sum by (trigger) ({runs}) > 0)",
                    "{{trigger}}",
                )
            ],
            unit="s",
            decimals=None,
            empty="No run is known that ended in this time",
            min_step="6h",
            points=60,
            span_gaps=True,
            marks=True,
            colors=TRIGGERS,
        ),
    )
