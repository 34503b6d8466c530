"""Run gateway: which runs were not needed, and do clients wait for those that were?"""

from typing import Any

from dashboards.board import Section, board
from dashboards.board_header import header
from dashboards.gateway_sources import matcher, repeated, sources, triggers, would_save
from dashboards.panel_parts import (
    BAD,
    CALM,
    COUNT,
    GOOD,
    PLAIN,
    PROJECT_ID,
    USD,
    WARN,
    Column,
    Query,
    about,
    link,
    meter,
    painted,
    project_column,
)
from dashboards.panels import curve, figure, table
from dashboards.promql import (
    age,
    bucket_increase,
    gauge,
    growth,
    increase,
    money,
    none_without,
    or_none,
    or_none_without,
    titled,
)

_OUTCOMES = {"hit": GOOD, "joined": "light-green", "miss": CALM, "bypass": "purple", "refused": BAD}
_NO_REQUEST = "No run was requested in this time"
_DOLLARS = {"unit": USD, "decimals": 2}
_DASHED = {"custom.lineStyle": {"fill": "dash", "dash": [8, 6]}, "custom.lineWidth": 1}


_LOOKUPS, _HITS = gauge("hex_project_gateway_lookups_7d"), gauge("hex_project_gateway_hits_7d")
_HITS_OR_0 = f"{_HITS} or 0 * {_LOOKUPS}"
_ALL_LOOKUPS, _ALL_HITS = gauge("hex_gateway_lookups_7d"), gauge("hex_gateway_hits_7d")
_GATEWAY = "gateway"


def _of_two_weeks(this_week: str, week_before: str) -> str:
    return f"({gauge(this_week)} + {gauge(week_before)} or {gauge(this_week)})"


def _saved_usd(kind: str) -> str:
    """What the hits of each project would have cost in one kind of money, by the runs of this week and the last."""
    this_week, week_before = (money(f"hex_project_cost_{one}_money_usd", kind) for one in ("week", "previous_week"))
    runs = _of_two_weeks("hex_project_week_runs", "hex_project_previous_week_runs")
    return f"{_HITS} * on (workspace, project_id) (({this_week} + {week_before} or {this_week}) / ({runs} > 0))"


def _figures() -> list[tuple[int, Any]]:
    absorbed = f"sum({increase('hex_gateway_absorbed_total', window='7d')})"
    stale = f"sum({increase('hex_gateway_stale_hits_total', window='7d')})"
    rate = figure(
        1,
        "Hit rate, 7 days",
        about(
            "Run requests of 7 days that started no run, because the data had not changed since the last result or the "
            "same run was active already, as a part of those for which the gateway looked for a result: the lookups. "
            "And what they would have cost, each at the mean cost of its project's runs of this week and the last: "
            "billed compute, and your own estimate, which no one bills.",
            normal="as high as the data allows: hourly requests for data that changes daily give 95 %.",
            act="Low with many lookups: see `Projects at the gateway` for those without a source, and `Sources`. No "
            "lookups although clients start runs: they still call Hex directly. Change their base URL.",
        ),
        [
            Query(f"{_ALL_HITS} / ({_ALL_LOOKUPS} > 0)", "of lookups", {"unit": "percentunit", "decimals": 1}),
            Query(or_none_without(_GATEWAY, _ALL_HITS), "hits"),
            Query(or_none_without(_GATEWAY, _ALL_LOOKUPS), "lookups"),
            *(Query(f"sum({_saved_usd(kind)})", f"{kind}, saved", _DOLLARS) for kind in ("billed", "estimate")),
        ],
        unit=COUNT,
        empty="Not known",
        named=True,
        links=[link("Which runs are these?", "hex-runs")],
    )
    waits = figure(
        5,
        "429s absorbed, 7 days",
        about(
            "429s of 7 days, and 503s for too many kernels, that the gateway waited out and no client saw.",
            normal="a few.",
            act="Many: `gateway.concurrency` exceeds the kernels, or another program uses the limit.",
        ),
        [Query(or_none_without(_GATEWAY, absorbed))],
        unit=COUNT,
        empty="Not known",
    )
    old = figure(
        6,
        "Old results, 7 days",
        about(
            "Hits of 7 days whose run had been sent before the data changed, as found out later.",
            normal="0, always: HexGatewayStaleHit pages otherwise.",
            act="Follow its runbook.",
        ),
        [Query(or_none_without(_GATEWAY, stale))],
        unit=COUNT,
        empty="Not known",
        steps=((PLAIN, None), (BAD, 0.5)),
    )
    return [(12, rate), (6, waits), (6, old)]


def _outcomes() -> Any:
    return curve(
        8,
        "Run requests by outcome",
        about(
            "Green started no run: `hit` was answered from an earlier result, `joined` got a run that was active. "
            "Blue and purple started one: `miss` had no result to serve, `bypass` demanded a run. Red was refused.",
            normal="mostly green, blue when data has changed, no red.",
            act="Purple: a client sends `Cache-Control: no-cache` or wants notifications. Red: see the queue below.",
        ),
        [
            Query(
                or_none_without(
                    _GATEWAY, f"sum({growth('hex_gateway_requests_total', matcher('outcome', outcome))})", ahead=True
                ),
                outcome,
                painted(color),
            )
            for outcome, color in _OUTCOMES.items()
        ],
        unit=COUNT,
        empty=_NO_REQUEST,
        draw="bars",
        stacked=True,
        min_step="1h",
        points=84,
    )


def _rate() -> Any:
    return curve(
        9,
        "Hit rate over 7 days, and lookups",
        about(
            "At each moment the hits of the 7 days before as a part of the lookups. Thin: how many lookups that were.",
            normal="level. A new client version or a failing source brings it down.",
            act="A fall with as many lookups as before: the table below shows the project.",
        ),
        [
            Query(f"{_ALL_HITS} / ({_ALL_LOOKUPS} > 0)", "Hit rate", painted(GOOD) | {"custom.lineWidth": 3, "max": 1}),
            Query(
                or_none_without(_GATEWAY, _ALL_LOOKUPS),
                "Lookups",
                painted("text")
                | {"unit": COUNT, "custom.lineWidth": 1, "custom.axisPlacement": "right", "decimals": 0},
            ),
        ],
        unit="percentunit",
        empty="No lookups in this time",
        span_gaps=True,
    )


def _projects() -> Any:
    return table(
        10,
        "Projects at the gateway",
        about(
            "Every project for which clients requested runs at the gateway in 7 days, most first, and the saving. "
            "`Data changed` is when its source was last seen to change; a dash: no source, or no change seen yet.",
            normal="projects with many requests have a source and many hits.",
            act="Many lookups, few hits and a dash: give the project a source, or its policy an `unchanged_for`. "
            "Few hits with a source: its requests differ each time, or its data does change.",
        ),
        titled(f"({_LOOKUPS} > 0)"),
        [
            project_column(),
            PROJECT_ID,
            Column("Lookups", expr=_LOOKUPS, width=140, properties=meter()),
            Column("Hits", expr=_HITS_OR_0, width=90),
            Column(
                "Hit rate",
                expr=f"({_HITS_OR_0}) / ({_LOOKUPS} > 0)",
                unit="percentunit",
                width=140,
                properties=meter(high=1, color=GOOD) | {"decimals": 0},
            ),
            Column("Run time saved", expr=gauge("hex_project_gateway_saved_seconds_7d"), unit="s", width=130),
            Column("Billed, saved", expr=_saved_usd("billed"), unit=USD, width=110),
            Column("Estimate, saved", expr=_saved_usd("estimate"), unit=USD, width=120),
            Column("Data changed, ago", expr=age("hex_source_changed_timestamp_seconds"), unit="s", width=150),
        ],
        empty="No run was requested at a gateway in 7 days",
        sort_by="Lookups",
        needs="title",
    )


def _queue() -> Any:
    return curve(
        11,
        "Waiting and running",
        about(
            "Run requests that wait at the gateway, and active runs that it started; dashed: the limit of active runs.",
            normal="the queue fills on the hour and empties within minutes.",
            act="Long for hours: runs became slower, or there are more requests than the limit allows.",
        ),
        [
            Query(
                or_none_without(_GATEWAY, gauge("hex_gateway_queue_length")),
                "Waiting",
                painted(WARN) | {"custom.fillOpacity": 20},
            ),
            Query(or_none_without(_GATEWAY, gauge("hex_gateway_active_runs")), "Running", painted(CALM)),
            Query(gauge("hex_gateway_active_runs_limit"), "May run", painted("text") | _DASHED),
        ],
        unit=COUNT,
        empty="Not known",
        draw="steps",
    )


def _waits() -> Any:
    buckets = bucket_increase("hex_gateway_queue_seconds")
    return curve(
        12,
        "How long requests waited",
        about(
            "From a run request's arrival until it was sent to Hex: the median (p50) and the 95th percentile (p95).",
            normal="seconds.",
            act="Near `gateway.queue.wait` (50 s unless set): clients are about to be refused.",
        ),
        [
            Query(f"histogram_quantile(0.5, sum by (le) ({buckets}))", "p50", painted(CALM) | _DASHED),
            Query(f"histogram_quantile(0.95, sum by (le) ({buckets}))", "p95", painted(CALM)),
        ],
        unit="s",
        decimals=None,
        empty="No request had to wait in this time",
        min_step="1h",
        points=84,
        span_gaps=True,
    )


def _spared() -> Any:
    return curve(
        13,
        "What Hex was spared",
        about(
            "Reads that the gateway answered itself: `remembered` a final state, `recent` one read a moment ago, "
            "`shared_page` one page for all runs of a project; the refusals that it waited out; and the requests that "
            "a spent budget held back.",
            normal="mostly polls of clients.",
            act="Growing refusals: **API and exporter** shows what else sends requests.",
        ),
        [
            Query(
                or_none(
                    f"sum by (reason) ({growth('hex_gateway_saved_calls_total')})",
                    none_without(_GATEWAY, ahead=True),
                    "reason",
                ),
                "{{reason}}",
            ),
            Query(f"sum by (reason) ({growth('hex_gateway_absorbed_total')})", "{{reason}}"),
            Query(f"sum by (outcome) ({growth('hex_gateway_braked_total')})", "budget spent: {{outcome}}"),
        ],
        unit=COUNT,
        empty="Nothing was read through the gateway in this time",
        draw="bars",
        stacked=True,
        min_step="1h",
        points=84,
        colors={"rate_limit": BAD, "kernel_limit": WARN},
    )


BOARD = board(
    "hex-gateway",
    "Which runs were not needed, and do clients wait for those that were?",
    [
        header("gateway", "sources"),
        (4, _figures()),
        (8, [(6, repeated()), (18, would_save())]),
    ],
    [
        Section("Run requests", [(9, [(12, _outcomes()), (12, _rate())]), (8, [(24, _projects())])]),
        Section("Sources", [(6, [(24, sources())])], collapsed=True),
        Section("Triggers", [(4, [(24, triggers())])], collapsed=True),
        Section("Queue and waits", [(9, [(8, _queue()), (8, _waits()), (8, _spared())])], collapsed=True),
    ],
)
