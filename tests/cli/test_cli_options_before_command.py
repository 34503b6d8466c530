"""Options before the command are those of the command: none is dropped silently."""

import json

import pytest
from click.testing import CliRunner
from helpers.running import SCRIPT, Running, environment

from exporter.cli import main


def run(*arguments: str, **variables: str):
    return CliRunner(env={"HEX_API_TOKEN": None, "HEX_BASE_URL": None, **variables}).invoke(main, arguments)


@pytest.mark.parametrize("command", [["serve"], ["check"], ["report"], ["audit"], ["history"], ["run", "some-project"]])
def test_a_file_that_does_not_exist_is_an_error_of_every_command_that_reads_one(command, tmp_path):
    missing = str(tmp_path / "nothing.yml")

    result = run("--config.file", missing, *command)

    assert result.exit_code == 1
    assert result.output.startswith(f"hex-exporter: {missing}: ")


def test_the_option_after_the_command_wins(tmp_path):
    before, after = tmp_path / "before.yml", tmp_path / "after.yml"

    result = run("--config.file", str(before), "report", "--config.file", str(after))

    assert str(after) in result.output
    assert str(before) not in result.output


@pytest.mark.parametrize(
    ("option", "command"),
    [
        (["--config.file", "c.yml"], ["simulate"]),
        (["--web.listen-address", "127.0.0.1:0"], ["report"]),
        (["--web.enable-lifecycle"], ["history"]),
        (["--log.level", "debug"], ["audit"]),
    ],
)
def test_an_option_that_the_command_does_not_have_is_an_error_that_names_both(option, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    result = run(*option, *command)

    assert result.exit_code == 2
    assert f"{command[0]} has no option {option[0]}" in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_options_before_serve_are_those_of_serve(tmp_path):
    ledger = tmp_path / "ledger.db"
    config = tmp_path / "c.yml"
    config.write_text(
        f"workspaces: [{{base_url: 'http://127.0.0.1:9/api/v1', token_env: T}}]\nstorage: {{url: 'sqlite:///{ledger}'}}"
    )
    options = ["--config.file", config, "--web.listen-address", "127.0.0.1:0", "--log.format", "json"]

    with Running([SCRIPT, *options, "serve"], tmp_path / "out", env=environment(T="hxtw_x")) as exporter:
        line = exporter.said(r"\{.*Listening.*\}").group()

    assert json.loads(line)["address"].startswith("127.0.0.1:")
