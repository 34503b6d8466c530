"""`audit`: what to switch off, ranked, out of the ledger; beside a running server or without one."""

from collections.abc import Mapping
from pathlib import Path

import click

from exporter.clock import SystemClock
from exporter.ledger import open_ledger
from exporter.report import AUDIT_FORMS, FindingFilter, audit_reports, for_terminal, not_judged_lines
from exporter.service import configure_logs, read_config


def run_audit(config_file: Path | None, environ: Mapping[str, str], finding_filter: FindingFilter, form: str) -> None:
    """Print it in one of the forms of `AUDIT_FORMS`.

    Raises ConfigError for a workspace or a team that does not exist, LedgerError where there is no ledger.
    """
    configure_logs("error", "logfmt")
    config = read_config(config_file, environ)
    clock = SystemClock()
    ledger = open_ledger(config.storage.url, clock=clock, read_only=True)
    try:
        audits = list(audit_reports(ledger, config, clock, finding_filter))
    finally:
        ledger.close()
    click.echo(AUDIT_FORMS[form](audits))
    if form == "csv":
        # Rows have no place for what is missing, and what was not judged must not pass for nothing found.
        for audit in audits:
            for line in (*not_judged_lines(audit.not_judged), *audit.remarks):
                click.echo(f"hex-exporter: {for_terminal(line)}", err=True)
