"""The import against the real programs: what the traps of backfilling cost, measured to be nothing."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from helpers.history_server import create_blocks, serving, until
from history_world import DAY_MS, HOUR_MS, learn

from exporter.config import Workspace
from exporter.facts import Run
from exporter.history import Written, history, read_past, span_of
from exporter.metrics import Collector, Status

pytestmark = pytest.mark.integration

GENERATIONS = pytest.mark.parametrize(
    ("prometheus", "promtool"), [(suite, suite) for suite in ("bookworm", "trixie", "sid")], indirect=True
)
MINUTE_MS = 60_000
LIVE_MS = 30 * HOUR_MS
TARGET = 'job="hex",instance="localhost:9891"'


def some_runs(historian: Any) -> list[Run]:
    """Two projects, one every hour and one every seven, before first contact and after."""
    first_ms = historian.contact_ms - 12 * DAY_MS
    last_ms = historian.contact_ms + LIVE_MS
    return [
        historian.run(f"{project_id}-{start_ms}", start_ms, 50_000, project_id=project_id)
        for project_id, step_ms in (("p1", HOUR_MS), ("p2", 7 * HOUR_MS))
        for start_ms in range(first_ms, last_ms, step_ms)
    ]


def live(historian: Any, runs: Sequence[Run]) -> str:
    """What Prometheus would have scraped each minute since first contact: counters from 0, and the projects' names."""
    times = range(historian.contact_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS, historian.contact_ms + LIVE_MS, MINUTE_MS)
    lines = ["# TYPE hex_runs counter\n"]
    for project_id in ("p1", "p2"):
        ends = [run.end_ms for run in runs if run.project_id == project_id and run.end_ms >= historian.contact_ms]
        labels = f'workspace="acme",project_id="{project_id}",trigger="scheduled",status="completed",{TARGET}'
        head = f"hex_runs_total{{{labels}}}"
        lines += [f"{head} {sum(end_ms <= at_ms for end_ms in ends)} {at_ms // 1000}\n" for at_ms in times]
    lines.append("# TYPE hex_project_info gauge\n")
    [snapshot] = Collector(historian.ledger, Status()).snapshots(historian.config, historian.contact_ms)
    infos = [line for line in historian.text(days=1).splitlines() if line.startswith("hex_project_info{")]
    assert snapshot.members == {"p1", "p2"}
    for head in dict.fromkeys(line.rsplit(" ", 2)[0] for line in infos):
        lines += [f"{head} 1 {at_ms // 1000}\n" for at_ms in times]
    return "".join([*lines, "# EOF\n"])


@GENERATIONS
def test_increase_over_the_seam_is_the_ledgers(
    historian: Any, prometheus: Path, promtool: Path, tmp_path: Path
) -> None:
    """Whatever window lies over first contact: within one of the runs that ended in it, and joined to their names."""
    runs = some_runs(historian)
    historian.learn([run for run in runs if run.start_ms is not None and run.start_ms < historian.contact_ms])
    create_blocks(promtool, historian.text(), tmp_path / "p")
    create_blocks(promtool, live(historian, runs), tmp_path / "p")

    with serving(prometheus, tmp_path / "p") as server:
        seam_ms = historian.contact_ms
        for hours in (2, 5, 24, 71, 168, 240):
            for after_ms in (5 * MINUTE_MS, HOUR_MS - 3 * MINUTE_MS, 20 * HOUR_MS, 29 * HOUR_MS):
                end_ms = seam_ms + after_ms
                start_ms = end_ms - hours * HOUR_MS
                if start_ms > seam_ms:
                    continue
                for project_id in ("p1", "p2"):
                    known = sum(run.project_id == project_id and start_ms < run.end_ms <= end_ms for run in runs)
                    query = f'sum(increase(hex_runs_total{{project_id="{project_id}"}}[{hours}h]))'
                    found = server.value(query, end_ms)
                    assert found == pytest.approx(known, abs=1.0), (project_id, hours, after_ms)

        named = "on (workspace, project_id) group_left (title) hex_project_info"
        joined = f"sum by (title) (increase(hex_runs_total[3h]) * {named})"
        span = {"start": (seam_ms - 2 * DAY_MS) / 1000, "end": (seam_ms + LIVE_MS) / 1000 - 60, "step": 3600}
        for query in (joined, joined.replace("on (workspace", "on (job, instance, workspace")):
            answer = server.ask("query_range", query=query, **span)
            assert answer["result"], query


@GENERATIONS
def test_prometheus_shows_what_was_written(historian: Any, prometheus: Path, promtool: Path, tmp_path: Path) -> None:
    """Not one sample is dropped on the way: those of every family are counted again."""
    runs = some_runs(historian)
    historian.learn([run for run in runs if run.start_ms is not None and run.start_ms < historian.contact_ms])
    samples = historian.samples()
    create_blocks(promtool, historian.text(), tmp_path / "p")

    with serving(prometheus, tmp_path / "p") as server:
        for name, by_labels in samples.items():
            written = sum(map(len, by_labels.values()))
            query = f'sum(count_over_time({name}{{job="hex",instance="localhost:9891"}}[20d]))'
            assert server.value(query, historian.contact_ms) == written, name


@GENERATIONS
def test_other_jobs_keep_their_samples_over_import_and_restart(
    historian: Any, prometheus: Path, promtool: Path, tmp_path: Path
) -> None:
    """Imported into a Prometheus that has been scraping others, first contact being a moment ago."""
    now_ms = round(time.time() * 1000)
    historian.contact_ms = now_ms - 1_000
    historian.learn([historian.run(str(ago), now_ms - ago * HOUR_MS) for ago in range(1, 100)])
    text = historian.text(now_ms=now_ms)
    jobs = [{"job_name": "other", "scrape_interval": "1s", "metrics_path": "/metrics"}]
    kept = 'count_over_time(up{job="other"}[10m])'

    def samples(server: Any) -> float:
        return server.value(kept, round(time.time() * 1000)) or 0

    with serving(prometheus, tmp_path / "p", jobs) as server:
        until(lambda: samples(server) >= 5)
        create_blocks(promtool, text, tmp_path / "p")
        before = samples(server)
    with serving(prometheus, tmp_path / "p", jobs) as server:
        newest_ms = max(int(line.rsplit(" ", 1)[1]) for line in text.splitlines() if not line.startswith("#")) * 1000
        runs = server.value("sum(hex_runs_total)", newest_ms)

        assert samples(server) >= before
        assert runs == 99


def test_two_workspaces_are_one_import(historian: Any, promtool: Path, tmp_path: Path) -> None:
    """Families stay whole when more than one workspace has a past."""
    names = ("acme", "beta")
    historian.configure(workspaces=tuple(Workspace(name=name) for name in names))
    for name in names:
        runs = [historian.run(f"{name}-{hour}", historian.contact_ms - hour * HOUR_MS) for hour in range(1, 60)]
        learn(historian.ledger.workspace(name), [historian.project()], runs, historian.contact_ms)
    pasts = []
    for snapshot in Collector(historian.ledger, Status()).snapshots(historian.config, historian.contact_ms):
        oldest_ms = historian.contact_ms - 59 * HOUR_MS
        span = span_of(historian.contact_ms, oldest_ms, historian.contact_ms + DAY_MS, 90)
        assert span is not None
        ledger = historian.ledger.workspace(snapshot.name)
        pasts.append(read_past(ledger, snapshot, span, oldest_ms))

    text = "".join(history(pasts, job="hex", instance="i", count=Written()))

    assert text.count("# TYPE hex_runs counter\n") == 1
    assert {name for name in names if f'hex_runs_total{{workspace="{name}"' in text} == set(names)
    create_blocks(promtool, text, tmp_path / "p")
