"""The commands as a person meets them: help, version, mistakes."""

import re

import pytest
from click.testing import CliRunner
from helpers.running import SCRIPT, Running, environment

from exporter import __version__
from exporter.cli import main
from exporter.ledger import WriterLock

COMMANDS = ("bundle", "check", "demo", "gateway", "history", "report", "run", "serve", "simulate")


def run(*arguments: str, **environment: str):
    return CliRunner(env={"HEX_API_TOKEN": None, "HEX_BASE_URL": None, **environment}).invoke(main, arguments)


def test_help_fits_a_screen_and_names_every_command():
    result = CliRunner().invoke(main, ["--help"], terminal_width=100)

    assert result.exit_code == 0
    assert len(result.output.splitlines()) <= 40
    assert max(map(len, result.output.splitlines())) <= 100
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", result.output, flags=re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    result = run(command, "--help")

    assert result.exit_code == 0
    assert f"hex-exporter {command}" in result.output.replace("main", "hex-exporter", 1)


def test_version():
    assert run("--version").output == f"hex-exporter, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--no-such-flag"],
        ["no-such-command"],
        ["serve", "--log.level", "loud"],
        ["simulate", "--projects", "0"],
        ["simulate", "--projects", "many"],
        ["simulate", "--config.file", "x"],
    ],
)
def test_wrong_usage_ends_with_2(arguments):
    result = run(*arguments)

    assert result.exit_code == 2
    assert "Usage:" in result.output


@pytest.mark.parametrize(
    ("flag", "value", "expected"),
    [("--limits", "some", "write 'documented', 'off' or"), ("--fault", "noise", "write one of")],
)
def test_simulation_that_cannot_be_understood_ends_with_1_and_a_sentence(flag, value, expected):
    result = run("simulate", flag, value)

    assert result.exit_code == 1
    assert result.output.startswith(f"hex-exporter: {flag}: ")
    assert expected in result.output


def test_every_mistake_of_the_configuration_is_said_at_once(tmp_path):
    path = tmp_path / "c.yml"
    path.write_text("workspacs: []\nstorage: {url: 7}\n")

    result = run("serve", "--config.file", str(path))

    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert any(line.startswith(f"hex-exporter: {path}:1: ") and "workspaces" in line for line in lines)
    assert any(line.startswith(f"hex-exporter: {path}:2: ") for line in lines)


def test_configuration_file_that_is_not_there(tmp_path):
    result = run("check", "--config.file", str(tmp_path / "nothing.yml"))

    assert result.exit_code == 1
    assert result.output == (
        f"hex-exporter: {tmp_path / 'nothing.yml'}: cannot be read (No such file or directory); "
        "name a YAML file that this user may read\n"
    )


@pytest.mark.parametrize("address", ["9891", "host:", "127.0.0.1:99999", "300.1.1.1:80"])
def test_address_that_cannot_be_had_ends_with_1_and_names_it(address, tmp_path):
    token = {"HEX_API_TOKEN": "hxtw_x", "XDG_STATE_HOME": str(tmp_path)}

    result = run("serve", "--web.listen-address", address, **token)

    assert result.exit_code == 1
    assert address in result.output


@pytest.mark.slow
def test_address_of_the_gateway_that_cannot_be_had_is_told_by_its_key(tmp_path):
    path = tmp_path / "c.yml"
    path.write_text("gateway: {listen_address: '192.0.2.1:80', allow_insecure: true}")
    command = [SCRIPT, "serve", "--config.file", path, "--web.listen-address", "127.0.0.1:0"]

    with Running(command, tmp_path / "out", env=environment(HEX_API_TOKEN="hxtw_x", HOME=str(tmp_path))) as exporter:
        status = exporter.exit_status()

    assert status == 1
    assert "gateway.listen_address: cannot listen on 192.0.2.1:80: Cannot assign requested address" in exporter.text


def test_a_second_demo_in_one_folder_overwrites_nothing(tmp_path):
    lock = WriterLock(tmp_path / "demo.lock")
    (tmp_path / "demo.yml").write_text("of the demo that runs")

    done = CliRunner().invoke(main, ["demo", "--storage", str(tmp_path), "--web.listen-address", "127.0.0.1:0"])
    lock.release()

    assert done.exit_code == 1
    assert f"{tmp_path}: a demo runs here already: stop it, or give this one --storage DIR" in done.output
    assert (tmp_path / "demo.yml").read_text() == "of the demo that runs"
