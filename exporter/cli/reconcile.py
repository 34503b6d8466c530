"""`reconcile`: an invoice beside the ledger's month; beside a running server or without one."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Literal

import click

from exporter.cli.ledger_to_read import opened_to_read
from exporter.cli.report import print_tables
from exporter.reconcile import COLUMNS, PARTS, InvoiceForm, Part, read_invoice
from exporter.report import reconcile_report


def run_reconcile(
    config_file: Path | None,
    environ: Mapping[str, str],
    invoice_file: Path,
    invoice_form: InvoiceForm,
    *,
    month: str,
    workspace: str | None,
    form: str,
) -> None:
    """Print it in one of the forms of `TABLE_FORMS`.

    Raises InvoiceError for a file that is no invoice, ConfigError for a month or a workspace that is not there,
    LedgerError where there is no ledger.
    """
    invoice = read_invoice(invoice_file, invoice_form)
    with opened_to_read(config_file, environ) as (ledger, config, clock):
        report = reconcile_report(ledger, config, clock, invoice, month=month, workspace=workspace)
    print_tables([report], form)


def invoice_form(
    columns: Iterable[str], lines: Iterable[str], rates: Iterable[str], mark: Literal[".", ","] | None
) -> InvoiceForm:
    """How the file is to be read, by the command's options. Raises UsageError."""
    named: dict[str, str] = {}
    for written in columns:
        column, header = _pair("--column", written, "amount=Total")
        if column not in COLUMNS:
            raise click.UsageError(f"--column {written}: {column!r} is no column; write one of {', '.join(COLUMNS)}")
        named[column] = header
    parts: list[tuple[str, Part]] = []
    for written in lines:
        pattern, wanted = _pair("--line", written, "'Platform*=seats'", last=True)
        part = next((one for one in PARTS if one == wanted), None)
        if part is None:
            raise click.UsageError(f"--line {written}: {wanted!r} is no component; write one of {', '.join(PARTS)}")
        parts.append((pattern, part))
    per_usd: dict[str, Decimal] = {}
    for written in rates:
        currency, figure = _pair("--rate", written, "EUR=0.92")
        try:
            rate = Decimal(figure)
        except InvalidOperation:
            rate = Decimal(0)
        if not (rate.is_finite() and rate > 0):
            raise click.UsageError(f"--rate {written}: {figure!r} is no rate; write how many {currency} a dollar was")
        per_usd[currency.upper()] = rate
    return InvoiceForm(columns=named, parts=tuple(parts), per_usd=per_usd, mark=mark)


def _pair(option: str, written: str, example: str, *, last: bool = False) -> tuple[str, str]:
    name, sign, value = written.rpartition("=") if last else written.partition("=")
    if not (sign and name.strip() and value.strip()):
        raise click.UsageError(f"{option} {written}: write it like {option} {example}")
    return name.strip(), value.strip()
