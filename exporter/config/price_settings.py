"""What the workspace pays and what a run is worth to its owners: settings, in millionths of a dollar."""

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import accumulate
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from exporter.config.match import Match
from exporter.config.price_book import Book, book_on, read_book
from exporter.facts import Project

SCALED = ("seats", "compute", "ai_credits")
"""The components of Hex's bill."""


class SeatPrices(Struct, frozen=True, kw_only=True):
    """Prices of one plan that take the place of the book's, a month and seat; None: the book's holds."""

    editor_month_micro_usd: int | None = field(default=None, name="editor_month")
    explorer_month_micro_usd: int | None = field(default=None, name="explorer_month")
    viewer_month_micro_usd: int | None = field(default=None, name="viewer_month")


class Prices(Struct, frozen=True, kw_only=True):
    """The price book, the plan, and what differs from the list, in the workspaces that match the glob `workspace`.

    `run_micro_usd` and `warehouse_minute_micro_usd` are what a run, and a minute of one, cost in the owners' own
    estimate; None: they say nothing. `scale_micro` is by component of Hex's bill the factor, in millionths, between
    these prices and what is really billed; 1 where it is not there. `valid_from` is the first day of all this, None:
    since ever. `book` None: of each day the book that is valid then.
    """

    book: str | None = None
    plan: str | None = None
    overrides: Mapping[str, SeatPrices] = field(default_factory=dict)
    compute_hour_micro_usd: Mapping[str, int] = field(default_factory=dict, name="compute_hour_usd")
    ai_credit_micro_usd: int | None = field(default=None, name="ai_credit_usd")
    run_micro_usd: int | None = field(default=None, name="run_usd")
    warehouse_minute_micro_usd: int | None = field(default=None, name="warehouse_usd_per_minute")
    scale_micro: Mapping[str, int] = field(default_factory=dict, name="scale")
    valid_from: date | None = None
    workspace: str = "*"

    def price_book(self, day: date) -> Book:
        """The book that applies on the day."""
        return book_on(day) if self.book is None else read_book(self.book)

    def after(self, earlier: "Prices") -> "Prices":
        """These prices from their day on; where none is given the earlier one goes on."""
        seats = dict(earlier.overrides)
        for plan, prices in self.overrides.items():
            seats[plan] = _over(prices, seats.get(plan, SeatPrices()))
        return msgspec.structs.replace(
            _over(self, earlier),
            overrides=seats,
            compute_hour_micro_usd={**earlier.compute_hour_micro_usd, **self.compute_hour_micro_usd},
            scale_micro={**earlier.scale_micro, **self.scale_micro},
            valid_from=self.valid_from,
        )


def price_history(entries: Iterable[Prices]) -> tuple[Prices, ...]:
    """What applied from which day on, the earliest first: each entry says what changes on its day."""
    ordered = sorted(entries, key=lambda one: one.valid_from or date.min)
    return tuple(accumulate(ordered, lambda earlier, one: one.after(earlier)))


T = TypeVar("T", bound=Struct)


def _over(later: T, earlier: T) -> T:
    """The later settings, with the earlier ones where it gives none."""
    given = {name: value for name in later.__struct_fields__ if (value := getattr(later, name)) is not None}
    return msgspec.structs.replace(earlier, **given)


class Profile(Struct, frozen=True, kw_only=True):
    """The compute profile of the projects that match."""

    match: Match
    profile: str


class Compute(Struct, frozen=True, kw_only=True):
    """The compute profiles of projects, which the API does not give, in the workspaces that match `workspace`."""

    default: str = "medium"
    profiles: tuple[Profile, ...] = ()
    workspace: str = "*"

    def profile_of(self, workspace: str, project: Project) -> str:
        """The profile of the first entry that matches the project, else the default."""
        return self.stated_profile_of(workspace, project) or self.default

    def stated_profile_of(self, workspace: str, project: Project) -> str | None:
        """The profile of the first entry that matches the project, None without one."""
        matching = (entry.profile for entry in self.profiles if entry.match.matches(workspace, project))
        return next(matching, None)

    def is_stated(self, workspace: str, project: Project) -> bool:
        """Whether an entry gives the project's profile, so that it is not only assumed."""
        return any(entry.match.matches(workspace, project) for entry in self.profiles)
