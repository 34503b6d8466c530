"""API and exporter: can these numbers be trusted."""

from typing import Any

from dashboards.board import Section, board
from dashboards.board_header import header
from dashboards.panel_parts import BAD, CALM, COUNT, GOOD, NOTE, PLAIN, WARN, Column, Query, about, graded, tinted
from dashboards.panels import curve, figure, table
from dashboards.promql import WORKSPACE, age, gauge, increase
from dashboards.trust_requests import failures, latency, limited, requests
from exporter.view import FEATURES

_COOL = "hex_api_cooldown_until_timestamp_seconds"
_LAST = "hex_collector_last_success_timestamp_seconds"
_OWN = "and on (job, instance) hex_exporter_build_info"
"""Keeps, of what Prometheus records of every target, only the exporters."""


def _figures() -> list[tuple[int, Any]]:
    requests = f"sum({increase('hex_api_requests_total', window='1h')})"
    return [
        (
            3,
            figure(
                1,
                "Hex",
                about(
                    "Whether the last project listing was read completely.",
                    normal="Read.",
                    act="Not read: run `hex-exporter check`; it shows which request fails.",
                ),
                [Query(gauge("hex_up"))],
                unit=COUNT,
                empty="No exporter is scraped",
                mappings={"1": ("Read", GOOD), "0": ("Not read", BAD)},
                filled=True,
            ),
        ),
        (
            5,
            figure(
                3,
                "Runs known, ago",
                about(
                    "Every run of every published project is known up to this long ago: how late a count can be.",
                    normal="minutes. A project without any sign of a new run is read at least every six hours.",
                    act="Over 12 hours: HexRunsIncomplete fires; the log names the project that cannot be read.",
                ),
                [Query(age("hex_runs_complete_until_timestamp_seconds"))],
                unit="s",
                empty="The history is being read",
                steps=((GOOD, None), (NOTE, 6 * 3600), (BAD, 12 * 3600)),
            ),
        ),
        (
            4,
            figure(
                4,
                "Limit used",
                about(
                    "Requests of the last hour as a part of what the configured share of the rate limit allows.",
                    normal="below 80 %. While history is read, near 100 %.",
                    act="Always near 100 %: raise `rate_limit.share`, or leave out a collector.",
                ),
                [Query(f"{requests} / sum({gauge('hex_api_allowed_requests_per_hour')})")],
                unit="percentunit",
                empty="Not known",
                steps=((GOOD, None), (NOTE, 0.8), (WARN, 1.0)),
            ),
        ),
        (
            4,
            figure(
                5,
                "429s, 24 h",
                about(
                    "Answers of 24 hours that said 429, too many requests: the exporter's own and the gateway's.",
                    normal="0, or a few.",
                    act="Many: something else uses the same limit. Lower `rate_limit.share`.",
                ),
                [Query(f"sum({increase('hex_api_rate_limited_total', window='24h')})")],
                unit=COUNT,
                empty="Not known",
                steps=((GOOD, None), (NOTE, 1), (WARN, 50)),
            ),
        ),
        (
            4,
            figure(
                6,
                "Cool-down",
                about(
                    "How long the exporter still waits after a 429 of Hex. It sends no request before that.",
                    normal="none.",
                    act="Wait: it ends by itself, and a restart does not shorten it.",
                ),
                [Query(f"clamp_min({gauge(_COOL)} - time(), 0)")],
                unit="s",
                empty="None",
                mappings={"0": ("None", GOOD)},
                steps=((GOOD, None), (WARN, 1)),
            ),
        ),
        (
            4,
            figure(
                7,
                "Overdue",
                about(
                    "Projects whose runs should have been read by now and were not.",
                    normal="0.",
                    act="Stays above 0: fewer requests are allowed than planned; see the curves below.",
                ),
                [Query(gauge("hex_exporter_overdue_projects"))],
                unit=COUNT,
                empty="Not known yet",
                steps=((GOOD, None), (WARN, 1)),
            ),
        ),
    ]


def _collectors() -> Any:
    return table(
        12,
        "Collectors",
        about(
            "What is read from Hex: whether the last attempt was complete, and how old the last complete reading is.",
            normal="all are read. `not read` from the start: the token or the plan does not allow it.",
            act="One that was read and no longer is: see the log. Its figures disappear after `collect.max_age`.",
        ),
        gauge("hex_collector_success"),
        [
            Column("Collector", label="collector"),
            Column(
                "Last attempt",
                expr=gauge("hex_collector_success"),
                width=120,
                properties={
                    "custom.cellOptions": {"type": "color-text"},
                    "mappings": [
                        {
                            "type": "value",
                            "options": {
                                "1": {"text": "read", "color": GOOD, "index": 0},
                                "0": {"text": "not read", "color": BAD, "index": 1},
                            },
                        }
                    ],
                },
            ),
            Column(
                "Complete, ago",
                expr=age(_LAST),
                unit="s",
                width=140,
                properties=tinted((GOOD, None), (NOTE, 3600), (WARN, 6 * 3600)),
            ),
        ],
        empty="Nothing was read yet",
        sort_by="Complete, ago",
    )


def _backlog() -> Any:
    return curve(
        13,
        "What is still to be read",
        about(
            "Projects overdue now, and projects whose history has not been read back to its start.",
            normal="both reach 0 within minutes of the first start, on large workspaces within hours.",
            act="Growing overdue: compare planned with allowed requests above.",
        ),
        [
            Query(gauge("hex_exporter_overdue_projects"), "overdue"),
            Query(
                f"{gauge('hex_exporter_history_projects')} - {gauge('hex_exporter_history_projects_complete')}",
                "history not complete",
            ),
        ],
        unit=COUNT,
        empty="Nothing was read yet",
        draw="steps",
        colors={"overdue": WARN, "history not complete": CALM},
    )


def _memory() -> Any:
    return curve(
        14,
        "Memory of the exporter",
        about(
            "Resident memory of each exporter that is scraped.",
            normal="below 120 MB with 1,000 projects and 100,000 runs, and level.",
            act="A steady rise is a bug of the exporter: please report it.",
        ),
        [Query(f"max by (instance) (process_resident_memory_bytes {_OWN})", "{{instance}}")],
        unit="bytes",
        decimals=None,
        empty="No exporter is scraped",
    )


def _scrape() -> Any:
    return curve(
        15,
        "Time of a scrape",
        about(
            "How long Prometheus took to read the page of each exporter.",
            normal="milliseconds: the page is built before the scrape.",
            act="Tenths of a second: the machine or the network is busy.",
        ),
        [Query(f"max by (instance) (scrape_duration_seconds {_OWN})", "{{instance}}")],
        unit="s",
        decimals=None,
        empty="No exporter is scraped",
    )


def _exporters() -> Any:
    info = "max by (job, instance, version, python_version) (hex_exporter_build_info)"

    def own(metric: str) -> str:
        return f"max by (job, instance) ({metric})"

    return table(
        16,
        "Exporters",
        about(
            "Each exporter that Prometheus scrapes, of every workspace.",
            normal="one line, with a durable ledger.",
            act="Not durable: facts do not reach the disk; see `storage.url` and the log. Configuration refused: the "
            "previous one stays in use; the log names the line.",
        ),
        info,
        [
            Column("Instance", label="instance"),
            Column("Job", label="job", width=120),
            Column("Version", label="version", width=90),
            Column("Python", label="python_version", width=90),
            Column("Ledger", expr=own("hex_exporter_ledger_durable"), width=100, properties=_yes_no("durable", "lost")),
            Column(
                "Configuration",
                expr=own("hex_exporter_config_last_reload_successful"),
                width=115,
                properties=_yes_no("in use", "refused"),
            ),
            Column("Series", expr=own("hex_exporter_page_series"), width=85),
            Column("Up since, ago", expr=f"time() - {own(f'process_start_time_seconds {_OWN}')}", unit="s", width=115),
            Column(
                "Ledger since, ago",
                expr=f"time() - {own('hex_exporter_ledger_created_timestamp_seconds')}",
                unit="s",
                width=140,
            ),
        ],
        empty="No exporter is scraped",
        sort_by="Instance",
    )


def _features() -> Any:
    rows = f"max by (workspace, feature, state, needs) (hex_feature_state{{{WORKSPACE}}})"
    return table(
        19,
        "What is on",
        about(
            "Each feature, its state, and the key, scope or time that it needs. `off`: switched off. `not_configured`: "
            "a key is missing. `no_permission`: Hex refuses it to this token or plan. `failing`: the last attempt "
            "failed. `reading`: not read yet. `too_young`: there is not enough history.",
            normal="on, for all that you want.",
            act="Set the key, or grant the token the scope: docs/configuration.md has both.",
        ),
        rows,
        [
            Column("Feature", label="feature"),
            Column("State", label="state", width=125),
            Column("Needs", label="needs", properties={"custom.cellOptions": {"type": "auto", "wrapText": True}}),
        ],
        empty="No exporter is scraped",
        sort_by="State",
        descending=False,
    )


def _yes_no(yes: str, no: str) -> dict[str, Any]:
    texts = {"1": {"text": yes, "color": GOOD, "index": 0}, "0": {"text": no, "color": BAD, "index": 1}}
    return {"custom.cellOptions": {"type": "color-text"}, "mappings": [{"type": "value", "options": texts}]}


def _clock_and_token() -> Any:
    return figure(
        17,
        "Clock and token",
        about(
            "This machine's clock less the clock of Hex; and until the token expires, if it does.",
            normal="within two seconds, and weeks.",
            act="Minutes: set up NTP. Runs near the turn of the week may be counted in the wrong one. Token: make a "
            "new one in Hex in time, and replace the file: the exporter reads it again.",
        ),
        [
            Query(
                gauge("hex_exporter_clock_skew_seconds"),
                "clock skew",
                graded((WARN, None), (GOOD, -3), (WARN, 3)),
            ),
            Query(
                f"{gauge('hex_token_expiry_timestamp_seconds')} - time()",
                "token ends in",
                graded((BAD, None), (WARN, 7 * 86400), (PLAIN, 14 * 86400)),
            ),
        ],
        unit="s",
        empty="Hex has not answered yet",
        named=True,
    )


BOARD = board(
    "hex-exporter",
    "Can these numbers be trusted?",
    [
        header(*FEATURES, needs=False),
        (4, _figures()),
        (9, [(24, requests())]),
        (8, [(12, _features()), (12, _collectors())]),
        (4, [(24, _exporters())]),
    ],
    [
        Section(
            "Answers of Hex",
            [(7, [(5, _clock_and_token()), (6, limited()), (6, failures()), (7, latency())])],
        ),
        Section("The exporter", [(7, [(8, _backlog()), (8, _memory()), (8, _scrape())])], collapsed=True),
    ],
    time=("now-24h", "now"),
)
