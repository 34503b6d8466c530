"""systemd/hex-exporter.service: what it starts exists, and what could be taken from it is taken."""

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.programs import skip_absent

from exporter.cli import main

ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "systemd" / "hex-exporter.service"
DOCUMENT = (ROOT / "docs" / "operations.md").read_text()


@pytest.fixture(scope="module")
def unit() -> configparser.ConfigParser:
    parsed = configparser.ConfigParser(delimiters="=", comment_prefixes="#", strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(UNIT)
    return parsed


@pytest.fixture
def systemd_analyze(request: pytest.FixtureRequest) -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        skip_absent(request.config, "systemd-analyze", "as root: apt-get install systemd")
    return found


def output(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.integration
def test_its_exposure_is_below_three_of_ten(systemd_analyze: str) -> None:
    said = output(systemd_analyze, "security", "--offline=true", "--no-pager", "--threshold=29", UNIT)

    assert re.search(r"exposure level for hex-exporter\.service: [012]\.\d OK", said)


@pytest.mark.integration
def test_systemd_understands_every_line(systemd_analyze: str, tmp_path: Path) -> None:
    """A line that it does not know is a warning; only the program is none of this machine's."""
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub(r"ExecStart=\S+", f"ExecStart={sys.executable}", UNIT.read_text()))

    assert output(systemd_analyze, "verify", "--man=false", unit) == ""


def test_it_starts_at_boot_when_the_network_is_up(unit: configparser.ConfigParser) -> None:
    assert unit["Install"]["WantedBy"] == "multi-user.target"
    assert unit["Unit"]["After"] == unit["Unit"]["Wants"] == "network-online.target"


def test_its_program_has_these_options_and_its_state_this_place(unit: configparser.ConfigParser) -> None:
    program, *options = unit["Service"]["ExecStart"].split()
    known = {name for parameter in main.commands["serve"].params for name in parameter.opts}  # type: ignore[attr-defined]

    assert Path(program).name == "hex-exporter"
    assert {option.partition("=")[0] for option in options} <= known
    assert unit["Service"]["Environment"] == "XDG_STATE_HOME=/var/lib"
    assert unit["Service"]["StateDirectory"] == "hex-exporter"


def test_the_document_names_its_files(unit: configparser.ConfigParser) -> None:
    name, _, file = unit["Service"]["LoadCredential"].partition(":")
    config = unit["Service"]["ExecStart"].partition("--config.file=")[2]

    assert f"token_file: /run/credentials/{UNIT.name}/{name}" in DOCUMENT
    assert all(written in DOCUMENT for written in (file, config, "systemd/hex-exporter.service"))
