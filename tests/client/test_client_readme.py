"""The lines of Python in README, run as they stand against a simulated workspace in the place of the demo's."""

import re
from pathlib import Path
from typing import Any

import pytest
import structlog
from helpers.running import ROOT
from helpers.serving import serving

from exporter.clock import SystemClock
from exporter.facts import Project, Run
from exporter.ledger import RunProgress, open_ledger
from exporter.simulator import RateLimits, Simulation, Tokens, create_app
from exporter.simulator.timeline import Timeline


@pytest.mark.integration
def test_the_first_call_runs_and_the_second_is_a_hit(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    planned = Timeline.plan
    monkeypatch.setattr(Timeline, "plan", lambda *known: planned(*known)._replace(outcome="completed"))
    structlog.reset_defaults()  # as in a program that has said nothing of logs
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    clock = SystemClock()
    simulation = Simulation(1, 40, clock=clock, run_seconds=0.1)
    project_id = next(
        one.project_id for one in simulation.projects if one.is_runnable and one.sort not in ("failing", "flaky")
    )
    demo = tmp_path / "demo.yml"
    with serving(create_app(simulation, limits=RateLimits.off(), tokens=Tokens(is_open=True))) as url:
        (tmp_path / "data.csv").write_text("1")
        demo.write_text(
            f"storage: {{url: 'sqlite:///{tmp_path}/ledger.db'}}\n"
            "sources: [{match: {title: '*'}, name: files, file: {paths: [data.csv]}}]"
        )
        _fill(f"sqlite:///{tmp_path}/ledger.db", project_id, clock)
        for before, after in (
            ("http://127.0.0.1:9890", url),
            ("e393c007-24bc-4ef7-a015-e9e213c28f30", project_id),
            ('"~/.local/state/hex-exporter/demo/demo.yml"', repr(str(demo))),
        ):
            assert before in code
            code = code.replace(before, after)
        assert sum(bool(line) for line in code.splitlines()) <= 12
        exec(compile(code, "README.md", "exec"), {})

    first, second, report = capsys.readouterr().out.splitlines()
    assert first.startswith("False completed ")
    assert second.startswith("True completed ")
    assert report.startswith(f"WeeklyReport(total_runs=1, by_project={{'{project_id}': 1}}, budget=500.0, left=499.0,")


def _fill(url: str, project_id: str, clock: SystemClock) -> None:
    """A ledger as an exporter leaves it: one project that ran once in this week."""
    now_ms = round(clock.now() * 1000)
    ledger = open_ledger(url, clock=clock)
    known = ledger.workspace("default")
    known.record_projects([Project(project_id=project_id, published_ms=1)], now_ms)
    progress = RunProgress(known_from_ms=0, known_until_ms=now_ms, last_read_ms=now_ms)
    run = Run(run_id="r", project_id=project_id, status="completed", start_ms=now_ms - 1, elapsed_ms=1)
    known.record_runs(project_id, [run], progress, now_ms)
    known.record_collector("projects", True, now_ms)
    ledger.close()
