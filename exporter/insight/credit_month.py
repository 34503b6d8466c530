"""AI credits against what comes with the seats: what is left of this month, how long it lasts, what has to be bought.

The pace is that of the last seven days, so that a weekend is no lull. A grant belongs to its user: what one leaves
unused helps no other. Private threads are not shown by Hex, so what was used is at least this, and left is at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from exporter.insight.ai_credits import Grants
from exporter.insight.calendar_period import Period
from exporter.insight.credit_use import CreditGrowth, CreditUse
from exporter.insight.tariffs import Tariff

_WEEK_MS = 7 * 86_400_000
_USUAL_WEEKS = 4
_FEWEST_WEEKS = 2
"""One week before this one says nothing of what is usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditOutlook:
    """One calendar month, in thousandths of a credit. Instants are None if they do not come at this pace.

    `beyond_milli` is what was used beyond each user's grant, `expected_` what will have been at the month's end.
    `first_gone_ms` is when the first user's grant is used up, and credits begin to be bought; `all_gone_ms` when as
    much has been used as all grants together. `top_ups` are packs still to be bought until the month ends.
    """

    month: Period
    granted_milli: int
    used_milli: int
    left_milli: int
    beyond_milli: int
    expected_milli: int
    expected_beyond_milli: int
    first_gone_ms: int | None
    all_gone_ms: int | None
    top_ups: int
    top_ups_micro: int
    users_beyond: int


def credit_outlook(
    use: CreditUse, grants: Grants, tariff: Tariff, month: Period, now_ms: int, pool_milli: int = 0
) -> CreditOutlook:
    """How the month's credits stand now, and at its end if use goes on as in the last seven days.

    `pool_milli` are those of a contract, which all users share: nothing is bought before they are used, too.
    """
    used = use.by(lambda one: one.user_id or "", month[0], now_ms)
    week = use.by(lambda one: one.user_id or "", now_ms - _WEEK_MS, now_ms)
    left_ms = max(0, month[1] - now_ms)
    expected = {user: used[user] + week[user] * left_ms // _WEEK_MS for user in (*used, *week)}
    granted = sum(grants.values())
    beyond, expected_beyond = _beyond(used, grants, pool_milli), _beyond(expected, grants, pool_milli)
    pack_milli = tariff.book.ai_top_up_credits * 1000
    top_ups = -(-max(0, expected_beyond - beyond) // pack_milli)
    own: dict[str, list[CreditGrowth]] = {user: [] for user, amount in expected.items() if amount > grants.get(user, 0)}
    for one in use.growths:
        if one.until_ms >= month[0] and (found := own.get(one.user_id or "")) is not None:
            found.append(one)
    firsts = [
        gone_ms
        for user, growths in own.items()
        if (gone_ms := _gone_ms(CreditUse(growths), grants.get(user, 0), week[user], month, now_ms)) is not None
    ]
    return CreditOutlook(
        month=month,
        granted_milli=granted,
        used_milli=sum(used.values()),
        left_milli=sum(max(0, grant - used[user]) for user, grant in grants.items()),
        beyond_milli=beyond,
        expected_milli=sum(expected.values()),
        expected_beyond_milli=expected_beyond,
        first_gone_ms=min(firsts, default=None),
        all_gone_ms=_gone_ms(use, granted, sum(week.values()), month, now_ms),
        top_ups=top_ups,
        top_ups_micro=top_ups * tariff.book.ai_top_up_credits * tariff.ai_credit_micro_usd,
        users_beyond=sum(amount > grants.get(user, 0) for user, amount in used.items()),
    )


def usual_week(use: CreditUse, now_ms: int) -> float | None:
    """The median of the four spans of seven days before the last; None unless two of them lie after the first use."""
    if use.since_ms is None:
        return None
    starts = [now_ms - _WEEK_MS * (week + 2) for week in range(_USUAL_WEEKS)]
    weeks = [use.between(start_ms, start_ms + _WEEK_MS) for start_ms in starts if start_ms >= use.since_ms]
    return median(weeks) if len(weeks) >= _FEWEST_WEEKS else None


def _beyond(used: Mapping[str, int], grants: Grants, pool_milli: int) -> int:
    beyond = sum(max(0, amount - grants.get(user, 0)) for user, amount in used.items())
    return min(beyond, max(0, sum(used.values()) - pool_milli)) if pool_milli else beyond


def _gone_ms(use: CreditUse, grant: int, week_milli: int, month: Period, now_ms: int) -> int | None:
    """When more than the grant has been used since the month began: an instant that is past, or foreseen."""
    used = use.between(month[0], now_ms)
    if used <= grant:
        return now_ms + (grant - used) * _WEEK_MS // week_milli if week_milli else None
    low, high = month[0], now_ms  # by then it was not used up, and by then it was
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if use.between(month[0], middle) > grant else (middle, high)
    return high
