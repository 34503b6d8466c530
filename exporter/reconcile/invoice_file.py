"""Reading an invoice from CSV, whatever its delimiter, encoding and way of writing amounts; else a sentence why not."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from exporter.errors import HexExporterError
from exporter.reconcile.invoice import PARTS, Invoice, InvoiceLine, Part, part_of
from exporter.reconcile.money_text import Mark, is_open, mark_of, money_of

COLUMNS = ("description", "amount", "quantity", "currency", "component")
"""The columns that are read, in any order and whatever their case; only the amount and the description are needed."""

_NEEDED = ("description", "amount")
_MOST_BYTES = 10_000_000
_DELIMITERS = ",;\t|"
_MICRO = 1_000_000
_TOTAL = re.compile(r"(sub|grand )?total\b.*|amount due\b.*|balance due\b.*|summe\b.*", re.IGNORECASE)
_OTHER_FILES = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a spreadsheet or an archive",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet",
}


class InvoiceError(HexExporterError):
    """The file cannot be read as an invoice; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceForm:
    """How a file is to be read. `columns` names the file's own column for each of `COLUMNS`; `parts` are patterns of
    descriptions and what their lines are for; `per_usd` how much of a currency makes a dollar; `mark` None: as found.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    parts: tuple[tuple[str, Part], ...] = ()
    per_usd: Mapping[str, Decimal] = field(default_factory=dict)
    mark: Mark | None = None


def read_invoice(path: Path, form: InvoiceForm) -> Invoice:
    """The invoice in the file. Raises InvoiceError."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise InvoiceError(f"{path} cannot be read: {error.strerror or error}") from None
    return parse_invoice(content, form, str(path))


def parse_invoice(content: bytes, form: InvoiceForm, name: str) -> Invoice:
    """The invoice that the bytes of a CSV file hold. Raises InvoiceError."""
    rows = _rows(_text(content, name), name)
    header_number, header = rows[0]
    places = _places(header, form, name)
    remarks: list[str] = []
    records: list[tuple[int, Mapping[str, str]]] = []
    for number, row in rows[1:]:
        if len(row) < len(header) or any(cell.strip() for cell in row[len(header) :]):
            raise InvoiceError(
                f"{name}, line {number}: it has {len(row)} cells and the header in line {header_number} has "
                f"{len(header)}; put quotation marks around cells that contain the delimiter"
            )
        records.append((number, {column: row[place].strip() for column, place in places.items()}))
    charges, totals = _split(records)
    if not charges:
        raise InvoiceError(f"{name} has no line below its header; export the invoice with its lines")
    mark = form.mark or _mark(charges, name)
    lines = tuple(_line(number, cells, form, mark, name) for number, cells in charges)
    remarks += _on_duplicates(charges)
    remarks += _on_credits(lines)
    remarks += _on_totals(lines, totals, form, mark)
    return Invoice(lines=lines, remarks=tuple(remarks))


def _text(content: bytes, name: str) -> str:
    for beginning, kind in _OTHER_FILES.items():
        if content.startswith(beginning):
            raise InvoiceError(f"{name} is {kind}, not CSV; save the invoice as CSV")
    if len(content) > _MOST_BYTES:
        raise InvoiceError(f"{name} is larger than {_MOST_BYTES // 1_000_000} MB, which no invoice is; is it the file?")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        encodings: Sequence[str] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise InvoiceError(f"{name} is not text, so not CSV; save the invoice as CSV in UTF-8")


def _rows(text: str, name: str) -> list[tuple[int, list[str]]]:
    """The rows that are not empty, with their lines, cut at the delimiter that the first of them has most often."""
    if not text.strip():
        raise InvoiceError(f"{name} is empty; export the invoice again")
    first = next(line for line in text.splitlines() if line.strip())
    if kind := {"<": "HTML or XML", "{": "JSON", "[": "JSON"}.get(first.lstrip()[:1]):
        raise InvoiceError(f"{name} is {kind}, not CSV; export it as CSV")
    delimiter = max(_DELIMITERS, key=lambda mark: len(next(csv.reader([first], delimiter=mark), [])))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        rows.extend((reader.line_num, row) for row in reader if any(cell.strip() for cell in row))
    except csv.Error as error:
        raise InvoiceError(f"{name}, line {reader.line_num}: {error}; close its quotation marks") from None
    return rows


def _places(header: Sequence[str], form: InvoiceForm, name: str) -> Mapping[str, int]:
    """At which place of a row each column is. Raises InvoiceError for one that is lacking."""
    known = {cell.strip().lower(): place for place, cell in reversed(list(enumerate(header)))}
    shown = ", ".join(cell.strip() or "(no name)" for cell in header)
    places: dict[str, int] = {}
    for column in COLUMNS:
        wanted = form.columns.get(column, column)
        place = known.get(wanted.strip().lower())
        if place is not None:
            places[column] = place
        elif column in form.columns:
            raise InvoiceError(f"{name} has no column {wanted!r}; its columns are: {shown}")
    lacking = [column for column in _NEEDED if column not in places]
    if lacking:
        options = " ".join(f"--column {column}=NAME" for column in lacking)
        raise InvoiceError(
            f"{name} has no column {' and no column '.join(lacking)}; its columns are: {shown}; write {options} with "
            f"the name that the file has for it"
        )
    return places


_Records = Sequence[tuple[int, Mapping[str, str]]]


def _split(records: _Records) -> tuple[_Records, _Records]:
    """The lines that charge something, and those that add them up."""
    charges = [one for one in records if not _TOTAL.fullmatch(one[1]["description"])]
    return charges, [one for one in records if one not in charges]


def _mark(records: _Records, name: str) -> Mark:
    written = [cells["amount"] for _, cells in records]
    try:
        mark = mark_of(written)
    except ValueError:
        raise InvoiceError(
            f"{name}: some amounts have a comma before their decimals, some a point; write --decimal . or --decimal ,"
        ) from None
    if mark is None:
        for number, cells in records:
            if is_open(cells["amount"]):
                plain = re.sub(r"[.,]", "", cells["amount"])
                raise InvoiceError(
                    f"{name}, line {number}: {cells['amount']} may be {plain} or a thousandth of it; write --decimal . "
                    "or --decimal , for what stands before the decimals"
                )
    return mark or "."


def _line(number: int, cells: Mapping[str, str], form: InvoiceForm, mark: Mark, name: str) -> InvoiceLine:
    description = cells["description"]
    named = cells.get("component", "").strip().lower().replace(" ", "_")
    if named and named not in PARTS:
        raise InvoiceError(f"{name}, line {number}: {named!r} is not a component; write one of {', '.join(PARTS)}")
    part = next((part for part in PARTS if part == named), None) or part_of(description, form.parts)
    micro_usd = _micro_usd(cells, form, mark, f"{name}, line {number}")
    quantity = cells.get("quantity", "")
    return InvoiceLine(number=number, description=description, part=part, micro_usd=micro_usd, quantity=quantity)


def _micro_usd(cells: Mapping[str, str], form: InvoiceForm, mark: Mark, where: str) -> int:
    money = money_of(cells["amount"], mark)
    if money is None:
        raise InvoiceError(f"{where}: {cells['amount']!r} is not an amount; write it like 1234.50 or -12.00")
    amount, beside = money
    currency = cells.get("currency", "").strip().upper() or beside or "USD"
    if beside is not None and beside != currency:
        raise InvoiceError(f"{where}: the amount is in {beside} and the currency in {currency}; correct one of them")
    if currency == "USD":
        return round(amount * _MICRO)
    per_usd = form.per_usd.get(currency)
    if per_usd is None:
        raise InvoiceError(
            f"{where}: it is in {currency}, and the ledger is in USD; write --rate {currency}=RATE with how many "
            f"{currency} a dollar was"
        )
    return round(amount / per_usd * _MICRO)


def _on_duplicates(records: _Records) -> list[str]:
    first: dict[tuple[tuple[str, str], ...], int] = {}
    remarks = []
    for number, cells in records:
        key = tuple(sorted(cells.items()))
        if key in first:
            remarks.append(
                f"line {number} is the same as line {first[key]}: both are added up; if one charge is listed twice, "
                "delete one of them"
            )
        first.setdefault(key, number)
    return remarks


def _on_credits(lines: Sequence[InvoiceLine]) -> list[str]:
    credits = [line for line in lines if line.is_credit]
    if not credits:
        return []
    numbers = ", ".join(str(line.number) for line in credits)
    total = sum(line.micro_usd for line in credits) / _MICRO
    return [f"credits of {total:,.2f} USD (line {numbers}) are taken off the component that they are for"]


def _on_totals(lines: Sequence[InvoiceLine], totals: _Records, form: InvoiceForm, mark: Mark) -> list[str]:
    """That lines which add up others are left out, and where they say another sum."""
    remarks = []
    billed = sum(line.micro_usd for line in lines)
    untaxed = billed - sum(line.micro_usd for line in lines if line.part == "tax")
    for number, cells in totals:
        remarks.append(f"line {number} ({cells['description']}) adds up others and is left out")
        try:
            said = _micro_usd(cells, form, mark, "")
        except InvoiceError:
            continue
        if all(abs(said - known) >= _MICRO // 100 for known in (billed, untaxed)):
            remarks[-1] += f"; it says {said / _MICRO:,.2f} USD, and the lines add up to {billed / _MICRO:,.2f} USD"
    return remarks
