"""An invoice against the ledger: reading it, and comparing it line by line. Pure but for opening the file."""

from exporter.reconcile.comparison import (
    SCALED,
    ComparedLine,
    ComparedPart,
    LedgerPart,
    Reconciliation,
    Supposition,
    compare,
    percent,
)
from exporter.reconcile.invoice import PARTS, Invoice, InvoiceLine, Part
from exporter.reconcile.invoice_file import COLUMNS, InvoiceError, InvoiceForm, parse_invoice, read_invoice

__all__ = [
    "COLUMNS",
    "PARTS",
    "SCALED",
    "ComparedLine",
    "ComparedPart",
    "Invoice",
    "InvoiceError",
    "InvoiceForm",
    "InvoiceLine",
    "LedgerPart",
    "Part",
    "Reconciliation",
    "Supposition",
    "compare",
    "parse_invoice",
    "percent",
    "read_invoice",
]
