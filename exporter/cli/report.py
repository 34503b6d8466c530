"""`report`: the week from the ledger, beside a running server or without one."""

from collections.abc import Mapping
from pathlib import Path

import click

from exporter.cli.forms import FORMS
from exporter.cli.harmless import for_terminal
from exporter.cli.logs import configure_logs
from exporter.cli.settings import read_config
from exporter.cli.weekly import reports
from exporter.clock import SystemClock
from exporter.ledger import open_ledger


def run_report(
    config_file: Path | None, environ: Mapping[str, str], week: str | None, workspace: str | None, form: str
) -> None:
    """Print it in one of the forms of `FORMS`.

    Raises ConfigError if what was asked for does not exist, LedgerError where there is no ledger.
    """
    configure_logs("error", "logfmt")
    config = read_config(config_file, environ)
    clock = SystemClock()
    ledger = open_ledger(config.storage.url, clock=clock, read_only=True)
    try:
        found = list(reports(ledger, config, clock, week=week, workspace=workspace))
        click.echo(FORMS[form](found))
        if form == "csv":
            # A bill has no place for them, and one that is not whole must not pass for one that is.
            for remark in (remark for report in found for remark in report.all_remarks):
                click.echo(f"hex-exporter: {for_terminal(remark)}", err=True)
    finally:
        ledger.close()
