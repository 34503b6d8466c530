"""What every command prints: UTF-8 whatever the locale is, and one sentence where it cannot be written."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from helpers.running import SCRIPT, Exporter, Running, environment, wait_for

from exporter.clock import SystemClock
from exporter.facts import Project, Run
from exporter.ledger import RunProgress, open_ledger

DAY_MS = 86_400_000
TITLE = "Umsätze → 売上 \U0001f4c8"

ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii:strict"}
LATIN = {"LC_ALL": "C", "PYTHONIOENCODING": "latin-1"}

Command = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of one project with a quarter of daily runs, and the configuration that names it."""
    folder = tmp_path_factory.mktemp("ledger")
    url = f"sqlite:///{folder / 'ledger.db'}"
    (folder / "c.yml").write_text(f'workspaces: [{{name: acme}}]\nstorage: {{url: "{url}"}}\n')
    now_ms = round(time.time() * 1000)
    ledger = open_ledger(url, clock=SystemClock())
    acme = ledger.workspace("acme")
    acme.first_contact(now_ms)
    long_ago = now_ms - 400 * DAY_MS
    project = Project(project_id="p", title=TITLE, created_ms=long_ago, published_ms=long_ago)
    acme.record_projects([project], now_ms)
    acme.choose_members(500, now_ms)
    acme.record_collector("projects", True, now_ms)
    runs = [
        Run(
            run_id=str(ago),
            project_id="p",
            status="completed",
            trigger="api",
            start_ms=now_ms - ago * DAY_MS - 1000,
            elapsed_ms=1000,
            end_ms=now_ms - ago * DAY_MS,
        )
        for ago in range(90)
    ]
    acme.record_runs("p", runs, RunProgress(known_until_ms=now_ms, known_from_ms=0, last_read_ms=now_ms), now_ms)
    ledger.close()
    return folder


@pytest.fixture
def command(folder: Path) -> Command:
    def run(
        *arguments: str, env: dict[str, str] | None = None, **streams: object
    ) -> subprocess.CompletedProcess[bytes]:
        line = [SCRIPT, *arguments]
        where = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return subprocess.run(line, cwd=folder, env=environment(**(env or {})), timeout=60, check=False, **where)

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        *[(("report", "--format", form), ASCII) for form in ("table", "json", "csv", "markdown")],
        (("report", "--digest"), ASCII),
        (("history",), ASCII),
        (("report", "--format", "table"), LATIN),
    ],
)
def test_every_form_is_utf_8(command, arguments, env):
    done = command(arguments[0], "--config.file=c.yml", *arguments[1:], env=env)

    assert done.returncode == 0, done.stderr
    text = done.stdout.decode("utf-8")
    if "json" in arguments:
        text = json.dumps(json.loads(text), ensure_ascii=False)
    if "--digest" not in arguments:
        assert TITLE in text


@pytest.mark.slow
def test_a_mistake_in_a_file_is_said_in_utf_8(command, folder):
    (folder / "bad.yml").write_text("größe: 1\n", "utf-8")

    done = command("check", "--config.file=bad.yml", env=ASCII)

    assert 'unknown key "größe"' in done.stderr.decode("utf-8")


PRINTING = [
    ("report", "--config.file=c.yml"),
    ("report", "--config.file=c.yml", "--format=csv"),
    ("audit", "--config.file=c.yml"),
    ("history", "--config.file=c.yml"),
    ("--help",),
]


@pytest.mark.slow
@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_full_disk_is_one_sentence(command, arguments):
    with open("/dev/full", "wb") as full:
        done = command(*arguments, stdout=full)

    assert done.returncode == 1
    last = done.stderr.decode().splitlines()[-1]
    assert last == ("hex-exporter: cannot write the output (No space left on device); make room, or write it elsewhere")
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_reader_that_has_left_is_no_news(command, arguments):
    reader, writer = os.pipe()
    os.close(reader)

    done = command(*arguments, stdout=writer)

    os.close(writer)

    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"cannot write" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("arguments", PRINTING[:1], ids=" ".join)
def test_an_output_that_was_closed_is_one_sentence_and_its_number_goes_to_no_file(command, folder, arguments):
    line = f"exec '{SCRIPT}' {' '.join(arguments)} >&-"
    done = subprocess.run(["sh", "-c", line], cwd=folder, env=environment(), stderr=subprocess.PIPE, timeout=60)

    assert done.returncode == 1
    assert done.stderr.decode().startswith("hex-exporter: cannot write the output (Bad file descriptor); ")


@pytest.mark.integration
def test_logs_that_cannot_be_written_do_not_end_the_polling(tmp_path):
    (tmp_path / "logs").symlink_to("/dev/full")
    config = tmp_path / "c.yml"
    config.write_text(
        "workspaces: [{name: w, base_url: 'http://127.0.0.1:9', token_env: HEX_API_TOKEN}]\n"
        f"storage: {{url: 'sqlite:///{tmp_path / 'ledger.db'}'}}\n"
    )
    with Exporter(tmp_path, "http://127.0.0.1:9/api/v1") as probe:
        address = probe.listening()
    flags = ["--config.file", config, "--web.listen-address", address, "--log.level", "debug"]
    with Running([SCRIPT, "serve", *flags], tmp_path / "logs", env=environment(HEX_API_TOKEN="hxtw_x")) as exporter:
        requests = 'hex_api_requests_total{workspace="w",endpoint="projects",code="error"}'
        probe.address = address

        def scraped() -> str:
            try:
                return probe.get().text
            except httpx.TransportError:
                return ""

        wait_for(lambda: requests in scraped())
        assert exporter.process.poll() is None
