"""Price books: the vendor's list prices as they stood on a day, each a YAML file beside this module."""

from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Literal

import msgspec
import yaml
from msgspec import Struct

BOOKS = ("hex-2026-10",)
"""The names of the books that come with the program, the newest last."""

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

    `compute_hour` is by compute profile, 0 for those that every plan includes.
    """

    name: str
    read_on: date
    sources: tuple[str, ...]
    seats: dict[str, SeatKind]
    plans: dict[str, Plan]
    compute_hour: dict[str, Decimal]
    ai_credit: Decimal


@cache
def read_book(name: str) -> Book:
    """The book of this name; KeyError if there is none."""
    if name not in BOOKS:
        raise KeyError(name)
    text = (resources.files(__package__) / f"{name}.yaml").read_text("utf-8")
    return msgspec.convert(yaml.safe_load(text), Book, strict=True)
