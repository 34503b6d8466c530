"""The receivers and routes as an AlertmanagerConfig: what the Prometheus operator merges into an Alertmanager.

It has no files: what a message needs of the templates stands in the message, and a secret is a reference. Fields:
the operator's API reference, monitoring.coreos.com/v1alpha1.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from exporter.config import Week

SECRET = "hex-alertmanager"  # noqa: S105 - a name
"""The Secret with the keys of the receivers; a person makes it."""

_DEFINED = re.compile(r"\{\{-? *define \"([^\"]+)\" *-?\}\}(.*?)(?=\{\{/\*|\{\{-? *define |\Z)", re.S)
_COMMENT = re.compile(r"\{\{-?/\*.*?\*/-?\}\}", re.S)
_USED = re.compile(r"template \"([^\"]+)\"")
_MATCHER = re.compile(r"^\s*(\w+)\s*(=~|!~|!=|=)\s*\"(.*)\"\s*$")

_SECRET_FILES = {"routing_key_file": "routingKey", "api_url_file": "apiURL"}


def alertmanager_spec(config: str, templates: Mapping[str, str], week: Week | None) -> dict[str, Any]:
    """The spec of an AlertmanagerConfig that routes and notifies as the file `config` does.

    Receivers that no route names are left out, and so is what is for the Watchdog, which a cluster has already.
    """
    parsed = yaml.safe_load(config)
    routes = [route for route in parsed["route"]["routes"] if "Watchdog" not in str(route["matchers"])]
    route = {**parsed["route"], "routes": routes}
    used = {route["receiver"], *(one.get("receiver", route["receiver"]) for one in routes)}
    texts = _defined("\n".join(templates.values()))
    intervals = [_interval(one, week) for one in parsed["time_intervals"]]
    return {
        "route": _route(route),
        "receivers": [_receiver(one, texts) for one in parsed["receivers"] if one["name"] in used],
        "inhibitRules": [
            {
                "sourceMatch": _matchers(one["source_matchers"]),
                "targetMatch": _matchers(one["target_matchers"]),
                "equal": one["equal"],
            }
            for one in parsed["inhibit_rules"]
        ],
        "muteTimeIntervals": intervals,
    }


def _route(route: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in route.items():
        if key == "matchers":
            found["matchers"] = _matchers(value)
        elif key == "routes":
            found["routes"] = [_route(one) for one in value]
        else:
            found[_camel(key)] = value
    return found


def _matchers(written: Sequence[str]) -> list[dict[str, str]]:
    matchers = []
    for text in written:
        parts = _MATCHER.match(text)
        assert parts is not None, text
        matchers.append({"name": parts[1], "matchType": parts[2], "value": parts[3]})
    return matchers


def _receiver(receiver: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": receiver["name"]}
    for kind, configs in receiver.items():
        if kind != "name":
            found[_camel(kind)] = [_notifier(config, texts) for config in configs]
    return found


def _notifier(config: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in config.items():
        if key in _SECRET_FILES:
            found[_SECRET_FILES[key]] = {"name": SECRET, "key": value.rpartition("/")[2]}
        elif isinstance(value, Mapping):
            found[_camel(key)] = [{"key": name, "value": with_templates(text, texts)} for name, text in value.items()]
        else:
            found[_url(key)] = with_templates(value, texts) if isinstance(value, str) else value
    return found


def with_templates(text: str, texts: Mapping[str, str]) -> str:
    """The text with the definitions before it that it needs, of those in `texts`."""
    needed: list[str] = []
    waiting = _USED.findall(text)
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.append(name)
            waiting += _USED.findall(texts[name])
    return "".join(texts[name] for name in sorted(needed)) + text


def _defined(text: str) -> Mapping[str, str]:
    """Each definition by its name, from its beginning to its end, without the space around it."""
    text = _COMMENT.sub("", text)
    return {found[1]: found[0].strip() for found in _DEFINED.finditer(text)}


def _interval(interval: Mapping[str, Any], week: Week | None) -> dict[str, Any]:
    """The resource knows no time zone: the hours are given in UTC, month by month, as the zone has them in its middle.

    Where a zone changes its clocks within a month, the days before or after are an hour off.
    """
    parts = []
    for one in interval["time_intervals"]:
        zone = week.timezone if week is not None else one["location"]
        parts += [part for times in one["times"] for part in _in_utc(times, one["weekdays"], zone)]
    return {"name": interval["name"], "timeIntervals": parts}


def _in_utc(times: Mapping[str, str], weekdays: Sequence[str], zone: str) -> Iterator[dict[str, Any]]:
    assert weekdays == ["monday:friday"], weekdays
    months: dict[int, list[str]] = {}
    for month in range(1, 13):
        offset = datetime(datetime.now(UTC).year, month, 15, 12, tzinfo=ZoneInfo(zone)).utcoffset()
        assert offset is not None
        months.setdefault(round(offset.total_seconds() / 60), []).append(str(month))
    for minutes, of_months in months.items():
        start, end = (_minutes(times[key]) - minutes for key in ("start_time", "end_time"))
        for first, last, days in (
            (max(start, -1440), min(end, 0), "sunday:thursday"),
            (max(start, 0), min(end, 1440), "monday:friday"),
            (max(start, 1440), min(end, 2880), "tuesday:saturday"),
        ):
            if first < last:
                day = first // 1440 * 1440
                span = {"startTime": _clock(first - day), "endTime": _clock(last - day)}
                yield {"times": [span], "weekdays": [days], "months": of_months}


def _minutes(written: str) -> int:
    hours, _, minutes = written.partition(":")
    return int(hours) * 60 + int(minutes)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _url(key: str) -> str:
    """The operator writes some keys its own way."""
    return {"client_url": "clientURL", "api_url": "apiURL", "title_link": "titleLink"}.get(key, _camel(key))
