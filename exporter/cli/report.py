"""`report`: the week from the ledger, beside a running server or without one."""

from collections.abc import Mapping
from pathlib import Path

import click

from exporter.clock import SystemClock
from exporter.ledger import open_ledger
from exporter.report import WEEK_FORMS, FindingFilter, audit_reports, digest, for_terminal, week_reports
from exporter.service import configure_logs, read_config


def run_report(
    config_file: Path | None,
    environ: Mapping[str, str],
    week: str | None,
    workspace: str | None,
    form: str,
    *,
    is_digest: bool = False,
) -> None:
    """Print it in one of the forms of `WEEK_FORMS`, or the digest of it with what the audit finds now.

    A digest is of the last whole week unless `week` names another.

    Raises ConfigError for a week or a workspace that does not exist, LedgerError where there is no ledger.
    """
    configure_logs("error", "logfmt")
    config = read_config(config_file, environ)
    clock = SystemClock()
    ledger = open_ledger(config.storage.url, clock=clock, read_only=True)
    try:
        all_reports = list(week_reports(ledger, config, clock, week=week, workspace=workspace, wants_whole=is_digest))
        if is_digest:
            audits = audit_reports(ledger, config, clock, FindingFilter(workspace=workspace))
            by_name = {one.workspace: one for one in audits}
            click.echo(digest((one, by_name[one.workspace]) for one in all_reports))
            return
        click.echo(WEEK_FORMS[form](all_reports))
        if form == "csv":
            # A bill has no place for them, and one that is not whole must not pass for one that is.
            for remark in (remark for report in all_reports for remark in report.all_remarks):
                click.echo(f"hex-exporter: {for_terminal(remark)}", err=True)
    finally:
        ledger.close()
