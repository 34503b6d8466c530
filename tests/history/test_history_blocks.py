"""`history --blocks`: a text for each block of Prometheus, and the blocks that promtool makes of them."""

import os
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from helpers.history_server import create_blocks, serving
from history_world import HOUR_MS

from exporter.errors import HexExporterError
from exporter.history import write_blocks
from exporter.history.blocks import BLOCK_SECONDS

COPY = '#!/bin/sh\n[ "$1 $2 $3" = "tsdb create-blocks-from openmetrics" ] && cp "$6" "$7"\n'
"""A promtool that keeps the texts that it is given."""


def program(folder: Path, text: str) -> str:
    file = folder / "promtool"
    file.write_text(text)
    file.chmod(0o755)
    return str(file)


def pieces(text: str) -> list[str]:
    """As `history` makes them: a header, or the lines of one series."""
    lines = text.splitlines(keepends=True)
    return ["".join(series) for _, series in groupby(lines, lambda line: line.rsplit(" ", 2)[0])]


@pytest.fixture
def text(historian: Any) -> str:
    """Twenty days."""
    historian.learn([historian.run(str(hour), historian.contact_ms - hour * HOUR_MS) for hour in range(1, 20 * 24)])
    return str(historian.text())


@pytest.mark.slow
def test_each_text_has_its_blocks_samples_and_together_they_have_all(text: str, tmp_path: Path) -> None:
    left = list(write_blocks(pieces(text), tmp_path / "data", program(tmp_path, COPY)))

    texts = {int(path.stem): path.read_text() for path in (tmp_path / "data").glob("*.om")}
    assert left == list(range(len(texts)))[::-1]
    assert len(texts) >= 3
    for number, written in texts.items():
        assert written.endswith("# EOF\n")
        types = re.findall(r"(?m)^# TYPE .+$", written)
        assert len(types) == len(set(types))
        for line in written.splitlines():
            assert line[0] == "#" or int(line.split()[-1]) // BLOCK_SECONDS == number
    assert sorted(line for one in texts.values() for line in one.splitlines() if line[0] != "#") == sorted(
        line for line in text.splitlines() if line[0] != "#"
    )
    assert [path.name for path in (tmp_path / "data").iterdir() if path.is_dir()] == []


@pytest.mark.slow
def test_what_promtool_says_is_passed_on(text: str, tmp_path: Path) -> None:
    promtool = program(tmp_path, "#!/bin/sh\necho no space left >&2; exit 1\n")

    with pytest.raises(HexExporterError, match=r"promtool made no block in .*: no space left"):
        list(write_blocks(pieces(text), tmp_path / "data", promtool))
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.slow
def test_the_command_says_the_size_before_and_what_to_do_without_promtool(
    historian: Any, text: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.yml"
    config.write_text(f'workspaces: [{{name: acme}}]\nstorage: {{url: "{historian.url}"}}\n')
    line = [sys.executable, "-m", "exporter", "history", f"--config.file={config}", f"--blocks={tmp_path / 'data'}"]

    def run(path: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, env={"PATH": path})

    without = run("")
    program(tmp_path, COPY)
    done = run(f"{tmp_path}:{os.environ['PATH']}")

    assert without.returncode == 1
    assert without.stderr.startswith("hex-exporter: --blocks: promtool is not on the PATH; install it")
    assert done.returncode == 0, done.stderr
    first, second = re.findall(r"([\d,]+) samples", done.stderr)
    expected, count = int(first.replace(",", "")), int(second.replace(",", ""))
    assert count / 2 < expected < count * 2
    assert done.stderr.index("MB of text") < done.stderr.index("series with job")
    assert list((tmp_path / "data").glob("*.om"))


@pytest.mark.integration
def test_prometheus_sees_the_same_as_from_one_text(
    historian: Any, text: str, prometheus: Path, promtool: Path, tmp_path: Path
) -> None:
    create_blocks(promtool, text, tmp_path / "one")
    (tmp_path / "many").mkdir()
    list(write_blocks(pieces(text), tmp_path / "many" / "data", str(promtool)))

    def answers(folder: Path) -> list[object]:
        with serving(prometheus, folder) as server:
            return [
                server.ask("query", query=query, time=historian.contact_ms / 1000 - 60)["result"]
                for query in (
                    'sort(count({__name__=~"hex_.+"} offset 3d) by (__name__))',
                    "count_over_time(hex_budget_used[30d])",
                    "sum(increase(hex_runs_total[15d]))",
                )
            ]

    one, many = answers(tmp_path / "one"), answers(tmp_path / "many")
    assert all(one)
    assert one == many
