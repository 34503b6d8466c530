"""Savings: what can be switched off, and what has that brought?"""

from typing import Any

from dashboards.board import Section, board
from dashboards.board_header import header
from dashboards.panel_parts import COUNT, GOOD, NOTE, PLAIN, USD, WARN, Column, Query, about, called, link, tinted
from dashboards.panels import curve, figure, table
from dashboards.promql import WORKSPACE, age, gauge, growth, increase, or_none
from dashboards.savings_sums import KINDS, NO_AUDIT, by_kind, by_team, saves

BOARD_OF = {
    "project": "hex-project",
    "user": "hex-seats",
    "connection": "hex-connections",
    "plan": "hex-cost",
    "owner": "hex-schedules",
    "queries": "hex-connections",
}
"""The board with details, by the type of a finding's subject."""

_BY = "workspace, kind, subject"
_WRAPPED = {"type": "auto", "wrapText": True}
_OPEN = link("More on this", "${__data.fields.board}", project="${__data.fields.subject:percentencode}")

_KINDS_OF_MONEY = {
    f"{kind}, {one}": f"{name} ({one})" for kind, name in KINDS.items() for one in ("billed", "estimate")
}


_AUDITED = gauge("hex_findings_last_audit_timestamp_seconds")


def _figures() -> list[tuple[int, Any]]:
    judged = gauge("hex_findings_judged")
    return [
        (
            9,
            figure(
                1,
                "Could be saved a month",
                about(
                    "What acting on all findings would save a month: billed is what you would pay less; estimate is "
                    "what you would spend less of your own estimate, which no one bills. Nothing is counted twice.",
                    normal="small against the bill, which **Cost and plan** shows.",
                    act="Begin with the first line of the table: it is sorted by what you would pay less.",
                ),
                [
                    Query(f"sum by (money) ({gauge('hex_findings_saving_month_money_usd')})", "{{money}}"),
                    Query(f"sum({gauge('hex_findings_saving_month_runs')})", "runs", {"unit": COUNT, "decimals": 0}),
                ],
                named=True,
                unit=USD,
                decimals=2,
                empty=NO_AUDIT,
                links=[link("What is the bill?", "hex-cost")],
            ),
        ),
        (
            6,
            figure(
                3,
                "Realised, 30 days",
                about(
                    "Saved within 30 days, because someone acted: findings that disappeared together with their cost. "
                    "Billed is what Hex did not bill; estimate is your own.",
                    normal="grows whenever someone acts on a finding.",
                    act="Nothing.",
                ),
                [
                    Query(
                        f"sum by (money) ({increase('hex_findings_realised_money_usd_total', window='30d')})"
                        f" or 0 * sum by (money) ({gauge('hex_findings_saving_month_money_usd')})"
                        f' or on () label_replace(0 * {_AUDITED}, "money", "nothing", "", "")',
                        "{{money}}",
                    )
                ],
                named=True,
                unit=USD,
                decimals=2,
                empty=NO_AUDIT,
                steps=((GOOD, None),),
            ),
        ),
        (
            5,
            figure(
                4,
                "Findings",
                about(
                    "Findings of the last audit, without those that the configuration ignores, and the kinds that it "
                    "could not judge, because a scope, a price or a source is missing.",
                    normal="a handful, and every kind judged.",
                    act="Add what is wanted to `ignore`, with a reason. `hex-exporter audit` lists what kinds need.",
                ),
                [
                    Query(f"sum({gauge('hex_findings')})", "findings"),
                    Query(f"count({judged} == 0) or 0 * count({judged})", "not judged"),
                ],
                unit=COUNT,
                empty=NO_AUDIT,
                named=True,
            ),
        ),
        (
            4,
            figure(
                6,
                "Audit, ago",
                about(
                    "Time since the last audit.",
                    normal="within the hour.",
                    act="Older than six hours: HexAuditStale fires; the log of the exporter has the reason.",
                ),
                [Query(age("hex_findings_last_audit_timestamp_seconds"))],
                unit="s",
                empty=NO_AUDIT,
                steps=((PLAIN, None), (NOTE, 2 * 3600), (WARN, 6 * 3600)),
            ),
        ),
    ]


def _found() -> str:
    """Always 1: the top findings with the name of their subject, the board with details, and the address in Hex."""
    info = f"topk by ({_BY}) (1, hex_finding_info{{{WORKSPACE}}})"
    for kind, uid in BOARD_OF.items():
        info = f'label_replace({info}, "board", "{uid}", "subject_type", "{kind}")'
    address = f"topk by (workspace, project_id) (1, hex_project_info{{{WORKSPACE}}})"
    of_subject = f'max by (workspace, subject, url) (label_join({address}, "subject", "", "project_id"))'
    return f"{info} * on (workspace, subject) group_left (url) {of_subject} or on ({_BY}) {info}"


_THROUGH = 'kind="overlapping_connections"'
_BILLS, _ESTIMATE = 'money=~"billed|other"', 'money="estimate"'


def _order() -> str:
    """What findings are ranked by: their saving, or for overlapping connections the cost of their runs.

    What anyone bills comes first, the own estimate decides among what is billed alike, and runs where nothing has a
    price: hence the factors.
    """

    def ranked(metric: str, *matchers: str) -> str:
        bills, estimate = (gauge(metric, kind, *matchers) for kind in (_BILLS, _ESTIMATE))
        return f"sum by ({_BY}) ({bills} * 1e6 or {estimate})"

    through = ranked("hex_finding_cost_month_money_usd", _THROUGH)
    amount = f"({through} or {ranked('hex_finding_saving_month_money_usd')})"
    runs = f"{gauge('hex_finding_saving_month_runs')} / 1e6"
    return f"{amount} + ({runs} or 0 * {amount}) or {runs}"


def _ranked() -> Any:
    return table(
        8,
        "What to switch off, largest first",
        about(
            "The largest findings: what it is, what to do, what acting on it would save a month, and its "
            "team. Findings that overlap each show their whole saving, so that the column adds up to more "
            "than the figure above. The saving of a second connection to the same database is on the database's bill: "
            "such connections are ranked by the cost of what runs through them, which is no saving. Compute profiles "
            "and caches are judged by the settings of published versions (`collect.exports`).",
            normal="few lines, and none of them old.",
            act="Act on the first line. Its name links to the board with details, `In Hex` to where you change it.",
        ),
        _found(),
        [
            Column(
                "What",
                label="kind",
                properties=called(KINDS) | {"custom.minWidth": 107, "custom.cellOptions": _WRAPPED},
            ),
            Column(
                "Which",
                label="name",
                properties={"links": [_OPEN], "custom.minWidth": 196, "custom.cellOptions": _WRAPPED},
            ),
            Column(
                "What to do",
                label="action",
                properties={"custom.minWidth": 109, "custom.cellOptions": _WRAPPED},
            ),
            Column(
                "In Hex",
                label="url",
                width=48,
                properties={
                    "links": [{"title": "Open in Hex", "url": "${__value.raw}", "targetBlank": True}],
                    "mappings": [
                        {"type": "regex", "options": {"pattern": ".+", "result": {"text": "Open", "index": 0}}}
                    ],
                    "noValue": "–",
                },
            ),
            *saves("hex_finding_saving_month_money_usd", 85, 78),
            Column("Runs, less", expr=gauge("hex_finding_saving_month_runs"), unit=COUNT, width=60),
            Column("Runs through it", expr=gauge("hex_finding_cost_month_usd", _THROUGH), unit=USD, width=72),
            Column("Team", label="team", width=80, properties={"noValue": "–"}),
            Column(
                "Known for",
                expr=age("hex_finding_first_seen_timestamp_seconds"),
                unit="s",
                width=66,
                properties=tinted((PLAIN, None), (NOTE, 14 * 86400), (WARN, 60 * 86400)),
            ),
            Column("subject", label="subject", properties={"custom.hidden": True}),
            Column("board", label="board", properties={"custom.hidden": True}),
            Column("order", expr=_order(), properties={"custom.hidden": True}),
        ],
        empty="No finding is known",
        sort_by="Rank",
        descending=False,
        ranked_by="order",
    )


def _over_time() -> Any:
    return curve(
        11,
        "What could have been saved, over time",
        about(
            "What acting on the findings would have saved a month, by kind and kind of money, as each audit found it.",
            normal="falls when someone acts, and does not grow slowly.",
            act="A step up is one new finding: HexSavingsNew names it. Slow growth: copies, people who left.",
        ),
        [
            Query(
                f"sum by (kind, money) ({gauge('hex_findings_saving_month_money_usd', ahead=True)}) > 0",
                "{{kind}}, {{money}}",
            )
        ],
        unit=USD,
        decimals=0,
        empty="No saving in this time",
        draw="steps",
        area=True,
        names=_KINDS_OF_MONEY,
    )


_REALISED = 'money=~"billed|estimate"'
"""What findings save on other bills is not followed once they are gone."""


def _realised() -> Any:
    return curve(
        12,
        "Realised, day by day",
        about(
            "Dollars saved on each day by findings that disappeared together with their cost; for at most a year each.",
            normal="grows with every finding that someone acts on.",
            act="A fall: what was switched off is back, and the table above lists it again with its age.",
        ),
        [
            Query(
                or_none(
                    f"label_join(sum by (kind, money) ({growth('hex_findings_realised_money_usd_total', _REALISED)}), "
                    '"what", ", ", "kind", "money")',
                    f"0 * {gauge('hex_findings_last_audit_timestamp_seconds', ahead=True)}",
                    "what",
                ),
                "{{what}}",
            )
        ],
        unit=USD,
        decimals=2,
        empty="No audit in this time",
        draw="bars",
        min_step="1d",
        points=31,
        names=_KINDS_OF_MONEY,
    )


BOARD = board(
    "hex-savings",
    "What can be switched off, and what has that brought?",
    [
        header("audit", "prices", "users", "tables", "exports", "sources"),
        (4, _figures()),
        (15, [(24, _ranked())]),
    ],
    [
        Section("By team and by kind", [(7, [(24, by_team())]), (12, [(24, by_kind())])]),
        Section("Over time", [(9, [(12, _over_time()), (12, _realised())])], collapsed=True),
    ],
    time=("now-30d", "now"),
)
