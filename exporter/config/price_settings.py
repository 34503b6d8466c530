"""What the workspace pays and what a run is worth to its owners: settings, in millionths of a dollar."""

from collections.abc import Mapping

from msgspec import Struct, field

from exporter.config.match import Match
from exporter.config.price_book import BOOKS, Book, read_book
from exporter.facts import Project


class SeatPrices(Struct, frozen=True, kw_only=True):
    """Prices of one plan that take the place of the book's, a month and seat; None: the book's holds."""

    editor_month_micro_usd: int | None = field(default=None, name="editor_month")
    explorer_month_micro_usd: int | None = field(default=None, name="explorer_month")
    viewer_month_micro_usd: int | None = field(default=None, name="viewer_month")


class Prices(Struct, frozen=True, kw_only=True):
    """The price book, the plan, and what differs from the list, in the workspaces that match the glob `workspace`.

    `run_micro_usd` and `warehouse_minute_micro_usd` are what a run, and a minute of one, cost in the owners' own
    estimate; None: they say nothing.
    """

    book: str = BOOKS[-1]
    plan: str | None = None
    overrides: Mapping[str, SeatPrices] = field(default_factory=dict)
    compute_hour_micro_usd: Mapping[str, int] = field(default_factory=dict, name="compute_hour_usd")
    ai_credit_micro_usd: int | None = field(default=None, name="ai_credit_usd")
    run_micro_usd: int | None = field(default=None, name="run_usd")
    warehouse_minute_micro_usd: int | None = field(default=None, name="warehouse_usd_per_minute")
    workspace: str = "*"

    @property
    def price_book(self) -> Book:
        """The book itself."""
        return read_book(self.book)


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
        matching = (entry.profile for entry in self.profiles if entry.match.matches(workspace, project))
        return next(matching, self.default)
