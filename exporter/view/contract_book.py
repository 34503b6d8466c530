"""The contract of one workspace, beside what the ledger knows to be used of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from exporter.config import Config
from exporter.facts import Seat
from exporter.insight import (
    ContractItem,
    ContractStatus,
    CreditUse,
    Period,
    ProjectProfiles,
    Tariff,
    commit_item,
    contract_year,
    credits_item,
    days_of,
    is_over,
    local_day,
    midnight_ms,
    period_at,
    seat_items,
)
from exporter.ledger import WorkspaceLedger

_HOUR_MS = 3_600_000
_WEEK_MS = 7 * 24 * _HOUR_MS


class ContractBook:
    """Remembers for an hour what the year came to: it is read from all of its runs. For one thread at a time."""

    def __init__(self, ledger: WorkspaceLedger, config: Config) -> None:
        self._ledger = ledger
        self._contract = config.contract(ledger.name)
        self._week = config.week(ledger.name)
        self._year_cost: tuple[object, int] | None = None

    def status(
        self,
        now_ms: int,
        tariff: Tariff,
        seats: Sequence[Seat] | None,
        use: CreditUse | None,
        known_since_ms: int | None,
        cost_of: Callable[[Period], int | None],
    ) -> ContractStatus | None:
        """How it stands, None without a contract or before its year. Raises LedgerError.

        `cost_of` gives what Hex bills for some days, None where that is not known; everything since `known_since_ms`
        is known.
        """
        contract, zone = self._contract, self._week.timezone
        if contract is None:
            return None
        year = contract_year(contract, zone)
        if is_over(contract, now_ms, zone):
            return ContractStatus(contract=contract, year=year, is_over=True)
        if year is not None and now_ms < year[0]:
            return None
        today = local_day(now_ms, zone)
        items = list(seat_items(contract, tariff, seats, today, zone))
        if contract.credits_month is not None:
            items.append(self._credits(contract.credits_month, tariff, use, now_ms))
        known_days = None
        if contract.commit_year_micro_usd is not None and year is not None:
            item, known_days = self._commit(contract.commit_year_micro_usd, year, now_ms, known_since_ms, cost_of)
            items.append(item)
        return ContractStatus(contract=contract, year=year, is_over=False, items=tuple(items), known_days=known_days)

    def _credits(self, bought: float, tariff: Tariff, use: CreditUse | None, now_ms: int) -> ContractItem:
        """At the pace of the last seven days, as the outlook on grants has it."""
        if use is None:
            return credits_item(bought, tariff, None, None)
        month = period_at(now_ms, "month", self._week)
        used = use.between(month[0], now_ms)
        pace = use.between(now_ms - _WEEK_MS, now_ms)
        return credits_item(bought, tariff, used, used + pace * max(0, month[1] - now_ms) // _WEEK_MS)

    def _commit(
        self,
        bought_micro: int,
        year: Period,
        now_ms: int,
        known_since_ms: int | None,
        cost_of: Callable[[Period], int | None],
    ) -> tuple[ContractItem, int]:
        """The days of the year that are known, today included, stand for all of them."""
        zone = ZoneInfo(self._week.timezone)
        year_days = len(tuple(days_of(year, self._week.timezone)))
        end_ms = midnight_ms(local_day(now_ms, self._week.timezone) + timedelta(days=1), zone)
        if known_since_ms is None:
            return commit_item(bought_micro, None, 0, year_days), 0
        start_ms = max(year[0], self._next_midnight(known_since_ms))
        if start_ms >= end_ms:
            return commit_item(bought_micro, None, 0, year_days), 0
        key = (start_ms, now_ms // _HOUR_MS)
        if self._year_cost is None or self._year_cost[0] != key:
            cost = cost_of((start_ms, end_ms))
            if cost is None:
                return commit_item(bought_micro, None, 0, year_days), 0
            self._year_cost = (key, cost)
        days = len(tuple(days_of((start_ms, end_ms), self._week.timezone)))
        return commit_item(bought_micro, self._year_cost[1], days, year_days), days

    def _next_midnight(self, at_ms: int) -> int:
        zone = ZoneInfo(self._week.timezone)
        day = local_day(at_ms, self._week.timezone)
        start_ms = midnight_ms(day, zone)
        return start_ms if start_ms == at_ms else midnight_ms(day + timedelta(days=1), zone)


def compute_cost(
    ledger: WorkspaceLedger,
    profiles: Mapping[str, ProjectProfiles],
    parts: Iterable[tuple[Period, Tariff]],
) -> int:
    """What the runs of some days cost in compute, added up by the database: a year is not read into memory.

    `profiles` is by project, those that are left out not among them. The run time of each version of a project is
    rounded once.
    """
    return sum(_part_costs(ledger, profiles, parts))


def _part_costs(
    ledger: WorkspaceLedger, profiles: Mapping[str, ProjectProfiles], parts: Iterable[tuple[Period, Tariff]]
) -> Iterator[int]:
    for period, tariff in parts:
        for (project_id, version), ms in ledger.run_sums.by_version(*period).items():
            if project_id in profiles:
                hour = tariff.compute_hour_micro_usd(profiles[project_id].of(version).name)
                yield (hour * ms + _HOUR_MS // 2) // _HOUR_MS
