"""`audit`: what to switch off, ranked, out of the ledger; beside a running server or without one."""

from collections.abc import Mapping
from pathlib import Path

import click

from exporter.cli.ledger_to_read import opened_to_read
from exporter.report import AUDIT_FORMS, FindingFilter, audit_reports, for_terminal, not_judged_lines


def run_audit(config_file: Path | None, environ: Mapping[str, str], finding_filter: FindingFilter, form: str) -> None:
    """Print it in one of the forms of `AUDIT_FORMS`.

    Raises ConfigError for a workspace or a team that does not exist, LedgerError where there is no ledger.
    """
    with opened_to_read(config_file, environ) as (ledger, config, clock):
        audits = list(audit_reports(ledger, config, clock, finding_filter))
    click.echo(AUDIT_FORMS[form](audits))
    if form == "csv":
        # Rows have no place for what is missing, and what was not judged must not pass for nothing found.
        for audit in audits:
            for line in (*not_judged_lines(audit.not_judged), *audit.remarks):
                click.echo(f"hex-exporter: {for_terminal(line)}", err=True)
