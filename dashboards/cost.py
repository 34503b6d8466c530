"""Cost and plan: what do we pay for."""

from typing import Any

from dashboards.board import TEAM_AND_OWNER, Section, board, chosen_variable
from dashboards.board_header import header
from dashboards.cost_contract import contract
from dashboards.cost_credits import credit_days, credits_by_user, credits_of_month, plans
from dashboards.panel_parts import (
    BAD,
    COUNT,
    NOTE,
    PLAIN,
    PROJECT_ID,
    USD,
    WARN,
    Column,
    Query,
    about,
    called,
    meter,
    project_column,
    tinted,
)
from dashboards.panels import curve, figure, table
from dashboards.promql import chosen, gauge, money, named, projects, views

COMPONENTS = {
    "seats": "blue",
    "compute": "purple",
    "ai_credits": "orange",
    "warehouse": "green",
    "own_estimate": "text",
}

_WEEK, _BEFORE = (money(f"hex_project_cost_{one}_money_usd", "billed") for one in ("week", "previous_week"))
_ESTIMATE = money("hex_project_cost_week_money_usd", "estimate")
_ESTIMATE_BEFORE = money("hex_project_cost_previous_week_money_usd", "estimate")
_RUNS = gauge("hex_project_week_runs")
_VIEWS = views("7d")
_UNPRICED = "No price"
_LACKING = 'max by (workspace, needs) (hex_feature_state{workspace="$workspace", feature="prices", state!="on"})'
"""The key that the bill lacks, if any."""


def _money(id: int, title: str, description: str, expr: str, *, empty: str = "No prices", decimals: int = 2) -> Any:
    return figure(id, title, description, [Query(expr)], unit=USD, empty=empty, decimals=decimals)


def _figures() -> list[tuple[int, Any]]:
    week, before = (money(f"hex_cost_{one}_money_usd", "billed") for one in ("week", "previous_week"))
    cost, estimate, views = (f"sum({chosen(one)})" for one in (_WEEK, _ESTIMATE, _VIEWS))
    return [
        (
            10,
            figure(
                1,
                "Bill of Hex, all teams",
                about(
                    "What Hex bills for the current week, seats for all of it, compute and AI credits so far; and for "
                    "the whole week before. Where a price is missing it is at least that, and the key is named.",
                    normal="mostly seats. Compute is a lower bound: notebook and app sessions are not runs.",
                    act="See below which component grows.",
                ),
                [
                    Query(f"{week} unless on (workspace) {_LACKING}", "this week, so far"),
                    Query(
                        f"{week} * on (workspace) group_left (needs) {_LACKING}", "this week, at least: no {{needs}}"
                    ),
                    Query(f"{before} unless on (workspace) {_LACKING}", "last week"),
                    Query(f"{before} and on (workspace) {_LACKING}", "last week, at least"),
                ],
                unit=USD,
                empty="No price",
                decimals=2,
                named=True,
                size=32,
            ),
        ),
        (
            9,
            figure(
                3,
                "Runs of this week",
                about(
                    "The runs of the chosen teams and owners: how many, what Hex bills for their compute, a lower "
                    "bound, and what they are worth by your configuration, which no one bills.",
                    normal="in step with last week's at the same weekday.",
                    act="A rise: more runs, or longer runs. See **Runs**.",
                ),
                [
                    Query(f"sum({chosen(_RUNS)})", "runs", {"unit": COUNT, "decimals": 0}),
                    Query(cost, "billed compute"),
                    Query(estimate, "own estimate"),
                ],
                unit=USD,
                empty="Not known",
                decimals=2,
                named=True,
                size=32,
            ),
        ),
        (
            5,
            figure(
                5,
                "Cost per view",
                about(
                    "This week's billed compute, and your own estimate, over the app views of 7 days.",
                    normal="cents. Early in the week it reads low: the views are those of 7 whole days.",
                    act="Dollars: results are refreshed far more often than they are read. See **Schedules**.",
                ),
                [Query(f"{one} / ({views} > 0)", kind) for kind, one in (("billed", cost), ("estimate", estimate))],
                unit=USD,
                empty="Not known",
                decimals=3,
                named=True,
            ),
        ),
    ]


def _with_sum(week: str) -> str:
    """The components of the bill, their sum, and apart from it the own estimate: as rows of one table."""
    name, billed = f"hex_cost_{week}_usd", 'component=~"seats|compute|ai_credits"'
    total = f"sum by (workspace) ({gauge(name, billed)})"
    whole, at_least = (
        f'label_replace({total} {condition} on (workspace) {_LACKING}, "component", "billed, {words}", "", "")'
        for condition, words in (("unless", "their sum"), ("and", "at least"))
    )
    return f"{gauge(name)} or {whole} or {at_least}"


_NAMES = {"ai_credits": "AI credits", "own_estimate": "own estimate", "warehouse": "warehouses' bill"}


def _components() -> Any:
    this, before = _with_sum("week"), _with_sum("previous_week")
    return table(
        7,
        "By component, all teams",
        about(
            "The week's cost by component and their sum, the bill. Hex bills seats, compute (a lower bound) and AI "
            "credits. `own_estimate` is what runs and warehouse minutes cost by your own configuration: no one bills "
            "it. `Change` is against last week at the same moment, where Prometheus knows it.",
            normal="seats are the largest part; the others grow towards last week's figure until the week is over.",
            act="Seats: see **Seats** for idle ones. Compute: the projects below. AI credits: who uses the agents.",
        ),
        f"{this} or {before}",
        [
            Column("Component", label="component", properties={"custom.minWidth": 150} | called(_NAMES)),
            Column("This week", expr=this, unit=USD, width=150, properties=meter()),
            Column("Last week", expr=before, unit=USD, width=95),
            Column(
                "Change",
                expr=f"{gauge('hex_cost_week_usd')} - {gauge('hex_cost_week_usd', offset='1w', last='2h')}",
                unit=USD,
                width=95,
                properties=tinted((PLAIN, None), (WARN, 1), (BAD, 50)),
            ),
        ],
        empty=_UNPRICED,
        sort_by="This week",
    )


def _trend() -> Any:
    return curve(
        8,
        "Each whole week, all teams",
        about(
            "What the week before had cost at each moment, by component, one upon the other: a step is a week. "
            "Without seats, which do not depend on use. Adjustments of a closed week are included.",
            normal="steps of the same height.",
            act="A step up: look for the project below with the largest change.",
        ),
        [Query(gauge("hex_cost_previous_week_usd", 'component!="seats"', ahead=True), "{{component}}")],
        unit=USD,
        decimals=2,
        empty="Not known in this time",
        draw="steps",
        stacked=True,
        area=True,
        colors=COMPONENTS,
    )


def _basis() -> Any:
    share = {one: gauge("hex_cost_basis_ratio", f'basis="{one}"') for one in ("exact", "configured", "assumed")}
    return figure(
        13,
        "This week's run minutes priced by, all teams",
        about(
            "Compute costs by the profile that the version that ran is published with, which its export shows. "
            "`compute.profiles` in the configuration always applies; where neither says, a profile is assumed.",
            normal="nearly all by their own version, within hours of the first start.",
            act="Much assumed: the token may not export projects (see the top), or versions are still being read.",
        ),
        [
            Query(share["exact"], "their own version"),
            Query(share["configured"], "configuration"),
            Query(share["assumed"], "an assumed profile"),
        ],
        unit="percentunit",
        empty="Not known",
        named=True,
    )


def _sessions() -> Any:
    return _money(
        14,
        "App sessions, 7 days, all teams",
        about(
            "At most: Hex bills sessions of apps and notebooks and shows none of them, so compute on this board is a "
            "lower bound. This is an estimate from above of what apps that rerun for each viewer add: each view as "
            "long as a usual run and the idle timeout. It is in no other figure. Notebook sessions have no bound: the "
            "API shows neither their number nor their length.",
            normal="small against compute.",
            act="More than compute: see **Savings** for apps that rerun without a cached result.",
        ),
        gauge("hex_app_sessions_7d_usd"),
        empty="Not known",
    )


def _projects() -> Any:
    amounts = " or ".join(f"{one} > 0" for one in (_WEEK, _BEFORE, _ESTIMATE, _ESTIMATE_BEFORE))
    priced = f"and on (workspace, project_id) ({amounts})"
    return table(
        9,
        "Projects",
        about(
            "Billed compute (a lower bound) and, beside it, your own estimate by project of the chosen teams and "
            "owners, with their app views.",
            normal="the projects that cost most are viewed most.",
            act="Costly and never viewed (an empty `Estimate per view`): switch its schedule off. Click a project.",
        ),
        f"{projects()} {priced}",
        [
            project_column(),
            PROJECT_ID,
            Column("Owner", label="owner", width=222),
            Column("Team", label="team", width=86),
            Column("Billed", expr=_WEEK, unit=USD, width=85),
            Column("Billed last week", expr=_BEFORE, unit=USD, width=82),
            Column("Estimate", expr=_ESTIMATE, unit=USD, width=105, properties=meter()),
            Column("Estimate last week", expr=_ESTIMATE_BEFORE, unit=USD, width=90),
            Column("Runs", expr=f"{_RUNS} {priced}", width=60, properties={"decimals": 0}),
            Column("Views, 7 days", expr=f"{_VIEWS} {priced}", width=65, properties={"decimals": 0}),
            Column(
                "Estimate per view",
                expr=f"{_ESTIMATE} / ({_VIEWS} > 0)",
                unit=USD,
                width=85,
                properties=tinted((PLAIN, None), (NOTE, 0.5), (BAD, 2)),
            ),
        ],
        empty=_UNPRICED,
        sort_by="Estimate",
        needs="title",
    )


def _whose(id: int, label: str, name: str) -> Any:
    def by(expr: str) -> str:
        return f'label_replace(sum by (workspace, {label}) ({named(expr, label)}), "{label}", "none", "{label}", "")'

    return table(
        id,
        f"By {name}",
        about(
            f"This week's runs by {name}: billed compute, your own estimate, and how many they are.",
            normal="in proportion to what each gets out of it.",
            act=f"Choose one {name} at the top of the board to see only its projects.",
        ),
        by(_RUNS),
        [
            Column(name.capitalize(), label=label, properties={"custom.minWidth": 222}),
            Column("Billed", expr=by(_WEEK), unit=USD, width=100, properties=meter()),
            Column("Estimate", expr=by(_ESTIMATE), unit=USD, width=110, properties=meter()),
            Column("Runs", expr=by(_RUNS), width=72),
        ],
        empty="Not known",
        sort_by="Billed",
        then_by="Runs",
    )


BOARD = board(
    "hex-cost",
    "What do we pay for?",
    [
        header("runs", "prices", "users", "threads", "exports"),
        (4, _figures()),
        (4, [(16, _basis()), (8, _sessions())]),
        (8, [(12, _components()), (12, _trend())]),
        (12, [(24, _projects())]),
    ],
    [
        Section("By team and owner", [(9, [(12, _whose(10, "team", "team")), (12, _whose(11, "owner", "owner"))])]),
        Section("Contract, all teams", [(8, [(24, contract())])], collapsed=True),
        Section(
            "Plans and AI credits, all teams",
            [(8, [(12, credits_by_user()), (12, plans())]), (8, [(12, credit_days()), (12, credits_of_month())])],
            collapsed=True,
        ),
    ],
    variables=[chosen_variable(*one) for one in TEAM_AND_OWNER],
    time=("now-30d", "now"),
)
