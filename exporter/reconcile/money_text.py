"""Amounts as invoices write them: signs, currencies, and either way round of comma and point."""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

Mark = Literal[".", ","]
"""What stands before the decimals."""

_SYMBOLS = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "CHF": "CHF", "¥": "JPY"}
_SPACES = re.compile(r"[\s\u00a0\u202f\u2009'’]")
_AMOUNT = re.compile(
    r"(?P<open>\()?(?P<sign>[-+−])?(?P<before>[A-Za-z]{3}|US\$|[$€£¥])?(?P<inner>[-+−])?(?P<figures>[0-9][0-9.,]*)"
    r"(?P<after>[A-Za-z]{3}|[$€£¥])?(?P<trailing>[-−])?(?P<close>\))?"
)
_GROUPS = {",": re.compile(r"\d{1,3}(,\d{3})+"), ".": re.compile(r"\d{1,3}(\.\d{3})+")}


def money_of(written: str, mark: Mark) -> tuple[Decimal, str | None] | None:
    """The amount and its currency, None where none is written beside it; None for what is no amount.

    Brackets, and a minus on either side, mean an amount below 0.
    """
    found = _AMOUNT.fullmatch(_SPACES.sub("", written))
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    figures = _figures(found["figures"], mark)
    signs = [found["open"], *(sign for sign in (found["sign"], found["inner"], found["trailing"]) if sign != "+")]
    is_below = sum(sign is not None for sign in signs)
    if figures is None or is_below > 1:
        return None
    currency = found["before"] or found["after"]
    return (-figures if is_below else figures), None if currency is None else _code(currency)


def mark_of(all_written: Iterable[str]) -> Mark | None:
    """Which mark these amounts have before their decimals; None where they leave it open, as `1,234` does.

    Raises ValueError where they contradict each other.
    """
    marks = {mark for written in all_written if (mark := _mark(_SPACES.sub("", written))) is not None}
    if len(marks) > 1:
        raise ValueError
    return next(iter(marks), None)


def is_open(written: str) -> bool:
    """Whether the amount may be read in two ways: one mark before three figures, as in `1,234`."""
    figures = re.sub(r"[^0-9.,]", "", written)
    return re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", figures) is not None


def _mark(written: str) -> Mark | None:
    figures = re.sub(r"[^0-9.,]", "", written)
    point, comma = figures.rfind("."), figures.rfind(",")
    if point >= 0 and comma >= 0:
        return "." if point > comma else ","
    if (point < 0 and comma < 0) or is_open(written):
        return None
    mark: Mark = "." if point >= 0 else ","
    other: Mark = "," if mark == "." else "."
    return other if figures.count(mark) > 1 else mark


def _figures(figures: str, mark: Mark) -> Decimal | None:
    grouping: Mark = "," if mark == "." else "."
    whole, found, decimals = figures.partition(mark)
    if grouping in whole and not _GROUPS[grouping].fullmatch(whole):
        return None
    plain = whole.replace(grouping, "")
    if (found and not re.fullmatch(r"\d*", decimals)) or not plain.isdecimal() or len(plain) > 12 or len(decimals) > 12:
        return None
    return Decimal(f"{plain}.{decimals or '0'}")


def _code(written: str) -> str:
    return _SYMBOLS.get(written, written.upper())
