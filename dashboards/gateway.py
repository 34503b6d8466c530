"""Run gateway: which runs were not needed, and do clients wait for those that were?"""

from typing import Any

from dashboards.board import board
from dashboards.panels import (
    BAD,
    CALM,
    GOOD,
    NOTE,
    PLAIN,
    PROJECT_ID,
    TO_PROJECT_OF_SERIES,
    WARN,
    Column,
    Query,
    about,
    bars,
    curve,
    data_age,
    figure,
    link,
    meter,
    painted,
    project_column,
    table,
    tinted,
)
from dashboards.promql import age, gauge, increase, money, part_increase, titled

USD = "currencyUSD"
_OUTCOMES = {"hit": GOOD, "joined": "light-green", "miss": CALM, "bypass": "purple", "refused": BAD}
_NO_GATEWAY = "No gateway is configured"
_NO_SOURCE = "No source is configured: see `sources`"
_NO_REQUEST = "No run was requested in this time"
_DASHED = {"custom.lineStyle": {"fill": "dash", "dash": [8, 6]}, "custom.lineWidth": 1}


def _week(name: str, *matchers: str) -> str:
    """The growth of a counter by project in 7 days."""
    return f"sum by (workspace, project_id) ({increase(name, *matchers, window='7d')})"


_HITS, _LOOKUPS = _week("hex_cache_hits_total"), _week("hex_cache_lookups_total")
_CHECKED, _UNCHANGED = _week("hex_source_checked_runs_total"), _week("hex_source_unchanged_runs_total")


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
            "same run was active already, as a part of those for which the gateway looked for a result.",
            normal="as high as the data allows: hourly requests for data that changes daily give 95 %.",
            act="Low with many lookups: see `Projects at the gateway` for those without a source, and `Sources`.",
        ),
        [Query(f"sum({_HITS}) / (sum({_LOOKUPS}) > 0)")],
        unit="percentunit",
        empty="No lookups yet",
        links=[link("Which runs are these?", "hex-runs")],
    )
    lookups = figure(
        2,
        "Lookups, 7 days",
        about(
            "Run requests of 7 days for which the gateway looked for a result: the denominator of the hit rate.",
            normal="what your schedulers and scripts request.",
            act="0 although clients start runs: they still call Hex directly. Change their base URL.",
        ),
        [Query(f"sum({_LOOKUPS})")],
        unit="none",
        empty=_NO_GATEWAY,
    )
    saved = figure(
        3,
        "Runs saved, 7 days",
        about(
            "Run requests of 7 days that were answered without a run.",
            normal="many.",
            act="Nothing. They use neither the runs budget nor a kernel.",
        ),
        [Query(f"sum({_HITS})")],
        unit="none",
        empty=_NO_GATEWAY,
    )
    cost = figure(
        4,
        "They would have cost",
        about(
            "The runs saved in 7 days, each at the mean cost of its project's runs of this week and the last: billed "
            "compute, and your own estimate, which no one bills.",
            normal="its share of the compute cost of a week.",
            act="Compare it with **Cost and plan**.",
        ),
        [Query(f"sum({_saved_usd(kind)})", kind) for kind in ("billed", "estimate")],
        named=True,
        unit=USD,
        decimals=2,
        empty="No run has a price: see `prices`",
        links=[link("What does the rest cost?", "hex-cost")],
    )
    waits = figure(
        5,
        "429s absorbed",
        about(
            "429s of 7 days, and 503s for too many kernels, that the gateway waited out and no client saw.",
            normal="a few.",
            act="Many: `gateway.concurrency` exceeds the kernels, or another program uses the limit.",
        ),
        [Query(absorbed)],
        unit="none",
        empty=_NO_GATEWAY,
    )
    old = figure(
        6,
        "Old results",
        about(
            "Hits of 7 days whose run had been sent before the data changed, as found out later.",
            normal="0, always: HexGatewayStaleHit pages otherwise.",
            act="Follow its runbook.",
        ),
        [Query(stale)],
        unit="none",
        empty=_NO_GATEWAY,
        steps=((GOOD, None), (BAD, 0.5)),
    )
    return [(4, rate), (3, lookups), (4, saved), (4, cost), (3, waits), (3, old), (3, data_age(7))]


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
                f"sum by (outcome) ({increase('hex_gateway_requests_total', _matcher('outcome', outcome))})",
                "{{outcome}}",
                painted(color),
            )
            for outcome, color in _OUTCOMES.items()
        ],
        unit="none",
        empty=_NO_REQUEST,
        draw="bars",
        stacked=True,
        min_step="1h",
        points=84,
    )


def _rate() -> Any:
    hits, lookups = (f"sum({increase(f'hex_cache_{name}_total', window='24h')})" for name in ("hits", "lookups"))
    return curve(
        9,
        "Hit rate over 24 h, and lookups",
        about(
            "At each moment the hits of the last 24 h as a part of the lookups. Thin: how many lookups that were.",
            normal="level. A new client version or a failing source causes a step down.",
            act="A fall with as many lookups as before: the table below shows the project.",
        ),
        [
            Query(f"{hits} / ({lookups} > 0)", "Hit rate", painted(GOOD) | {"custom.lineWidth": 3, "max": 1}),
            Query(
                lookups,
                "Lookups",
                painted("text")
                | {"unit": "none", "custom.lineWidth": 1, "custom.axisPlacement": "right", "decimals": 0},
            ),
        ],
        unit="percentunit",
        empty=_NO_REQUEST,
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
        titled(f"(round({_LOOKUPS}) > 0)"),
        [
            project_column(),
            PROJECT_ID,
            Column("Lookups", expr=f"round({_LOOKUPS})", width=140, properties=meter()),
            Column("Hits", expr=f"round({_HITS})", width=90),
            Column(
                "Hit rate",
                expr=f"{_HITS} / ({_LOOKUPS} > 0)",
                unit="percentunit",
                width=140,
                properties=meter(high=1, color=GOOD) | {"decimals": 0},
            ),
            Column("Run time saved", expr=_week("hex_cache_saved_seconds_total"), unit="s", width=130),
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
            Query(gauge("hex_gateway_queue_length"), "Waiting", painted(WARN) | {"custom.fillOpacity": 20}),
            Query(gauge("hex_gateway_active_runs"), "Running", painted(CALM)),
            Query(gauge("hex_gateway_active_runs_limit"), "May run", painted("text") | _DASHED),
        ],
        unit="none",
        empty=_NO_GATEWAY,
        draw="steps",
    )


def _waits() -> Any:
    buckets = part_increase("hex_gateway_queue_seconds", "bucket")
    return curve(
        12,
        "How long requests waited",
        about(
            "From a run request's arrival until it was sent to Hex: half of them waited less than the dashed line, 19 "
            "in 20 less than the other.",
            normal="seconds.",
            act="Near `gateway.queue.wait` (50 s unless set): clients are about to be refused.",
        ),
        [
            Query(f"histogram_quantile(0.5, sum by (le) ({buckets}))", "half of them", painted(CALM) | _DASHED),
            Query(f"histogram_quantile(0.95, sum by (le) ({buckets}))", "19 in 20", painted(CALM)),
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
        "What Hex was spared, and what it refused",
        about(
            "Reads that the gateway answered itself: `remembered` a final state, `recent` one read a moment ago, "
            "`shared_page` one page for all runs of a project; and the refusals that it waited out.",
            normal="mostly polls of clients.",
            act="Growing refusals: **API and exporter** shows what else sends requests.",
        ),
        [
            Query(f"sum by (reason) ({increase('hex_gateway_saved_calls_total')})", "{{reason}}"),
            Query(f"sum by (reason) ({increase('hex_gateway_absorbed_total')})", "{{reason}}"),
        ],
        unit="none",
        empty="Nothing was read through the gateway in this time",
        draw="bars",
        stacked=True,
        min_step="1h",
        points=84,
        colors={"rate_limit": BAD, "kernel_limit": WARN},
    )


def _sources() -> Any:
    projects, known, unknown = (
        f"max by (workspace, source) ({gauge('hex_source_projects', *matchers)})"
        for matchers in ((), (_matcher("state", "known"),), (_matcher("state", "unknown"),))
    )
    states = {"0": ("Fails", BAD), "1": ("Works", GOOD)}
    options = {
        value: {"text": text, "color": color, "index": index}
        for index, (value, (text, color)) in enumerate(states.items())
    }
    return table(
        14,
        "Sources",
        about(
            "Each configured source: whether its last probe succeeded, for how many projects the state is known, and "
            "the age of the last success (for a source per project: of the oldest).",
            normal="every source works, and its age is below its interval.",
            act="Fails: every request for its projects starts a run. The log of the exporter has the reason.",
        ),
        projects,
        [
            Column("Source", label="source", properties={"custom.minWidth": 110}),
            Column(
                "Last probe",
                expr=gauge("hex_source_success"),
                width=100,
                properties={
                    "mappings": [{"type": "value", "options": options}],
                    "custom.cellOptions": {"type": "color-text"},
                },
            ),
            Column("Projects known", expr=known, width=125),
            Column(
                "Unknown",
                expr=unknown,
                width=115,
                properties=tinted((PLAIN, None), (WARN, 1)),
            ),
            Column("Last success, ago", expr=age("hex_source_last_success_timestamp_seconds"), unit="s", width=110),
        ],
        empty=_NO_SOURCE,
        sort_by="Unknown",
    )


def _repeated() -> Any:
    share = f"sum({_UNCHANGED}) / (sum({_CHECKED}) > 0)"
    return figure(
        15,
        "Repeated unchanged data, 7 days",
        about(
            "Of the runs of 7 days whose source state is known, the part that repeated unchanged data, "
            "whoever started them. Hits are not among them: they start no run.",
            normal="low where runs go through the gateway; the rest is what it would save.",
            act="See beside it which projects these are.",
        ),
        [Query(share)],
        unit="percentunit",
        empty="No checked run yet",
        steps=((GOOD, None), (NOTE, 0.3), (WARN, 0.6)),
    )


def _unviewed() -> Any:
    return figure(
        16,
        "Unviewed runs, 7 days",
        about(
            "Scheduled and refresh runs of 7 days whose result no one had viewed before the next run: an estimate "
            "that needs neither a gateway nor a source.",
            normal="less than half of the scheduled runs.",
            act="Open **Schedules**: it shows the projects.",
        ),
        [Query(f"sum({_week('hex_unviewed_runs_total')})")],
        unit="none",
        empty="Known after two runs of a project",
        links=[link("Which schedules are these?", "hex-schedules")],
    )


def _would_save() -> Any:
    unchanged = titled(f"(round({_UNCHANGED}) > 0)")
    return bars(
        17,
        "What the gateway would save: runs that repeated unchanged data, 7 days",
        about(
            "Observed runs of 7 days that repeated unchanged data, by project, the twelve largest.",
            normal="short bars.",
            act="Send these run requests through the gateway, or schedule them as rarely as their data "
            "changes. Click a bar for its project.",
        ),
        [Query(f"sort_desc(topk(12, {unchanged}))", "{{title}}")],
        unit="none",
        empty="No checked run repeated unchanged data in 7 days",
        steps=((NOTE, None),),
        links=[TO_PROJECT_OF_SERIES],
    )


def _matcher(label: str, value: str) -> str:
    return f'{label}="{value}"'


BOARD = board(
    "hex-gateway",
    "Which runs were not needed, and do clients wait for those that were?",
    [
        (4, _figures()),
        (9, [(12, _outcomes()), (12, _rate())]),
        (10, [(24, _projects())]),
        (9, [(8, _queue()), (8, _waits()), (8, _spared())]),
        (5, [(12, _sources()), (6, _repeated()), (6, _unviewed())]),
        (9, [(24, _would_save())]),
    ],
)
