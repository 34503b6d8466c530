"""The bill is a FOCUS file by the judgement of the FinOps Foundation's own program, focus-validator."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_report_money_kinds import config, written  # noqa: F401  # the ledger that is billed

from exporter.cli.commands import main

ENVIRONMENT = Path(__file__).parents[2] / ".cache" / "focus-validator"
VERSION = "2.2.1"
PACKAGES = (f"focus-validator=={VERSION}", "pyarrow<20")  # its pandas is older than the newest pyarrow
RULES = "1.2.0.1"

# One of both fails in any file: the program checks neither condition. No invoice is read here, so it is null.
CONTRADICTION = {"InvoiceId-C-005-C"}
"""InvoiceId-C-004 wants null in every row, InvoiceId-C-005 wants it in none."""

PRICES = "NEGOTIATED_PRICING_SUPPORTED,PUBLIC_PRICE_LIST_SUPPORTED,UNIT_PRICING_SUPPORTED"


def pythons() -> Iterator[str]:
    """The interpreters on this machine that the program runs on: 3.12 and later."""
    if sys.version_info >= (3, 12):
        yield sys.executable
    for name in ("python3.12", "python3.13"):
        yield from filter(None, [shutil.which(name)])
    yield from map(str, sorted(Path.home().glob(".pyenv/versions/3.1[23]*/bin/python")))


@pytest.fixture(scope="module")
def validator() -> Path:
    """The program, in an environment of its own below .cache; the test is skipped where it cannot be installed."""
    program = ENVIRONMENT / "bin" / "focus-validator"
    reasons = ["no Python 3.12 or later"]
    for python in () if program.exists() else pythons():
        made = subprocess.run([python, "-m", "venv", "--clear", str(ENVIRONMENT)], capture_output=True, text=True)
        if made.returncode == 0:
            install = [str(ENVIRONMENT / "bin" / "pip"), "install", "--quiet", *PACKAGES]
            made = subprocess.run(install, capture_output=True, text=True)
            if made.returncode == 0:
                break
        reasons.append((made.stderr.strip().splitlines() or ["no reason given"])[-1])
    if not program.exists():
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        pytest.skip(f"focus-validator {VERSION} cannot be installed: {reasons[-1]}")
    return program


def failed(validator: Path, bill: Path, *options: str) -> set[str]:
    """The rules that the file breaks."""
    (folder,) = (ENVIRONMENT / "lib").glob("python*/site-packages")  # it finds its rules by where it runs
    command = [str(validator), "--data-file", str(bill), "--validate-version", RULES, "--block-download"]
    command += ["--show-violations", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert "Total: " in done.stdout, done.stderr[-500:]
    return {line.split()[1].rstrip(":") for line in done.stdout.splitlines() if ": FAIL " in line}


@pytest.mark.slow
@pytest.mark.usefixtures("config")
def test_a_months_bill_breaks_no_rule_of_focus(validator: Path, tmp_path: Path) -> None:
    """Without a contract and with one, in one file: each look takes twenty seconds."""
    file, bill = tmp_path / "hex.yml", tmp_path / "bill.csv"
    command = ["report", "--config.file", str(file), "--month", "2026-10", "--format", "csv"]
    lines: list[str] = []
    for contract in ("", "contract: {seats: {editor: 1}, commit_usd_year: 6000, renews_on: 2027-03-01}"):
        file.write_text(file.read_text() + contract)
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 0, result.output
        head, *rows = result.stdout.splitlines(keepends=True)
        lines += [*([] if lines else [head]), *rows]
    bill.write_text("".join(lines))

    assert failed(validator, bill) - CONTRADICTION == set()
    of_prices = failed(validator, bill, "--applicability-criteria", PRICES)
    assert [rule for rule in of_prices if rule.startswith(("ListUnitPrice", "ContractedUnitPrice", "SkuMeter"))] == []
