"""Budgets: how much of what, for which runs, in which period."""

from typing import Literal

from msgspec import Struct

from exporter.config.match import Match, matches_glob

Unit = Literal["runs", "usd", "bill_usd", "warehouse_usd", "compute_minutes", "ai_credits"]

PeriodKind = Literal["week", "month"]


class Thresholds(Struct, frozen=True, kw_only=True):
    """The parts of the limit at which each severity begins. Raises ValueError unless each is above the one before."""

    info: float = 0.5
    warning: float = 0.8
    critical: float = 1.0

    def __post_init__(self) -> None:
        if not self.info < self.warning < self.critical:
            given = f"info {self.info:g}, warning {self.warning:g}, critical {self.critical:g}"
            raise ValueError(f"{given} are not in order; write each above the one before")


class BudgetMatch(Match, frozen=True, kw_only=True):
    """The projects that a budget is about, and by `trigger` which of their runs."""

    trigger: str | None = None

    def matches_trigger(self, trigger: str) -> bool:
        """Whether a run with this trigger is meant."""
        return self.trigger is None or matches_glob(self.trigger, trigger)


_OF_NO_PROJECT = {
    "ai_credits": "no credit has a project",
    "bill_usd": "no seat and no credit has a project",
}


class Budget(Struct, frozen=True, kw_only=True):
    """A limit on what the matching runs use in each calendar week or month of the configured time zone.

    `limit` is in the unit: runs, dollars, minutes of run time, credits. `usd` is what runs cost by compute and by the
    owners' own estimate, with `warehouse` also what queries cost in the warehouses, which is all that `warehouse_usd`
    is. `bill_usd` is seats, compute, AI credits, and the warehouses where their logs are read. Raises ValueError for AI
    credits, or the bill, of some projects: Hex reports credits by thread, and threads, like seats, belong to no
    project; and for `warehouse` with a unit other than usd.
    """

    name: str
    unit: Unit
    limit: float
    match: BudgetMatch = BudgetMatch()
    thresholds: Thresholds = Thresholds()
    period: PeriodKind = "week"
    warehouse: bool = False

    def __post_init__(self) -> None:
        is_of_some = self.match.trigger is not None or not self.match.is_of_workspaces
        if self.unit in _OF_NO_PROJECT and is_of_some:
            what = _OF_NO_PROJECT[self.unit]
            raise ValueError(f"{self.unit} cannot be matched to runs, as {what}; match by workspace only")
        if self.warehouse and self.unit != "usd":
            raise ValueError("warehouse adds the warehouses' money to a budget in usd; set unit: usd, or leave it out")

    @property
    def has_warehouse_money(self) -> bool:
        """Whether what queries cost in the warehouses adds to it."""
        return self.warehouse or self.unit in ("warehouse_usd", "bill_usd")

    def is_for(self, workspace: str) -> bool:
        """Whether this workspace has the budget; every workspace that does has it on its own."""
        return self.match.is_for(workspace)


DEFAULT_BUDGET = Budget(name="weekly-runs", unit="runs", limit=500)
"""What there is when no budget is given."""
