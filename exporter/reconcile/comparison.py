"""What was billed against what the ledger has: line by line, with what explains the difference, and by component."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from exporter.insight import apportioned
from exporter.reconcile.invoice import PARTS, Invoice, InvoiceLine, Part

MICRO = 1_000_000

SCALED: tuple[Part, ...] = ("seats", "compute", "ai_credits")
"""The components that a factor in the configuration can put right."""

AGREES = "agrees"

_SMALL_MICRO = 500_000
_SMALL_PERCENT = 0.5
"""What differs by no more than half a dollar, or half a percent, agrees: an invoice rounds each of its lines."""

_NO_COMPONENT = "nothing in the ledger is billed so; if it is for a component, write --line 'PATTERN=COMPONENT'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposition:
    """What a component would come to if something were so: a sentence of what, in millionths of a dollar."""

    what: str
    micro_usd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerPart:
    """One component of a month as the ledger has it, in millionths of a dollar; None where that is not known, and why.

    `items` are its kinds (of seats, of compute) with what each cost, which are the whole. `suppositions` would each
    come to something else; `if_more` and `if_less` say what makes a bill larger, or smaller, than the ledger's figure.
    `scale` is the factor that the configuration has now.
    """

    micro_usd: int | None
    why_unknown: str = ""
    items: Mapping[str, int] = field(default_factory=dict)
    suppositions: tuple[Supposition, ...] = ()
    if_more: tuple[str, ...] = ()
    if_less: tuple[str, ...] = ()
    basis: str = ""
    scale: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedLine:
    """One line of the invoice, or (`number` None) what the ledger has and no line charges."""

    number: int | None
    description: str
    part: Part
    billed_micro: int
    ledger_micro: int | None
    explained_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedPart:
    """One component as a whole. `factor` is what `prices.scale` has to be for the ledger to show what was billed."""

    part: Part
    billed_micro: int
    ledger_micro: int | None
    factor: Decimal | None
    basis: str
    agrees: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """Every line and every component."""

    lines: tuple[ComparedLine, ...]
    parts: tuple[ComparedPart, ...]


def compare(invoice: Invoice, ledger: Mapping[Part, LedgerPart]) -> Reconciliation:
    """The invoice against the ledger's month."""
    lines = [line for part in PARTS for line in _lines(part, invoice, ledger.get(part))]
    numbered = sorted((one for one in lines if one.number is not None), key=lambda one: one.number or 0)
    parts = tuple(_part(part, invoice.billed(part), ledger[part]) for part in SCALED if part in ledger)
    return Reconciliation(lines=(*numbered, *(one for one in lines if one.number is None)), parts=parts)


def percent(billed_micro: int, ledger_micro: int | None) -> float | None:
    """By how many percent of the ledger's figure the bill is above it; None where that is nothing or not known."""
    return 100 * (billed_micro - ledger_micro) / ledger_micro if ledger_micro else None


def _lines(part: Part, invoice: Invoice, known: LedgerPart | None) -> Iterator[ComparedLine]:
    lines = [line for line in invoice.lines if line.part == part]
    if known is None:
        why = "tax is no part of list prices" if part == "tax" else _NO_COMPONENT
        yield from (_compared(line, 0, why) for line in lines)
        return
    if known.micro_usd is None:
        yield from (_compared(line, None, known.why_unknown) for line in lines)
        return
    shares, rest = _shares([line for line in lines if not line.is_credit], known)
    explanation = _explanation(invoice.charged(part), known.micro_usd, known)
    for line in lines:
        if line.is_credit:
            yield _compared(line, 0, f"a credit on {_words(part)}: list prices have none")
        else:
            share = shares[line.number]
            yield _compared(line, share, AGREES if agrees(line.micro_usd, share) else explanation)
    for item, micro_usd in rest.items():
        if micro_usd:
            why = "no line of the invoice charges it: it may be on another one, or in the price of the plan"
            yield ComparedLine(
                number=None,
                description=f"{_words(part)}: {item}" if item else _words(part),
                part=part,
                billed_micro=0,
                ledger_micro=micro_usd,
                explained_by=why,
            )


def _shares(lines: Sequence[InvoiceLine], known: LedgerPart) -> tuple[Mapping[int, int], Mapping[str, int]]:
    """What the ledger has for each line, and what it has for none.

    A line that names one kind is for that; the others share what no line names, in proportion to what they charge.
    """
    whole = known.micro_usd or 0
    items = dict(known.items) or {"": whole}
    of_item: dict[str | None, list[InvoiceLine]] = defaultdict(list)
    for line in lines:
        named = [item for item in items if item and re.search(rf"\b{re.escape(item)}s?\b", line.description.lower())]
        of_item[named[0] if len(named) == 1 else None].append(line)
    rest = {item: micro for item, micro in items.items() if item not in of_item}
    shares: dict[int, int] = {}
    for item, own in of_item.items():
        amount = sum(rest.values()) if item is None else items[item]
        weights = [line.micro_usd for line in own]
        parts = apportioned(amount, weights if any(weights) else [1] * len(own))
        shares.update({line.number: part for line, part in zip(own, parts, strict=True)})
    return shares, {} if None in of_item else rest


def agrees(billed_micro: int, ledger_micro: int) -> bool:
    """Whether the two differ by no more than an invoice's own rounding."""
    difference = abs(billed_micro - ledger_micro)
    return difference <= _SMALL_MICRO or 100 * difference <= _SMALL_PERCENT * abs(ledger_micro)


def _explanation(billed_micro: int, ledger_micro: int, known: LedgerPart) -> str:
    """What makes the difference: what it is exactly if some supposition comes to it, else what may."""
    fitting = [one for one in known.suppositions if agrees(billed_micro, one.micro_usd)]
    if fitting:
        closest = min(fitting, key=lambda one: abs(one.micro_usd - billed_micro))
        return f"{closest.what} comes to {_usd(closest.micro_usd)}"
    causes = known.if_more if billed_micro > ledger_micro else known.if_less
    return "; or ".join(causes) or "not explained by anything that the ledger knows"


def _part(part: Part, billed_micro: int, known: LedgerPart) -> ComparedPart:
    factor = None
    if known.micro_usd and billed_micro > 0:
        factor = (known.scale * billed_micro / known.micro_usd).quantize(Decimal("0.000001"))
    return ComparedPart(
        part=part,
        billed_micro=billed_micro,
        ledger_micro=known.micro_usd,
        factor=factor,
        basis=known.basis,
        agrees=known.micro_usd is not None and agrees(billed_micro, known.micro_usd),
    )


def _compared(line: InvoiceLine, ledger_micro: int | None, explained_by: str) -> ComparedLine:
    return ComparedLine(
        number=line.number,
        description=line.description,
        part=line.part,
        billed_micro=line.micro_usd,
        ledger_micro=ledger_micro,
        explained_by=explained_by,
    )


def _words(part: Part) -> str:
    return {"ai_credits": "AI credits"}.get(part, part)


def _usd(micro_usd: int) -> str:
    return f"{micro_usd / MICRO:,.2f} USD"
