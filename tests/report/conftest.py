"""Fixtures of the audit of one workspace."""

import json
from pathlib import Path
from typing import Any

import pytest
from audited_workspace import CONFIG, record

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
