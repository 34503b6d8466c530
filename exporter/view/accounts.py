"""The accounts of one workspace: how its budgets stand and what it costs; the metrics and `report` show the same."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.insight import BudgetCurve, BudgetStatus, Consumer, ContractStatus, Money, Period, SeatUse, money_of
from exporter.view.ai_credits import CreditAccount
from exporter.view.daily_usage import ProfileOfRuns, RunKind, Total
from exporter.view.warehouse_book import WarehouseTotals


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekAccount:
    """One week, or the part of one that lies in one month.

    Runs by kind, None until it is completely known; each component's cost that is known; the AI credits used, in
    thousandths, None where threads cannot be read; the seats that were held, with what each cost; of a
    closed period what was used by then of the budgets of the period, by name. `profiles`: what runs add up to by
    project and the compute profile that they had; periods that an earlier version closed have none. `warehouse` is
    what the component of that name is made of.
    """

    period: Period
    totals: Mapping[RunKind, Total] | None
    costs: Mapping[str, int]
    credits_milli: int | None = None
    seats: tuple[SeatUse, ...] = ()
    budgets: Mapping[str, float] = field(default_factory=dict)
    profiles: Mapping[ProfileOfRuns, Total] = field(default_factory=dict)
    warehouse: WarehouseTotals = field(default_factory=dict)

    @property
    def money(self) -> Mapping[Money, int]:
        """The cost by kind of money, of the components that are known; empty until the runs of the week are.

        So a bill never shows seats only, to jump when the runs have been read.
        """
        return money_of(self.costs) if self.totals is not None else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Everything that is shown of budgets and money; money in millionths of a dollar.

    `curves` has each budget's in the course of its period, none where the accounts are of a span in the place of the
    week. `consumers` are for each budget who used most of it: projects, and for AI credits users. `unreadable_projects`
    says of each budget how many of its projects it leaves out, because Hex does not show their runs. `months` is
    the week, in as many parts as it touches months, each rounded by itself. `run_money`: the kinds of money that
    runs cost, so that projects can be ranked by them. `seat_months` is by role and `plan_months` by plan. `unmatched`
    and `unpriced` say which budgets match no project and which prices are missing, a sentence each; `fit` how the
    default budget compares with the last weeks, where it is in use. `assumed` says what stands for seats and
    prices of the week that are not known. `credits` is None where threads cannot be read, and `contract`
    where none is configured, or its year has not begun. `seat_kinds` is the kind of seat that each role takes.
    """

    budgets: tuple[BudgetStatus, ...]
    curves: tuple[BudgetCurve, ...] = ()
    consumers: tuple[tuple[Consumer, ...], ...] = ()
    unreadable_projects: tuple[int, ...] = ()
    week: WeekAccount
    previous_week: WeekAccount
    months: tuple[WeekAccount, ...]
    run_money: tuple[Money, ...]
    seat_months: Mapping[str, int] = field(default_factory=dict)
    plan_months: Mapping[str, int] = field(default_factory=dict)
    unmatched: tuple[str, ...] = ()
    unpriced: tuple[str, ...] = ()
    fit: str | None = None
    assumed: tuple[str, ...] = ()
    credits: CreditAccount | None = None
    contract: ContractStatus | None = None
    seat_kinds: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_run_priced(self) -> bool:
        """Whether runs cost anything."""
        return bool(self.run_money)
