"""`report`: the week from the ledger, beside a running server or without one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from exporter.cli.ledger_to_read import opened_to_read
from exporter.errors import ConfigError, ConfigProblem
from exporter.report import (
    TABLE_FORMS,
    WEEK_FORMS,
    FindingFilter,
    TableReport,
    WeekReport,
    audit_reports,
    budget_explanations,
    digest,
    for_terminal,
    last_days_reports,
    local,
    week_reports,
)


def run_report(
    config_file: Path | None,
    environ: Mapping[str, str],
    workspace: str | None,
    form: str,
    *,
    is_digest: bool = False,
    **wanted: str | None,
) -> None:
    """Print it in one of the forms of `WEEK_FORMS`, or the digest of it with what the audit finds now.

    `wanted` names the period as `week_reports` takes it; a digest is of the last whole week unless it names another.

    Raises ConfigError for a period or a workspace that does not exist, LedgerError where there is no ledger.
    """
    with opened_to_read(config_file, environ) as (ledger, config, clock):
        all_reports = list(week_reports(ledger, config, clock, workspace=workspace, wants_whole=is_digest, **wanted))
        _refuse_without_data(all_reports, wanted)
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


def _refuse_without_data(reports: Sequence[WeekReport], wanted: Mapping[str, str | None]) -> None:
    """A requested period of which no workspace knows anything is a mistake, and no page of dashes."""
    option = next((name for name in ("week", "month", "first") if wanted[name] is not None), None)
    if option is None or any(report.has_data for report in reports):
        return
    begins = min((one.knows_from_ms, one.timezone) for one in reports if one.knows_from_ms is not None)
    problem = (
        f"{wanted[option]!r} has no data: what the ledger knows begins on {local(*begins).date()}; write a later one"
    )
    raise ConfigError(ConfigProblem({"first": "--from"}.get(option, f"--{option}"), problem))


def run_last_days(
    config_file: Path | None, environ: Mapping[str, str], last: str, workspace: str | None, form: str
) -> None:
    """Print the runs of the last days, `last` such as `7d`, in one of the forms of `TABLE_FORMS`.

    Raises ConfigError for a time or a workspace that does not exist, LedgerError where there is no ledger.
    """
    with opened_to_read(config_file, environ) as (ledger, config, clock):
        reports = list(last_days_reports(ledger, config, clock, last=last, workspace=workspace))
    print_tables(reports, form)


def run_explain(
    config_file: Path | None, environ: Mapping[str, str], budget: str, workspace: str | None, form: str
) -> None:
    """Print who used a budget and what is different now, in one of the forms of `TABLE_FORMS`.

    Raises ConfigError for a budget or a workspace that does not exist, LedgerError where there is no ledger.
    """
    with opened_to_read(config_file, environ) as (ledger, config, clock):
        reports = list(budget_explanations(ledger, config, clock, budget=budget, workspace=workspace))
    print_tables(reports, form)


def print_tables(reports: Sequence[TableReport], form: str) -> None:
    """Print reports in one of the forms of `TABLE_FORMS`; in CSV rows have no place for remarks, which go beside."""
    click.echo(TABLE_FORMS[form](reports))
    if form == "csv":
        for remark in (remark for report in reports for remark in report.remarks):
            click.echo(f"hex-exporter: {for_terminal(remark)}", err=True)
