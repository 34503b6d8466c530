"""The command `reconcile` and its flags."""

import os
from pathlib import Path
from typing import Literal

import click

from exporter.cli.commands import main, prints_errors
from exporter.cli.flags import config_flag


@main.command()
@config_flag
@click.argument("invoice", metavar="INVOICE", type=click.Path(path_type=Path))
@click.option("--month", metavar="MONTH", required=True, help="The month that it bills, such as 2026-10.")
@click.option("--workspace", metavar="NAME", help="Whose invoice it is, where there are several.")
@click.option(
    "--column",
    "columns",
    metavar="COLUMN=NAME",
    multiple=True,
    help="The file's name for description, amount, quantity, currency or component.",
)
@click.option(
    "--line",
    "lines",
    metavar="PATTERN=COMPONENT",
    multiple=True,
    help="Lines with such a description are for seats, compute, ai_credits, tax or other.",
)
@click.option("--rate", "rates", metavar="CODE=RATE", multiple=True, help="How many EUR, or what it is, a dollar was.")
@click.option("--decimal", "mark", type=click.Choice([".", ","]), help="What stands before the decimals of amounts.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv", "markdown"]), default="table")
@prints_errors
def reconcile(
    config_file: Path | None,
    invoice: Path,
    month: str,
    workspace: str | None,
    columns: tuple[str, ...],
    lines: tuple[str, ...],
    rates: tuple[str, ...],
    mark: Literal[".", ","] | None,
    form: str,
) -> None:
    """What was billed, line by line, beside what the ledger has of that month, and what explains the difference.

    INVOICE is a CSV file with the columns description and amount, and if it has them quantity, currency, component.
    """
    from exporter.cli.reconcile import invoice_form, run_reconcile

    read_as = invoice_form(columns, lines, rates, mark)
    run_reconcile(config_file, os.environ, invoice, read_as, month=month, workspace=workspace, form=form)
