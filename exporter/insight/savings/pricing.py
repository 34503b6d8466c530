"""What runs cost a month, by the tariff and the compute of their project."""

from collections.abc import Mapping
from math import fsum
from types import MappingProxyType
from typing import NamedTuple

from exporter.insight.savings.finding import MONTH_MS, Saving
from exporter.insight.tariffs import Tariff

_MINUTE_MS = 60_000
_HOUR_MS = 3_600_000


class Claim(NamedTuple):
    """So much of a project's runs in the window: a part of them may be claimed, so `runs` need not be whole.

    What stays, but costs less: with `hour_micro` each hour of compute is so much cheaper, with `is_queries` only the
    own estimate for queries is saved, with `other_micro` so much a month of the warehouse's bill. No run is saved then.
    """

    runs: float
    ms: int
    hour_micro: int | None = None
    is_queries: bool = False
    other_micro: int | None = None


class Pricing:
    """Prices of runs. Amounts are of a window of so many milliseconds, and are given for a month.

    Every figure is rounded down and grows with runs and run time, so that parts never cost more than the whole.
    """

    def __init__(
        self,
        tariff: Tariff,
        compute_hour_micro: Mapping[str, int],
        window_ms: int,
        queries: Mapping[str, tuple[int, float]] = MappingProxyType({}),
    ) -> None:
        """`queries`: what each project's scheduled queries cost a month in the warehouse, and its scheduled runs."""
        self._queries_of_schedules = queries
        self._tariff = tariff
        self._compute_hour_micro = compute_hour_micro
        self._window_ms = window_ms

    def is_priced(self, project_id: str) -> bool:
        """Whether anything gives this project's runs a price."""
        return self._tariff.has_own_estimate or self._compute_hour_micro.get(project_id, 0) > 0

    def month(self, project_id: str, claim: Claim) -> Saving:
        """What so much of one project costs a month."""
        if claim.other_micro is not None:
            return Saving(other_micro=claim.other_micro)
        if claim.hour_micro is not None:
            return Saving(micro=self._a_month(claim.hour_micro * claim.ms // _HOUR_MS))
        if claim.is_queries:
            return self._queries(claim)
        is_priced = self.is_priced(project_id)
        estimate = self._estimate(claim)
        by_hour = self._compute_hour_micro.get(project_id, 0) * claim.ms // _HOUR_MS
        return Saving(
            micro=self._a_month(estimate + by_hour) if is_priced else None,
            runs=claim.runs * MONTH_MS / self._window_ms,
            ms=claim.ms * MONTH_MS // self._window_ms,
            estimate_micro=self._a_month(estimate) if is_priced else 0,
            other_micro=self._warehouse(project_id, claim.runs),
        )

    def _warehouse(self, project_id: str, runs: float) -> int:
        month, all_runs = self._queries_of_schedules.get(project_id, (0, 0.0))
        return int(month * min(1.0, runs / all_runs)) if all_runs else 0

    def months(self, claims: Mapping[str, Claim]) -> Saving:
        """What so much of several projects costs a month."""
        return added([self.month(project_id, claim) for project_id, claim in claims.items()])

    def views(self, project_id: str, month: float, ms: int) -> Saving:
        """What so many runs a month for viewers of an app cost, of so many milliseconds each: an estimate, no bill."""
        minute, hour = self._tariff.prices.warehouse_minute_micro_usd, self._compute_hour_micro.get(project_id, 0)
        if minute is None and not hour:
            return Saving()
        whole = int(month * ms)
        micro = (minute or 0) * whole // _MINUTE_MS + hour * whole // _HOUR_MS
        return Saving(micro=micro, estimate_micro=micro)

    def _queries(self, claim: Claim) -> Saving:
        minute = self._tariff.prices.warehouse_minute_micro_usd
        if minute is None:
            return Saving()
        micro = self._a_month(minute * claim.ms // _MINUTE_MS)
        return Saving(micro=micro, estimate_micro=micro)

    def _estimate(self, claim: Claim) -> int:
        prices = self._tariff.prices
        by_run = int((prices.run_micro_usd or 0) * claim.runs)
        return by_run + (prices.warehouse_minute_micro_usd or 0) * claim.ms // _MINUTE_MS

    def _a_month(self, micro: int) -> int:
        return micro * MONTH_MS // self._window_ms


def added(savings: list[Saving]) -> Saving:
    """All of them together: money None where none of them has any. Runs are summed exactly, then rounded once."""
    priced = [saving.micro for saving in savings if saving.micro is not None]
    return Saving(
        micro=sum(priced) if priced else None,
        runs=fsum(saving.runs for saving in savings),
        ms=sum(saving.ms for saving in savings),
        estimate_micro=sum(saving.estimate_micro for saving in savings),
        other_micro=sum(saving.other_micro for saving in savings),
    )
