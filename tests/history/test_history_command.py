"""`hex-exporter history`: what a person and a script see of it."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from history_world import DAY_MS, HOUR_MS, parsed

from exporter.cli import main

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def config(historian: Any, tmp_path: Path) -> Path:
    file = tmp_path / "config.yml"
    file.write_text(f'workspaces: [{{name: acme}}]\nstorage: {{url: "{historian.url}"}}\n')
    return file


@pytest.fixture
def command(config: Path) -> Command:
    """Runs `hex-exporter history` on the historian's ledger: here, as a process of its own begins with a second."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        line = ["history", f"--config.file={config}", *map(str, arguments)]
        done = CliRunner().invoke(main, line, prog_name="hex-exporter")
        return subprocess.CompletedProcess(line, done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def process(config: Path) -> Command:
    """The same, in a process of its own."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "exporter", "history", f"--config.file={config}", *map(str, arguments)]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, env={"PATH": ""})

    return run


@pytest.fixture
def runs(historian: Any) -> Any:
    return [historian.run(str(hour), historian.contact_ms - hour * HOUR_MS) for hour in range(1, 20 * 24)]


@pytest.mark.slow
def test_writes_to_standard_output_and_tells_on_standard_error(historian: Any, process: Command, runs: Any) -> None:
    historian.learn(runs)

    done = process()

    assert done.returncode == 0, done.stderr
    samples = parsed(done.stdout)
    assert done.stdout == historian.text()
    count = sum(len(values) for by_labels in samples.values() for values in by_labels.values())
    assert re.match(rf"About [\d,]+ samples: up to \d+ MB of text, in about 1 min.\n{count:,} samples of ", done.stderr)
    assert "with job='hex' and instance='localhost:9891', from " in done.stderr


@pytest.mark.slow
def test_works_beside_the_running_writer_and_leaves_no_file(
    historian: Any, process: Command, runs: Any, tmp_path: Path
) -> None:
    """The historian's ledger is open for writing, as it is in `serve`."""
    historian.learn(runs)
    before = sorted(path.name for path in tmp_path.iterdir())

    assert process("--days=3").returncode == 0
    historian.acme.set_value("still", "writable")

    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.slow
def test_works_on_a_quiet_ledger_and_leaves_no_file(
    historian: Any, command: Command, runs: Any, tmp_path: Path
) -> None:
    historian.learn(runs)
    historian.ledger.close()
    before = sorted(path.name for path in tmp_path.iterdir())

    assert command("--days=3").returncode == 0

    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.slow
def test_a_file_appears_once_it_is_whole(historian: Any, command: Command, runs: Any, tmp_path: Path) -> None:
    historian.learn(runs)
    target = tmp_path / "history.om"

    done = command(f"--output={target}", "--days=2", "--job=j", "--instance=i")

    assert (done.returncode, done.stdout) == (0, "")
    assert target.read_text().endswith("# EOF\n")
    assert all(',job="j",instance="i"' in line for line in target.read_text().splitlines() if line[0] != "#")
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.slow
def test_a_file_that_cannot_be_written_is_told(historian: Any, command: Command, runs: Any, tmp_path: Path) -> None:
    historian.learn(runs)

    done = command(f"--output={tmp_path / 'none' / 'history.om'}", "--days=2")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"hex-exporter: --output: {tmp_path}/none/history.om cannot be written (No such file or directory); "
        "name a file in a folder that this user may write to"
    )


@pytest.mark.slow
def test_no_ledger_is_told_in_a_sentence(command: Command, historian: Any, tmp_path: Path) -> None:
    historian.ledger.close()
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()

    done = command()

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"hex-exporter: {tmp_path}/ledger.db: no ledger here: start `hex-exporter serve` first, "
        "or set storage.url to the one that it keeps\n"
    )
    assert not list(tmp_path.glob("ledger.db*"))


@pytest.mark.slow
def test_a_ledger_without_a_past_is_told_in_a_sentence(command: Command, historian: Any, tmp_path: Path) -> None:
    historian.learn([], historian.project())

    done = command(f"--output={tmp_path / 'history.om'}")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"hex-exporter: {historian.url}: has no past to write: no run in it is older than three hours and than "
        "the first contact with Hex; let `hex-exporter serve` read the run history, then try again\n"
    )
    assert not (tmp_path / "history.om").exists()


@pytest.mark.slow
def test_history_that_is_not_read_yet_is_told(historian: Any, command: Command, runs: Any) -> None:
    historian.learn(runs, known_from_ms=historian.contact_ms - 2 * DAY_MS)

    done = command("--days=3", "--wait=1")

    assert done.returncode == 0
    assert "the history of 1 projects is not read yet" in done.stderr


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_trouble(historian: Any, config: Path, runs: Any) -> None:
    historian.learn(runs)
    program = [sys.executable, "-m", "exporter", "history", f"--config.file={config}"]

    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "# TYPE hex_runs counter\n"
        writer.stdout.close()
        assert writer.stderr is not None
        said = writer.stderr.read()
        assert writer.wait(timeout=60) == 1

    assert "Traceback" not in said
    assert "BrokenPipe" not in said
