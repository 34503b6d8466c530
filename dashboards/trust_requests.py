"""API and exporter: the requests to Hex, those that were rate-limited or failed, and how long they took."""

from typing import Any

from dashboards.panel_parts import BAD, COUNT, NOTE, Query, about
from dashboards.panels import curve
from dashboards.promql import bucket_increase, gauge, growth, increase, or_none


def requests() -> Any:
    """Requests to Hex by endpoint, against what is allowed."""
    return curve(
        8,
        "Requests an hour, planned and allowed",
        about(
            "Requests of the hour before each point by endpoint, what polling has planned, and what is allowed.",
            normal="the areas stay below the dashed plan, and the plan below the red line.",
            act="The plan above the red line: projects will be read late. Raise `rate_limit.share`.",
        ),
        [
            Query(f"sum by (endpoint) ({increase('hex_api_requests_total', window='1h')}) > 0", "{{endpoint}}"),
            Query(
                gauge("hex_api_planned_requests_per_hour"),
                "planned",
                _line(NOTE, dashed=True),
            ),
            Query(gauge("hex_api_allowed_requests_per_hour"), "allowed", _line(BAD)),
        ],
        unit=COUNT,
        empty="Not known in this time",
        stacked=True,
        area=True,
    )


def _line(color: str, *, dashed: bool = False) -> dict[str, Any]:
    line: dict[str, Any] = {
        "color": {"mode": "fixed", "fixedColor": color},
        "custom.fillOpacity": 0,
        "custom.lineWidth": 2,
        "custom.stacking": {"mode": "none", "group": "B"},
    }
    return line | {"custom.lineStyle": {"fill": "dash", "dash": [8, 6]}} if dashed else line


def limited() -> Any:
    """Requests that Hex rate-limited, by endpoint."""
    return curve(
        9,
        "429 by endpoint",
        about(
            "Answers in each interval that said: too many requests.",
            normal="none.",
            act="Bars that return: which other program uses the workspace's limit at that hour?",
        ),
        [
            Query(
                or_none(
                    f"sum by (endpoint) ({growth('hex_api_rate_limited_total')}) > 0",
                    f"0 * max({gauge('hex_up', ahead=True)})",
                    "endpoint",
                ),
                "{{endpoint}}",
            )
        ],
        unit=COUNT,
        empty="Not known in this time",
        draw="bars",
        stacked=True,
        min_step="1m",
        points=100,
    )


def failures() -> Any:
    """Requests that failed otherwise, by endpoint and code."""
    return curve(
        10,
        "Requests that failed",
        about(
            "Requests in each interval without a usable answer, by status; 429 has its own panel.",
            normal="none.",
            act="401: the token. 403: its rights. 5xx, timeout, error: Hex or the network.",
        ),
        [
            Query(
                or_none(
                    f"sum by (code) ({increase('hex_api_requests_total', NOT_FINE, ahead=True)}) > 0",
                    f"0 * max({gauge('hex_up', ahead=True)})",
                    "code",
                ),
                "{{code}}",
            )
        ],
        unit=COUNT,
        empty="Not known in this time",
        draw="bars",
        stacked=True,
        min_step="1m",
        points=100,
    )


NOT_FINE = 'code!~"2..|429"'


def latency() -> Any:
    """How long Hex takes to answer."""
    buckets = bucket_increase("hex_api_request_duration_seconds")
    return curve(
        11,
        "How long Hex takes to answer",
        about(
            "The 95th percentile of the time to the last byte, by endpoint.",
            normal="below 2 seconds.",
            act="Slow: Hex is under load. Polling waits; counts are late, none is lost.",
        ),
        [Query(f"histogram_quantile(0.95, sum by (le, endpoint) ({buckets}))", "{{endpoint}}")],
        unit="s",
        decimals=None,
        empty="Not known in this time",
        min_step="1m",
        points=100,
        span_gaps=True,
        marks=True,
    )
