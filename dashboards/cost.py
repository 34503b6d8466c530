"""Cost and plan: what do we pay for."""

from typing import Any

from dashboards.board import TEAM_AND_OWNER, board, chosen_variable
from dashboards.panels import (
    BAD,
    NOTE,
    PLAIN,
    PROJECT_ID,
    WARN,
    Column,
    Query,
    about,
    bars,
    curve,
    data_age,
    figure,
    meter,
    project_column,
    table,
    tinted,
)
from dashboards.promql import chosen, gauge, money, named, projects, views

USD = "currencyUSD"
COMPONENTS = {"seats": "blue", "compute": "purple", "ai_credits": "orange", "own_estimate": "text"}

_WEEK, _BEFORE = (money(f"hex_project_cost_{one}_money_usd", "billed") for one in ("week", "previous_week"))
_ESTIMATE = money("hex_project_cost_week_money_usd", "estimate")
_ESTIMATE_BEFORE = money("hex_project_cost_previous_week_money_usd", "estimate")
_RUNS = gauge("hex_project_week_runs")
_VIEWS = views("7d")
_UNPRICED = "No prices are configured: see `prices` in docs/configuration.md"


def _money(id: int, title: str, description: str, expr: str, *, empty: str = "No prices", decimals: int = 2) -> Any:
    return figure(id, title, description, [Query(expr)], unit=USD, empty=empty, decimals=decimals)


def _figures() -> list[tuple[int, Any]]:
    week, before = (money(f"hex_cost_{one}_money_usd", "billed") for one in ("week", "previous_week"))
    cost, estimate, views = (f"sum({chosen(one)})" for one in (_WEEK, _ESTIMATE, _VIEWS))
    return [
        (
            4,
            _money(
                1,
                "Bill of this week, so far",
                about(
                    "What Hex bills for the current week: seats for the whole week, compute and AI credits so far.",
                    normal="mostly seats. Compute is a lower bound: notebook sessions are not runs.",
                    act="See below which component grows.",
                ),
                week,
            ),
        ),
        (
            4,
            _money(
                2,
                "Bill of last week",
                about(
                    "The same for the whole week before; its seats are those of today.",
                    normal="a little above this week's until the week is over.",
                    act="Use it as the measure of what a week costs.",
                ),
                before,
            ),
        ),
        (
            4,
            _money(
                3,
                "Compute of this week",
                about(
                    "What Hex bills for the compute of the runs of the chosen teams and owners: a lower bound.",
                    normal="in step with last week's at the same weekday.",
                    act="Choose a team or owner above to see their part.",
                ),
                cost,
                empty="No run uses paid compute",
            ),
        ),
        (
            4,
            _money(
                4,
                "Own estimate of this week",
                about(
                    "What the runs of the chosen teams and owners are worth by your configuration. No one bills it.",
                    normal="in step with last week's at the same weekday.",
                    act="A rise: more runs, or longer runs. See **Runs**.",
                ),
                estimate,
                empty="No estimate is configured",
            ),
        ),
        (
            4,
            _money(
                5,
                "Estimate per view",
                about(
                    "This week's own estimate over the app views of 7 days: what a view is worth by it.",
                    normal="cents. Early in the week it reads low: the views are those of 7 whole days.",
                    act="Dollars: results are refreshed far more often than they are read. See **Schedules**.",
                ),
                f"{estimate} / ({views} > 0)",
                empty="No views, or no estimate",
                decimals=3,
            ),
        ),
        (4, data_age(6)),
    ]


def _components() -> Any:
    rows = f"{gauge('hex_cost_week_usd')} or {gauge('hex_cost_previous_week_usd')}"
    return table(
        7,
        "By component",
        about(
            "The week's cost by component. Hex bills seats, compute (a lower bound) and AI credits. `own_estimate` is "
            "what runs and warehouse minutes cost by your own configuration: no one bills it.",
            normal="seats are the largest part; the others grow towards last week's figure until the week is over.",
            act="Seats: see **Seats** for idle ones. Compute: the projects below. AI credits: who uses the agents.",
        ),
        rows,
        [
            Column("Component", label="component"),
            Column("This week", expr=gauge("hex_cost_week_usd"), unit=USD, width=190, properties=meter()),
            Column("Last week", expr=gauge("hex_cost_previous_week_usd"), unit=USD, width=120),
            Column(
                "Change",
                expr=f"{gauge('hex_cost_week_usd')} - {gauge('hex_cost_previous_week_usd')}",
                unit=USD,
                width=110,
                properties=tinted((PLAIN, None), (WARN, 1), (BAD, 50)),
            ),
        ],
        empty=_UNPRICED,
        sort_by="This week",
    )


def _trend() -> Any:
    return curve(
        8,
        "The week's cost as it grows",
        about(
            "Each component of the current week's cost without seats, which do not depend on use; it starts again each "
            "week.",
            normal="the same saw-tooth each week.",
            act="A steeper tooth than the last: look for the project below with the largest change.",
        ),
        [Query(gauge("hex_cost_week_usd", 'component!="seats"'), "{{component}}")],
        unit=USD,
        decimals=2,
        empty=_UNPRICED,
        colors=COMPONENTS,
    )


def _projects() -> Any:
    return table(
        9,
        "Projects",
        about(
            "Billed compute (a lower bound) and, beside it, your own estimate by project of the chosen teams and "
            "owners, with their app views.",
            normal="the projects that cost most are viewed most.",
            act="Costly and never viewed (an empty `Estimate per view`): switch its schedule off. Click a project.",
        ),
        f"{projects()} and on (workspace, project_id) "
        f"({_WEEK} > 0 or {_BEFORE} > 0 or {_ESTIMATE} > 0 or {_ESTIMATE_BEFORE} > 0)",
        [
            project_column(),
            PROJECT_ID,
            Column("Owner", label="owner", width=240),
            Column("Team", label="team", width=110),
            Column("Billed", expr=_WEEK, unit=USD, width=130, properties=meter()),
            Column("Billed last week", expr=_BEFORE, unit=USD, width=125),
            Column("Estimate", expr=_ESTIMATE, unit=USD, width=130, properties=meter()),
            Column("Estimate last week", expr=_ESTIMATE_BEFORE, unit=USD, width=140),
            Column("Runs", expr=_RUNS, width=80, properties={"decimals": 0}),
            Column("Views, 7 days", expr=_VIEWS, width=115, properties={"decimals": 0}),
            Column(
                "Estimate per view",
                expr=f"{_ESTIMATE} / ({_VIEWS} > 0)",
                unit=USD,
                width=135,
                properties=tinted((PLAIN, None), (NOTE, 0.5), (BAD, 2)),
            ),
        ],
        empty=_UNPRICED,
        sort_by="Estimate",
        needs="title",
        hidden=("workspace", "project_status", "url", "instance", "job", "__name__"),
    )


def _whose(id: int, label: str, name: str) -> Any:
    cost = named(gauge("hex_project_cost_week_money_usd"), label)
    whose = f'label_replace(sum by ({label}, money) ({cost}), "{label}", "none", "{label}", "")'
    return bars(
        id,
        f"By {name}",
        about(
            f"This week's runs by {name}: billed compute and, as bars apart, your own estimate; the ten largest.",
            normal="in proportion to what each gets out of it.",
            act=f"Choose one {name} at the top of the board to see only its projects.",
        ),
        [Query(f"sort_desc(topk(10, {whose} > 0))", f"{{{{{label}}}}}, {{{{money}}}}")],
        unit=USD,
        decimals=2,
        empty=_UNPRICED,
    )


def _plans() -> Any:
    return bars(
        12,
        "A month on each plan",
        about(
            "Today's seats, and last month's AI credits beyond theirs, billed on each plan. Compute costs the same.",
            normal="the plan you are on is the cheapest that has the features you need.",
            act="A cheaper plan: compare its features before you change; the prices are in the configuration.",
        ),
        [Query(f"sort_desc({gauge('hex_plan_month_usd')})", "{{plan}}")],
        unit=USD,
        decimals=2,
        empty=_UNPRICED,
    )


def _credits() -> Any:
    return bars(
        20,
        "AI credits by user, this week",
        about(
            "Who used AI credits this week, by when each thread grew: the ten largest. Hex shows no private threads.",
            normal="a few people use most.",
            act="Ask the first; a Task or an Eval that no one reads is ended by its creator. See **Savings**.",
        ),
        [Query(f"sort_desc(topk(10, {gauge('hex_ai_credits_week_by_user')} > 0))", "{{user}}")],
        unit="short",
        decimals=1,
        empty="AI threads cannot be read, or none was used",
    )


def _grants() -> Any:
    rows = "hex_ai_credits_month_granted"
    return table(
        21,
        "AI credits of this month",
        about(
            "What comes with the seats this month, what was used, what is left of each user's own grant (at most: "
            "private threads are not shown), and what has to be bought until the month ends at the pace of seven days.",
            normal="no top-ups; the first grant is gone late in the month, or never.",
            act="Top-ups ahead: see who uses most, and the runbook of HexAiGrantGone.",
        ),
        gauge(rows),
        [
            Column("Granted", expr=gauge("hex_ai_credits_month_granted"), width=100, properties={"decimals": 0}),
            Column("Used", expr=gauge("hex_ai_credits_month_used"), width=100, properties={"decimals": 0}),
            Column("Left", expr=gauge("hex_ai_credits_month_left"), width=100, properties={"decimals": 0}),
            Column("Beyond", expr=gauge("hex_ai_credits_month_beyond_grants"), width=100, properties={"decimals": 0}),
            Column("Top-ups ahead", expr=gauge("hex_ai_top_ups_expected"), width=120, properties={"decimals": 0}),
            Column("They cost", expr=gauge("hex_ai_top_ups_expected_usd"), unit=USD, width=110),
        ],
        empty="No plan in `prices.plan`, or AI threads cannot be read",
        sort_by="Used",
    )


def _credit_days() -> Any:
    return curve(
        22,
        "AI credits in seven days",
        about(
            "The last seven days against what they usually use: the median of the four such spans before.",
            normal="about the usual.",
            act="Twice the usual: something changed. See who, on the left.",
        ),
        [Query(gauge("hex_ai_credits_7d"), "seven days"), Query(gauge("hex_ai_credits_7d_usual"), "usual")],
        unit="short",
        empty="AI threads cannot be read",
    )


BOARD = board(
    "hex-cost",
    "What do we pay for?",
    [
        (4, _figures()),
        (8, [(12, _components()), (12, _trend())]),
        (12, [(24, _projects())]),
        (9, [(8, _whose(10, "team", "team")), (8, _whose(11, "owner", "owner")), (8, _plans())]),
        (8, [(8, _credits()), (8, _credit_days()), (8, _grants())]),
    ],
    variables=[chosen_variable(*one) for one in TEAM_AND_OWNER],
    time=("now-30d", "now"),
)
