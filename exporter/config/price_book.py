"""Price books: the vendor's list prices from a day on, each a YAML file beside this module."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Literal

import msgspec
import yaml
from msgspec import Struct

BOOKS = ("hex-2026-10",)
"""The names of the books that come with the program, in the order of their `valid_from`, the newest last."""

SeatKind = Literal["editor", "explorer", "viewer"]


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One plan: dollars a month for a seat of each kind, AI credits a month that come with it, and what it lacks.

    None: the vendor names no price, or no grant; `published_apps` None: any number.
    """

    editor_month: Decimal | None
    explorer_month: Decimal | None
    viewer_month: Decimal | None
    editor_credits: int | None
    explorer_credits: int | None
    has_api: bool
    published_apps: int | None


class Book(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One price book, in dollars. `seats` says which kind of seat a role takes; other roles take none.

    `valid_from` is the first day on which its prices are known to apply; they were read on the day `read_on`.
    `compute_hour` is by compute profile, 0 for those that every plan includes; `ai_top_up_credits` is how many AI
    credits are bought at a time.
    """

    name: str
    valid_from: date
    read_on: date
    sources: tuple[str, ...]
    seats: dict[str, SeatKind]
    plans: dict[str, Plan]
    compute_hour: dict[str, Decimal]
    ai_credit: Decimal
    ai_top_up_credits: int


@cache
def read_book(name: str) -> Book:
    """The book of this name; KeyError if there is none."""
    if name not in BOOKS:
        raise KeyError(name)
    text = (resources.files(__package__) / f"{name}.yaml").read_text("utf-8")
    return msgspec.convert(yaml.safe_load(text), Book, strict=True)


def book_on(day: date, books: Sequence[Book] | None = None) -> Book:
    """The newest book that is valid on the day, of those that come with the program unless others are given.

    Before the first is valid it stands for what is not known.
    """
    books = [read_book(name) for name in BOOKS] if books is None else books
    valid = [book for book in books if book.valid_from <= day]
    return valid[-1] if valid else books[0]
