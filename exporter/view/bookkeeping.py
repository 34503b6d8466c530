"""Keeping a workspace's accounts: what its runs, seats and threads add to, by budget and by component of cost."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar
from zoneinfo import ZoneInfo

import structlog

from exporter.config import DEFAULT_BUDGET, Budget, Config
from exporter.errors import LedgerError
from exporter.facts import Seat
from exporter.insight import (
    BudgetCurve,
    BudgetStatus,
    Consumer,
    CreditUse,
    Money,
    Period,
    SeatHistory,
    SeatUse,
    Spent,
    Tariff,
    Tariffs,
    budget_status,
    credits_cost,
    fitting,
    grants_of,
    local_day,
    midnight_ms,
    months_of,
    period_at,
    period_before,
    plan_months,
    pool_milli,
    roles_of,
    seat_months,
    seat_uses,
    seats_as_listed,
    seats_cost,
    unknown_past,
    unmatched,
    unpriced,
    unpriced_profiles,
    with_seats,
    with_unheld_seats,
)
from exporter.ledger import KnownProject, Listing, WorkspaceLedger
from exporter.view.accounts import Accounts, WeekAccount
from exporter.view.budget_consumers import BudgetConsumers
from exporter.view.budget_curves import BudgetCurves
from exporter.view.budget_spent import BillSpent, BothSpent, BudgetUses, RunsSpent
from exporter.view.completeness import awaited, complete_since_ms, is_mostly_unreadable, lacking
from exporter.view.contract_book import ContractBook, compute_cost
from exporter.view.credit_book import KEPT_MS, CreditBook
from exporter.view.daily_usage import LEFT_OUT, DailyUsage, Share
from exporter.view.project_shares import ProjectShares
from exporter.view.snapshot import Stored
from exporter.view.warehouse_book import WarehouseBook, money_of_warehouses

Item = TypeVar("Item")

Span = tuple[Period, Period]
"""A period, and the one that it is compared with."""

_log = structlog.get_logger()


class Bookkeeper:
    """Keeps the accounts of one workspace under one configuration. Logs each remark once. For one thread at a time."""

    def __init__(self, ledger: WorkspaceLedger, config: Config) -> None:
        self._ledger = ledger
        self._name = ledger.name
        self._config = config
        self._week = config.week(self._name)
        self._budgets = config.budgets_of(self._name)
        self._tariffs = Tariffs(config.price_history(self._name))
        self._usage = DailyUsage(ledger, self._week.timezone, self._tariffs, self._budgets)
        self._warehouses = WarehouseBook(ledger, config)
        self._consumers = BudgetConsumers(BudgetUses(self._usage, self._warehouses), self._week)
        self._curves = BudgetCurves(self._week)
        self._shares = ProjectShares(config, self._name)
        self._terms = config.contract(ledger.name)
        self._credits = CreditBook(ledger, config.collect, self._week, self._terms)
        self._contract = ContractBook(ledger, config)
        self._seats: SeatHistory | None = None
        self._paid_seats: tuple[SeatHistory, Tariff, SeatHistory] | None = None
        self._accounts: Accounts | None = None
        self._logged: set[str] = set()
        self._has_compared = False

    def accounts(self, stored: Stored, now_ms: int, span: Span | None = None) -> Accounts | None:
        """The accounts as of this instant; the last ones, or None, while the ledger cannot be read.

        `span`: their period, and the one to compare it with, in the place of the week and the one before.
        """
        try:
            self._accounts = self._keep(stored, now_ms, span)
        except LedgerError:
            # The ledger reports its own trouble.
            return self._accounts
        self._log_remarks(self._accounts)
        return self._accounts

    def at_end_of(self, stored: Stored, period: Period) -> Accounts:
        """The accounts as of the last moment of a period, which takes the place of the week in them.

        Raises LedgerError.
        """
        return self._keep(stored, period[1] - 1, (period, period))

    def _keep(self, stored: Stored, now_ms: int, span: Span | None = None) -> Accounts:
        shares = self._shares.of(stored.projects, stored.versions, now_ms)
        this_week = period_at(now_ms, "week", self._week)
        week, previous_week = span or (this_week, period_before(this_week, "week", self._week))
        detailed_since_ms = min(previous_week[0], period_before(this_week, "week", self._week)[0])
        monthly_since_ms = detailed_since_ms
        if any(budget.period == "month" for budget in self._budgets):
            month = period_at(now_ms, "month", self._week)
            monthly_since_ms = min(monthly_since_ms, period_before(month, "month", self._week)[0])
        kept_since_ms = now_ms - round(self._config.storage.keep_runs_seconds * 1000)
        all_shares = shares | dict.fromkeys(stored.excluded, LEFT_OUT)
        self._usage.renew(all_shares, detailed_since_ms=detailed_since_ms, monthly_since_ms=monthly_since_ms)
        self._warehouses.renew(
            stored.warehouse_states, all_shares, detailed_since_ms=detailed_since_ms, kept_since_ms=kept_since_ms
        )
        tariff = self._tariffs.on(local_day(now_ms, self._week.timezone))
        has_paid_compute = self._has_paid_compute((previous_week[0], week[1]), shares)
        run_money: tuple[Money, ...] = ("billed",) if has_paid_compute else ()
        if self._has_own_estimate((previous_week[0], week[1])):
            run_money = (*run_money, "estimate")
        seats = self._fresh(stored.users, now_ms)
        history = None if seats is None or stored.users is None else self._seat_history(seats, stored.users.at_ms)
        used_credits = self._credits.use(stored, now_ms)
        if history is not None and stored.users is not None and now_ms < stored.users.at_ms:
            seats = history.at(now_ms)  # the books of the past have the seats of then

        refused_share = self._config.collect.refused_share
        mine_of = {
            index: [known for known in stored.projects if index in shares[known.project.project_id].budgets]
            for index in range(len(self._budgets))
        }

        def known_since_ms(projects: Sequence[KnownProject]) -> int | None:
            listing = stored.collectors.get("projects")
            if listing is None or listing.last_success_ms is None or is_mostly_unreadable(projects, refused_share):
                return None
            since_ms = complete_since_ms(awaited(projects), stored.first_contact_ms)
            return None if since_ms is None else max(since_ms, kept_since_ms)

        def spent(index: int, budget: Budget) -> Spent | None:
            if budget.unit == "ai_credits":
                return None if used_credits is None else self._credits.spent(used_credits, now_ms)
            queries = self._warehouses.spent(index, now_ms) if budget.has_warehouse_money else None
            if budget.unit == "warehouse_usd" or (budget.unit == "usd" and not run_money):
                return queries
            if budget.warehouse and queries is None:
                return None
            mine = mine_of[index]
            born_ms = min((known.project.created_ms or 0 for known in mine), default=now_ms)
            runs = RunsSpent(self._usage, index, known_since_ms(mine), born_ms)
            if budget.unit == "bill_usd":
                return BillSpent(runs, lambda period: credits_of(period).get("ai_credits"), queries)
            return runs if queries is None else BothSpent(runs, queries)

        def seats_of(period: Period) -> tuple[SeatUse, ...] | None:
            if history is None:
                return None
            return seat_uses(self._tariffs, self._paid(history, tariff), period, self._week.timezone)

        def credits_of(period: Period) -> Mapping[str, int]:
            if history is None or used_credits is None:
                return {}
            return dict(self._credits_cost(history, used_credits, period, now_ms))

        def cost_of(uses: tuple[SeatUse, ...] | None) -> int | None:
            return None if uses is None else seats_cost(uses)

        def status(index: int, budget: Budget) -> tuple[BudgetStatus, BudgetCurve | None]:
            used, at_ms = spent(index, budget), now_ms
            if budget.unit != "bill_usd" and budget.has_warehouse_money and used is not None:
                # Up to where the logs reach: the last hour is not one without queries.
                at_ms = min(now_ms, self._warehouses.until_ms or now_ms)
            found = budget_status(budget, used, self._week, at_ms)
            seats: tuple[int | None, int | None] = (None, None)
            if budget.unit == "bill_usd":
                before = period_before(found.period, budget.period, self._week)
                seats = (cost_of(seats_of(found.period)), cost_of(seats_of(before)))
                found = with_seats(found, *seats)
            return found, None if span else self._curves.of(index, found, used, at_ms, seats)

        def week_account(period: Period, whole: Period | None = None) -> WeekAccount:
            since_ms = known_since_ms(stored.projects)
            totals = self._usage.totals(*period) if since_ms is not None and since_ms <= period[0] else None
            costs: dict[str, int] = {}
            if totals is not None:
                costs["compute"] = sum(total.compute_micro_usd for total in totals.values())
                if self._has_own_estimate(period):
                    costs["own_estimate"] = sum(total.own_micro_usd for total in totals.values())
            uses = seats_of(period)
            if uses is not None:
                costs["seats"] = seats_cost(uses)
            costs |= credits_of(period)
            queries = self._warehouses.totals(period) if self._warehouses.knows(whole or period, now_ms) else None
            if queries is not None and (of_queries := money_of_warehouses(queries)) is not None:
                costs["warehouse"] = of_queries
            credits_milli = None if used_credits is None else used_credits.between(*period)
            return WeekAccount(
                period=period,
                totals=totals,
                costs=costs,
                credits_milli=credits_milli,
                seats=uses or (),
                profiles={} if totals is None else self._usage.profiles(*period),
                warehouse=queries or {},
            )

        def billed(period: Period) -> int | None:
            uses, credits_cost = seats_of(period), credits_of(period).get("ai_credits")
            if uses is None or (used_credits is not None and credits_cost is None):
                return None
            profiles = {project_id: share.profiles for project_id, share in shares.items()}
            compute = compute_cost(self._ledger, profiles, self._parts_by_price(period))
            return seats_cost(uses) + (credits_cost or 0) + compute

        all_since_ms = known_since_ms(stored.projects)
        if all_since_ms is not None and used_credits is not None:
            all_since_ms = max(all_since_ms, now_ms - KEPT_MS)

        stood = [status(index, budget) for index, budget in enumerate(self._budgets)]
        budgets = tuple(one for one, _ in stood)
        used_by = {index: self._consumers_of(index, one, used_credits, now_ms) for index, one in enumerate(budgets)}
        self._consumers.forget_others(used_by)
        account = week_account(week)
        months = months_of(week, self._week)
        return Accounts(
            budgets=budgets,
            curves=tuple(curve for _, curve in stood if curve is not None),
            consumers=tuple(used_by.values()),
            unreadable_projects=tuple(
                len(lacking(mine, stored.unreadable_runs, monthly_since_ms)) for mine in mine_of.values()
            ),
            week=account,
            months=(account,) if len(months) == 1 else tuple(week_account(month, week) for month in months),
            previous_week=week_account(previous_week),
            run_money=run_money,
            seat_months={} if seats is None else seat_months(tariff, seats),
            plan_months={} if seats is None else self._plan_months(tariff, seats, used_credits, now_ms),
            unmatched=tuple(unmatched(self._budgets, self._name, [known.project for known in stored.projects])),
            unpriced=(
                *unpriced(tariff, self._budgets, roles_of(seats or ()), has_paid_compute=has_paid_compute),
                *unpriced_profiles(tariff, [share.profiles for share in shares.values()]),
            ),
            assumed=tuple(unknown_past(week, self._week.timezone, history, self._tariffs)) if account.costs else (),
            credits=None if used_credits is None else self._credits.account(used_credits, seats, tariff, now_ms),
            contract=self._contract.status(now_ms, tariff, seats, used_credits, all_since_ms, billed),
            seat_kinds=tariff.book.seats,
            fit=next((fitting(one.recent) for one in budgets if one.budget == DEFAULT_BUDGET), None),
        )

    def _consumers_of(
        self, index: int, status: BudgetStatus, credits: CreditUse | None, now_ms: int
    ) -> tuple[Consumer, ...]:
        if status.budget.unit != "ai_credits":
            return self._consumers.of_runs(index, status, now_ms)
        return () if credits is None else self._consumers.of_credits(status, credits, now_ms)

    def _prices_of(self, period: Period) -> tuple[Tariff, ...]:
        zone = self._week.timezone
        return self._tariffs.between(local_day(period[0], zone), local_day(period[1] - 1, zone))

    def _has_own_estimate(self, period: Period) -> bool:
        return any(one.has_own_estimate for one in self._prices_of(period))

    def _has_paid_compute(self, period: Period, shares: Mapping[str, Share]) -> bool:
        profiles = frozenset[str]().union(*(share.profiles.names for share in shares.values()))
        return any(one.compute_hour_micro_usd(profile) for one in self._prices_of(period) for profile in profiles)

    def _seat_history(self, seats: Sequence[Seat], at_ms: int) -> SeatHistory:
        """Who had which seat when; read again only after another listing."""
        if self._seats is None or self._seats.looked_ms != at_ms:
            self._seats = self._ledger.seat_history() or seats_as_listed(seats, at_ms)
        return self._seats

    def _paid(self, history: SeatHistory, tariff: Tariff) -> SeatHistory:
        """The same with the seats that a contract has paid for and that no one holds."""
        if self._terms is None:
            return history
        if self._paid_seats is None or self._paid_seats[:2] != (history, tariff):
            paid = with_unheld_seats(history, self._terms, tariff, self._week.timezone)
            self._paid_seats = (history, tariff, paid)
        return self._paid_seats[2]

    def _fresh(self, listing: Listing[Item] | None, now_ms: int) -> tuple[Item, ...] | None:
        is_fresh = listing is not None and self._config.collect.is_fresh(listing.at_ms, now_ms)
        return listing.items if listing is not None and is_fresh else None

    def _credits_cost(
        self, history: SeatHistory, use: CreditUse, period: Period, now_ms: int
    ) -> Iterator[tuple[str, int]]:
        """What credits cost in a period, if the plan and its prices are known."""
        # Grants are by seat: those of the period's end, or of now while it goes on.
        seats = history.at(min(period[1] - 1, now_ms))
        cost = 0
        for part, tariff in self._parts_by_price(period):
            plan = tariff.prices.plan
            grants = None if plan is None else grants_of(tariff, plan, seats)
            if grants is None:
                return
            pool = pool_milli(self._terms, part[0], self._week.timezone)
            cost += credits_cost(tariff, use, grants, part, self._week, pool)
        yield "ai_credits", cost

    def _parts_by_price(self, period: Period) -> Iterator[tuple[Period, Tariff]]:
        """The parts of a period in which prices do not change, with those prices."""
        zone = ZoneInfo(self._week.timezone)
        changes = (midnight_ms(day, zone) for day in self._tariffs.days)
        borders = [period[0], *(at_ms for at_ms in changes if period[0] < at_ms < period[1]), period[1]]
        yield from zip(pairwise(borders), self._prices_of(period), strict=True)

    def _plan_months(
        self, tariff: Tariff, seats: Sequence[Seat], use: CreditUse | None, now_ms: int
    ) -> Mapping[str, int]:
        last_month = period_before(period_at(now_ms, "month", self._week), "month", self._week)
        return plan_months(tariff, seats, use, last_month)

    def _log_remarks(self, accounts: Accounts) -> None:
        """Log once what a person may want to know."""
        for sentence in accounts.unmatched:
            if sentence not in self._logged:
                self._logged.add(sentence)
                _log.warning("A budget matches nothing", workspace=self._name, reason=sentence)
        if accounts.fit is not None and not self._has_compared:
            self._has_compared = True
            _log.info("The default budget and the last weeks", workspace=self._name, comparison=accounts.fit)
