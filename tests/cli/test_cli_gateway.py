"""`gateway log` and `gateway explain`: what was answered and why, and what would be, without a run."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from exporter.cli import main
from exporter.clock import SystemClock
from exporter.facts import Project
from exporter.ledger import GatewayDecision, open_ledger

PROJECT = "5a8f0000-0000-4000-8000-000000000001"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "hex.yml"
    file.write_text(f"storage: {{url: 'sqlite:///{tmp_path}/ledger.db'}}\ncollect: {{exports: false}}\ngateway: {{}}\n")
    clock = SystemClock()
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", clock=clock)
    now_ms = round(clock.now() * 1000)
    workspace = ledger.workspace("default")
    workspace.record_projects([Project(project_id=PROJECT, title="Orders [daily]", published_ms=1)], now_ms)
    workspace.gateway.requests.record_decisions(
        [
            GatewayDecision(
                at_ms=now_ms - 7_200_000, project_id=PROJECT, caller="c0ffee", outcome="miss", reason="old"
            ),
            GatewayDecision(
                at_ms=now_ms, project_id=PROJECT, caller="c0ffee", outcome="hit", reason="unchanged", run_id="r1"
            ),
            GatewayDecision(at_ms=now_ms, project_id="other", caller="c0ffee", outcome="refused", reason="full"),
        ]
    )
    ledger.close()
    return file


def gateway(config: Path, *arguments: str) -> list[str]:
    result = CliRunner(env={"HEX_API_TOKEN": "t"}).invoke(
        main, ["gateway", arguments[0], "--config.file", str(config), *arguments[1:]]
    )
    assert result.exit_code == 0, result.output
    return result.output.splitlines()


def test_the_log_has_a_line_for_each_run_request(config: Path) -> None:
    head, *lines = gateway(config, "log")
    assert head.split() == ["time", "caller", "project", "outcome", "reason", "run"]
    assert [line.split()[2] for line in lines] == ["c0ffee"] * 3
    assert "Orders [daily]" in lines[0]
    assert lines[1].split()[-3:] == ["hit", "unchanged", "r1"]


def test_the_log_of_one_project_and_of_the_last_hour(config: Path) -> None:
    assert len(gateway(config, "log", "--project", PROJECT)) == 1 + 2
    assert len(gateway(config, "log", "--since", "1h", "--project", PROJECT)) == 1 + 1
    assert gateway(config, "log", "--project", "none")[0].startswith("No run requests")


def test_options_before_the_command_apply(config: Path) -> None:
    result = CliRunner(env={"HEX_API_TOKEN": "t"}).invoke(main, ["--config.file", str(config), "gateway", "log"])
    assert result.exit_code == 0, result.output
    assert "unchanged" in result.output


def test_explain_says_what_would_happen_and_what_it_cannot_see(config: Path) -> None:
    first, *others = gateway(config, "explain", PROJECT.upper(), "--input", "region=north")
    assert first == "miss: no completed run of this request is known"
    assert len(others) >= 2
    assert all(line.startswith("not looked at: ") for line in others)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["explain", "nothing"], "no project that the exporter has listed"), (["log", "--since", "soon"], "no duration")],
)
def test_mistakes_are_explained(config: Path, arguments: list[str], said: str) -> None:
    result = CliRunner(env={"HEX_API_TOKEN": "t"}).invoke(
        main, ["gateway", arguments[0], "--config.file", str(config), *arguments[1:]]
    )
    assert result.exit_code in (1, 2)
    assert said in result.output
