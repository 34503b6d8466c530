"""The past as OpenMetrics text with timestamps: one metric after the other, one series after the other, in time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import cast

from exporter.history import counter_samples, project_samples, warehouse_samples, workspace_samples
from exporter.history.budget_samples import budget_tracks
from exporter.history.past import Past
from exporter.history.series import Track
from exporter.metrics import METRICS, Distribution, Metric, written

_TRACKS: Mapping[str, Callable[[Past], Iterable[Track]]] = {
    "hex_runs_total": counter_samples.run_counts,
    "hex_workspace_runs_total": counter_samples.workspace_runs,
    "hex_run_seconds_total": counter_samples.run_seconds,
    "hex_run_duration_seconds": counter_samples.run_durations,
    "hex_runs_active": workspace_samples.active_runs,
    "hex_project_info": project_samples.project_infos,
    "hex_project_last_run_timestamp_seconds": project_samples.last_runs,
    "hex_project_week_runs": project_samples.week_runs,
    "hex_project_previous_week_runs": project_samples.previous_week_runs,
    "hex_project_cost_week_usd": project_samples.week_costs,
    "hex_project_cost_previous_week_usd": project_samples.previous_week_costs,
    "hex_project_cost_week_money_usd": project_samples.week_money,
    "hex_project_cost_previous_week_money_usd": project_samples.previous_week_money,
    "hex_project_warehouse_week_usd": warehouse_samples.project_week,
    "hex_project_warehouse_previous_week_usd": warehouse_samples.project_previous_week,
    "hex_warehouse_week_usd": warehouse_samples.warehouse_week,
    "hex_warehouse_previous_week_usd": warehouse_samples.warehouse_previous_week,
    "hex_cost_week_usd": workspace_samples.week_costs,
    "hex_cost_previous_week_usd": workspace_samples.previous_week_costs,
}


@dataclass(slots=True)
class Written:
    """How much has been written."""

    series: int = 0
    samples: int = 0


def history(pasts: Sequence[Past], *, job: str, instance: str, count: Written) -> Iterator[str]:
    """The text in pieces of one series at the most. `count` grows with it.

    `job` and `instance` are what Prometheus puts on the exporter's live series; without them nothing would join.
    """
    tracks: dict[str, list[Iterable[Track]]] = {name: [of(past) for past in pasts] for name, of in _TRACKS.items()}
    for past in pasts:
        for name, found in budget_tracks(past).items():
            tracks.setdefault(name, []).append(found)

    for name, parts in tracks.items():
        header = _header(METRICS[name])
        for track in (track for part in parts for track in part):
            first = track.samples_from
            if first is not None:
                yield header
                header = ""
                lines = _lines(track, first, (job, instance))
                count.series += _series(track.metric)
                count.samples += len(lines)
                yield "".join(lines)
    yield "# EOF\n"


def _header(metric: Metric) -> str:
    name = metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name
    return f"# TYPE {name} {metric.kind}\n"


def _series(metric: Metric) -> int:
    return len(metric.bounds) + 3 if metric.kind == "histogram" else 1


def _lines(track: Track, first: int, target: tuple[str, str]) -> list[str]:
    pairs = written(
        ",".join(f'{label}="%s"' for label in (*track.metric.labels, "job", "instance")), (*track.labels, *target)
    )
    at_ms, values = track.at_ms[first:], track.values[first:]
    if track.metric.kind == "histogram":
        return _distributions(track.metric, pairs, at_ms, cast("Sequence[Distribution]", values))
    head = f"{track.metric.name}{{{pairs}}}"
    return [
        f"{head} {value!r} {time_ms // 1000}\n"
        for time_ms, value in zip(at_ms, cast("Sequence[float]", values), strict=True)
        if not isnan(value)
    ]


def _distributions(metric: Metric, pairs: str, at_ms: Sequence[int], values: Sequence[Distribution]) -> list[str]:
    name = metric.name
    heads = [f'{name}_bucket{{{pairs},le="{bound}"}}' for bound in (*map(float, metric.bounds), "+Inf")]
    lines: list[str] = []
    for time_ms, value in zip(at_ms, values, strict=True):
        seconds = time_ms // 1000
        lines += [f"{head} {count} {seconds}\n" for head, count in zip(heads, value.buckets, strict=True)]
        lines.append(f"{name}_sum{{{pairs}}} {value.total!r} {seconds}\n")
        lines.append(f"{name}_count{{{pairs}}} {value.buckets[-1]} {seconds}\n")
    return lines
