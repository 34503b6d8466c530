"""A workspace's AI credits at one moment: who used them this week, with what, and how the month's grants stand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from exporter.config import Contract, Week
from exporter.facts import Seat
from exporter.insight import (
    WEEK_MS,
    CreditOutlook,
    CreditUse,
    Period,
    Tariff,
    credit_outlook,
    grants_of,
    period_at,
    pool_milli,
    usual_week,
)

OTHER_USERS = "other"
"""Stands for everybody who has no series of their own, and for those whom the listing of users lacks."""

MOST_USERS = 20
"""So many have a series of their own; the rest share one."""

MOST_KINDS = 50
"""So many combinations of source, type and model have a series; the rest share one."""

CreditKind = tuple[str, str, str]
"""Source, thread type and model of the threads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditAccount:
    """What visible threads used, in thousandths of a credit; private ones are not shown by Hex, so it is at least this.

    `use` has everything, by instant; `last_7d_milli` are the seven days until now, `usual_7d_milli` the median of such
    spans before them. `outlook` is None where the plan, or what comes with its seats, is not known. `by_user` (by user
    id, None: no one named) and `by_kind` are of this week. `of` is the same account of a part of the use.
    """

    use: CreditUse
    week: Period
    last_7d_milli: int
    usual_7d_milli: float | None
    outlook: CreditOutlook | None
    by_user: Mapping[str | None, int]
    by_kind: Mapping[CreditKind, int]
    of: Callable[[CreditUse], "CreditAccount"] = field(repr=False, compare=False)


def credit_account(
    use: CreditUse, seats: Sequence[Seat] | None, tariff: Tariff, week: Week, now_ms: int, contract: Contract | None
) -> CreditAccount:
    """What was used, and how the month stands for today's seats; `seats` None: they cannot be read."""
    plan, this_week = tariff.prices.plan, period_at(now_ms, "week", week)
    grants = None if plan is None or seats is None else grants_of(tariff, plan, seats)
    month = period_at(now_ms, "month", week)
    pool = pool_milli(contract, now_ms, week.timezone)
    return CreditAccount(
        use=use,
        week=this_week,
        last_7d_milli=use.between(now_ms - WEEK_MS, now_ms + 1),
        usual_7d_milli=usual_week(use, now_ms),
        outlook=None if grants is None else credit_outlook(use, grants, tariff, month, now_ms, pool),
        by_user=use.by(lambda one: one.user_id, *this_week),
        by_kind=use.by(lambda one: (one.source, one.thread_type, one.model), *this_week),
        of=lambda part: credit_account(part, seats, tariff, week, now_ms, contract),
    )
