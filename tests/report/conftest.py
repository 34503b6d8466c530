"""Fixtures of the audit of one workspace, and of the report of a week."""

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import reported_week
from audited_workspace import CONFIG, record
from helpers.manual_clock import ManualClock

from exporter.config import Config, load_config
from exporter.ledger import open_ledger
from exporter.report.audit_forms import AUDIT_FORMS
from exporter.report.audit_report import FindingFilter, audit_reports


@pytest.fixture
def audit_folder(tmp_path: Path, manual_clock: Any) -> Path:
    """A ledger as a server leaves it, and its configuration."""
    (tmp_path / "hex.yml").write_text(CONFIG)
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", clock=manual_clock)
    record(ledger, round(manual_clock.now() * 1000))
    ledger.close()
    return tmp_path


@pytest.fixture
def audit_config(audit_folder: Path) -> Config:
    file = audit_folder / "hex.yml"
    return load_config(file.read_bytes(), source=str(file), environ={}, state_dir=audit_folder)


@pytest.fixture
def audit_text(audit_config: Config, manual_clock: Any) -> Any:
    """What the audit prints in a form."""

    def tell(form: str = "json", settings: Config | None = None, **wanted: Any) -> Any:
        settings = settings or audit_config
        ledger = open_ledger(audit_config.storage.url, clock=manual_clock, read_only=True)
        try:
            text = AUDIT_FORMS[form](list(audit_reports(ledger, settings, manual_clock, FindingFilter(**wanted))))
        finally:
            ledger.close()
        return json.loads(text) if form == "json" else text

    return tell


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger as a server leaves it on Wednesday, 18 November 2026, and its configuration; each test has a copy."""
    folder = tmp_path_factory.mktemp("written")
    manual_clock = ManualClock()
    (folder / "hex.yml").write_text(reported_week.CONFIG)
    ledger = open_ledger(f"sqlite:///{folder / 'ledger.db'}", clock=manual_clock)
    reported_week.record_week(ledger, round(manual_clock.now() * 1000))
    ledger.close()
    return folder


@pytest.fixture
def folder(tmp_path: Path, written: Path) -> Path:
    return copytree(written, tmp_path, dirs_exist_ok=True)


@pytest.fixture
def config(folder: Path) -> Config:
    file = folder / "hex.yml"
    return load_config(file.read_bytes(), source=str(file), environ={}, state_dir=folder)
