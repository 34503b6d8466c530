"""Overview: which workspace needs a look?"""

from typing import Any

from dashboards.board import NAMES, board
from dashboards.board_header import everywhere_header
from dashboards.budget_queries import VERDICTS
from dashboards.panel_parts import BAD, COUNT, NOTE, PLAIN, USD, WARN, Column, about, judged, meter, tinted
from dashboards.panels import table
from dashboards.promql import everywhere

_BY = "workspace"
_RUNS, _BILLED = 'unit="runs"', 'money="billed"'


def _severity(name: str) -> str:
    return f'severity="{name}"'


def _worst(metric: str) -> str:
    """The largest of a workspace's budgets in runs, each as a part of its limit."""
    parts = f"{everywhere(metric, _RUNS)} / ({everywhere('hex_budget_limit', _RUNS)} > 0)"
    return f"max by ({_BY}) ({parts})"


def _state() -> str:
    """As on the Budget board, of the budget that is worst; 100 where none is configured, 200 where nothing is known."""
    used, limit, forecast = (everywhere(f"hex_budget_{one}") for one in ("used", "limit", "forecast"))
    by = "workspace, budget, unit"
    warning, critical = (
        f"max by ({by}) ({everywhere('hex_budget_threshold_ratio', _severity(one))})" for one in ("warning", "critical")
    )
    expected = f"({forecast} or {used})"
    over, will = f"({used} >= bool {limit} * {critical})", f"({expected} >= bool {limit} * {critical})"
    close = f"({expected} >= bool {limit} * {warning})"
    worst = f"max by ({_BY}) ({close} + {will} + {over})"
    none = everywhere("hex_feature_state", 'feature="budgets"', 'state="not_configured"')
    unknown = f"0 * max by ({_BY}) ({limit}) + 200"
    return f"({worst} unless on ({_BY}) {none}) or (0 * {worst} + 100 and on ({_BY}) {none}) or {unknown}"


def _workspaces() -> Any:
    ended, failed = (f"sum by ({_BY}) ({everywhere(f'hex_project_{one}_runs_7d')})" for one in ("ended", "failed"))
    week = f"sum by ({_BY}) ({everywhere('hex_project_week_runs')})"
    then = f"sum by ({_BY}) ({everywhere('hex_project_previous_week_runs_by_now')})"
    lacking = everywhere("hex_feature_state", 'feature="prices"', 'state!="on"')
    percent = meter(high=1.5) | {"decimals": 0}
    return table(
        1,
        "Workspaces",
        about(
            "Each workspace: its worst budget, the largest use and forecast of its budgets in runs as a part of the "
            "limit, the runs of this week against the same moment last week, the bill of this week unless a price is "
            "missing, the part of the runs of 7 days that failed, what the findings would save, and how old its data "
            "is.",
            normal="every budget fits, few runs fail, and data is minutes old.",
            act="Click a workspace: its Budget board says what is wrong, and which project it is.",
        ),
        everywhere("hex_up"),
        [
            Column("Workspace", label="workspace", properties={"links": [_TO_BUDGET], "custom.minWidth": 120}),
            Column(
                "Budget",
                expr=_state(),
                width=122,
                properties=judged(VERDICTS),
            ),
            Column("Used", expr=_worst("hex_budget_used"), unit="percentunit", width=110, properties=percent),
            Column("Forecast", expr=_worst("hex_budget_forecast"), unit="percentunit", width=115, properties=percent),
            Column("Runs this week", expr=week, unit=COUNT, width=90),
            Column(
                "Change",
                expr=f"{week} / ({then} > 0) - 1",
                unit="percentunit",
                width=75,
                properties=tinted((PLAIN, None), (WARN, 0.2), (BAD, 0.5)) | {"decimals": 0},
            ),
            Column(
                "Bill this week",
                expr=f"max by ({_BY}) ({everywhere('hex_cost_week_money_usd', _BILLED)}) unless on ({_BY}) {lacking}",
                unit=USD,
                width=110,
            ),
            Column(
                "Failing, 7 days",
                expr=f"{failed} / ({ended} > 0)",
                unit="percentunit",
                width=85,
                properties=tinted((PLAIN, None), (NOTE, 0.05), (BAD, 0.15)) | {"decimals": 1},
            ),
            Column(
                "To save a month",
                expr=f"sum by ({_BY}) ({everywhere('hex_findings_saving_month_money_usd', _BILLED)})",
                unit=USD,
                width=100,
            ),
            Column(
                "Data age",
                expr=f"clamp_min(time() - {everywhere('hex_last_successful_poll_timestamp_seconds')}, 0)",
                unit="s",
                width=85,
                properties=tinted((PLAIN, None), (WARN, 900), (BAD, 1800)) | {"noValue": "never read"},
            ),
        ],
        empty="No exporter is scraped",
        sort_by="Forecast",
    )


_TO_BUDGET = {
    "title": f"Open {NAMES['hex-budget']}",
    "url": "/d/hex-budget?var-datasource=${datasource}&var-workspace=${__value.text:percentencode}&${__url_time_range}",
}


BOARD = board(
    "hex-overview",
    "Which workspace needs a look?",
    [everywhere_header("runs", "budgets", "prices"), (10, [(24, _workspaces())])],
    one_workspace=False,
)
