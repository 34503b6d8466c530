"""Savings added up: by kind of finding and by team, and what the whole board calls kinds."""

from typing import Any

from dashboards.panel_parts import GOOD, NOTE, PLAIN, USD, Column, about, called, judged, meter
from dashboards.panels import table
from dashboards.promql import WORKSPACE, gauge, money
from exporter.facts import FINDING_KINDS, finding_kind_words

KINDS = {kind: finding_kind_words(kind).capitalize() for kind in FINDING_KINDS}
"""Kinds of findings by the name that `hex-exporter audit` prints."""

NO_AUDIT = "No audit"


def saves(metric: str, billed: int = 130, others: int = 120) -> tuple[Column, Column, Column]:
    """What is saved a month of Hex's bill, as a bar where there is room, of other bills, and of the own estimate."""
    bar = meter(color=GOOD) if billed >= 100 else {}
    return (
        Column("Billed, less", expr=money(metric, "billed"), unit=USD, width=billed, properties=bar),
        Column("Other bills, less", expr=money(metric, "other"), unit=USD, width=others),
        Column("Estimate, less", expr=money(metric, "estimate"), unit=USD, width=others),
    )


def by_kind() -> Any:
    """One row for each kind, judged or not; the kinds add up."""
    return table(
        9,
        "By kind",
        about(
            "Every kind of finding, what acting on all of a kind would save, and whether it could be judged. Here the "
            "kinds add up.",
            normal="every kind is judged, and most have no finding.",
            act="Not judged: `hex-exporter audit` lists the scope, price or source that is missing.",
        ),
        gauge("hex_findings_judged"),
        [
            Column("Kind", label="kind", properties=called(KINDS) | {"custom.minWidth": 250}),
            *saves("hex_findings_saving_month_money_usd"),
            Column("Runs", expr=gauge("hex_findings_saving_month_runs"), width=75),
            Column("Findings", expr=gauge("hex_findings"), width=85),
            Column("Ignored", expr=gauge("hex_findings_ignored"), width=80),
            Column(
                "Judged",
                expr=gauge("hex_findings_judged"),
                width=75,
                properties=judged({"0": ("no", NOTE), "1": ("yes", PLAIN)}),
            ),
        ],
        empty=NO_AUDIT,
        sort_by="Billed, less",
    )


def _team_or_none(expr: str) -> str:
    """The series by team, those without one by a name: a label that is empty has no column."""
    return f'label_replace({expr}, "team", "No team", "team", "")'


def by_team() -> Any:
    """One row for each team."""
    team = "topk by (workspace, project_id) (1, hex_project_info{" + WORKSPACE + "})"
    cost, runs = (
        _team_or_none(f"sum by (workspace, team) ({series} * on (workspace, project_id) group_left (team) {team})")
        for series in (money("hex_project_cost_week_money_usd", "billed"), gauge("hex_project_week_runs"))
    )
    # Without a row a column of its own would leave the panel blank.
    cost, runs = (f"{one} and on (workspace) {gauge('hex_team_findings')}" for one in (cost, runs))
    saved, estimate = (_team_or_none(money("hex_team_saving_month_money_usd", kind)) for kind in ("billed", "estimate"))
    return table(
        10,
        "By team",
        about(
            "What the findings of each team would save a month, beside the billed compute and the runs of this week.",
            normal="savings are a small part of four weeks' cost.",
            act="Send each team its part: `hex-exporter audit` and `hex-exporter report` show teams too.",
        ),
        _team_or_none(f"sum by (workspace, team) ({gauge('hex_team_findings')})"),
        [
            Column("Team", label="team", properties={"custom.minWidth": 90}),
            Column("Billed, less", expr=saved, unit=USD, width=120, properties=meter(color=GOOD)),
            Column("Estimate, less", expr=estimate, unit=USD, width=120),
            Column("Findings", expr=_team_or_none(gauge("hex_team_findings")), width=85),
            Column("Compute this week", expr=cost, unit=USD, width=165),
            Column("Runs this week", expr=runs, width=140),
        ],
        empty="No finding is known",
        sort_by="Billed, less",
    )
