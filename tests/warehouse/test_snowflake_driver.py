"""Snowflake's statements with its own driver and dialect, as published, before fakesnow's server on this machine.

`./test -m clients` runs them: the packages get an environment of their own in `.cache/clients/`, once.
"""

import json
import subprocess
import tomllib
from pathlib import Path

import pytest
from helpers.client_packages import python_with
from helpers.running import ROOT, environment

pytestmark = [pytest.mark.clients, pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]

SCRIPT = Path(__file__).parent / "snowflake_script.py"
# fakesnow 0.12 does not start with a newer connector, and the dialect for that connector not with a newer SQLAlchemy.
PACKAGES = (
    *("fakesnow[server]==0.12.1", "snowflake-connector-python==4.8.1"),
    *("snowflake-sqlalchemy==1.11.1", "SQLAlchemy>=2.0.40,<2.1"),
)


@pytest.fixture(scope="module")
def found(request, tmp_path_factory):
    """What the script read of its log, by statement."""
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    python = python_with(request.config, [*PACKAGES, *(one for one in needed if not one.startswith("SQLAlchemy"))])
    # The dialect takes a host from a URL only so.
    variables = environment(PYTHONPATH=str(ROOT), SNOWFLAKE_SQLALCHEMY_LEGACY_URL_PARAMS="1")
    done = subprocess.run(
        [python, SCRIPT],
        env=variables,
        cwd=tmp_path_factory.mktemp("snowflake"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # The server says things too.
    return json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))


def test_attributed_credits_are_the_queries_and_the_rest_of_the_bill_is_idle(found):
    """Of 2 credits: 0.5 and, with acceleration, 0.25 are Hex's, 0.05 another's, 1.2 idle; at 3 dollars each."""
    assert found["attributed"] == {
        "query p1": [1, 1_500_000],
        "unattributed": [1, 750_000],
        "idle": [0, 3_600_000],
        "other": [0, 150_000],
    }


def test_without_the_attribution_credits_are_shared_by_execution_time(found):
    """Of the 0.8 credits that were used: 30 s, 10 s and another's 40 s."""
    assert found["shared"] == {
        "query p1": [1, 900_000],
        "unattributed": [1, 300_000],
        "idle": [0, 3_600_000],
        "other": [0, 1_200_000],
    }
