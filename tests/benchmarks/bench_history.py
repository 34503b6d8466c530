"""The import of 90 days: what `hex-exporter history` writes, and what promtool makes of it.

Prints lines, bytes, seconds and the peak memory of both, for a simulated workspace of 40 projects and one of 1,000 (of
which 500 have series of their own). promtool is the one on the PATH, else the one that the tests have fetched; it reads
the whole file once for each block of ten days, and for 1,000 projects that is left out unless `--whole` is given.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from exporter.clock import SystemClock
from exporter.facts import Project
from exporter.ledger import RunProgress, open_ledger
from exporter.simulator import Simulation

ROOT = Path(__file__).resolve().parents[2]


class Yesterday(SystemClock):
    """First contact was a day ago."""

    def now(self) -> float:
        return super().now() - 86_400


def learn(url: str, projects: int) -> int:
    """Put the simulated past into a ledger, without the detour over HTTP; returns the number of runs."""
    clock = Yesterday()
    simulation = Simulation(1, projects, clock=clock)
    now_ms = simulation.now_ms
    ledger = open_ledger(url, clock=clock)
    workspace = ledger.workspace("bench")
    workspace.first_contact(now_ms)
    workspace.record_projects(
        [
            Project(
                project_id=project.project_id,
                title=project.title,
                owner=project.owner_email,
                created_ms=project.created_ms,
                published_ms=project.published_ms,
            )
            for project in simulation.projects
        ],
        now_ms,
    )
    workspace.choose_members(500, now_ms)
    workspace.record_collector("projects", True, now_ms)
    progress = RunProgress(known_until_ms=now_ms, known_from_ms=0, last_read_ms=now_ms)
    runs = 0
    for project in simulation.projects:
        listed = [run.seen(now_ms) for run in simulation.newest(project.project_id, now_ms)]
        workspace.record_runs(project.project_id, listed, progress, now_ms)
        runs += len(listed)
    ledger.close()
    return runs


def measured(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in MB of a program that is run to its end."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, command
    return time.monotonic() - began, usage.ru_maxrss / 1024


def promtool() -> str | None:
    """The newest at hand."""
    fetched = sorted((ROOT / ".cache" / "programs").glob("*/prom*/usr/bin/promtool"), key=lambda path: path.parts[-4])
    return shutil.which("promtool") or (str(fetched[-1]) if fetched else None)


def bench(projects: int, *, with_promtool: bool) -> None:
    """Print one block of figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = f"sqlite:///{folder / 'ledger.db'}"
        runs = learn(url, projects)
        config = folder / "config.yml"
        config.write_text(f'workspaces: [{{name: bench}}]\nstorage: {{url: "{url}"}}\nprices: {{run_usd: 0.05}}\n')
        file = folder / "history.om"
        seconds, peak = measured(
            [sys.executable, "-m", "exporter", "history", f"--config.file={config}", f"--output={file}"]
        )
        with file.open("rb") as text:
            lines = sum(block.count(b"\n") for block in iter(lambda: text.read(1 << 20), b""))
        print(f"{projects:>5,} projects, {runs:,} runs in 90 days: {lines:,} lines, {file.stat().st_size:,} bytes")
        print(f"      history   {seconds:7.1f} s {peak:7.0f} MB")
        tool = promtool() if with_promtool else None
        if tool is not None:
            blocks = ["create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=240h"]
            seconds, peak = measured([tool, "tsdb", *blocks, str(file), str(folder / "data")])
            size = sum(path.stat().st_size for path in (folder / "data").rglob("*"))
            print(f"      promtool  {seconds:7.1f} s {peak:7.0f} MB, {size:,} bytes in blocks")


if __name__ == "__main__":
    bench(40, with_promtool=True)
    bench(1000, with_promtool="--whole" in sys.argv)
