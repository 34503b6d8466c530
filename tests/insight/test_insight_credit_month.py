"""The month's AI credits against the seats' grants: sums made here by hand, from the price book's own figures."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from exporter.config import Prices, Week
from exporter.insight.calendar_period import period_at
from exporter.insight.credit_month import credit_outlook, usual_week
from exporter.insight.credit_use import CreditGrowth, CreditUse
from exporter.insight.tariffs import tariff

TEAM = tariff(Prices(plan="team"))
"""40 credits an editor and month, 0.50 dollars each beyond, bought 50 at a time."""

DAY = 86_400_000


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("UTC")).timestamp() * 1000)


NOVEMBER = period_at(ms("2026-11-15"), "month", Week(timezone="UTC"))


def daily(user: str, first: str, days: int, credits: float) -> list[CreditGrowth]:
    """So many credits at noon of each day."""
    noons = [ms(first) + day * DAY + DAY // 2 for day in range(days)]
    return [CreditGrowth(f"{user}{at}", user, "hex", "thread", "m", at, at, at, round(credits * 1000)) for at in noons]


def test_a_month_within_its_grants_buys_nothing() -> None:
    use = CreditUse(daily("a", "2026-11-01", 15, 1) + daily("b", "2026-11-01", 15, 1))

    found = credit_outlook(use, {"a": 40_000, "b": 40_000}, TEAM, NOVEMBER, ms("2026-11-16"))

    assert (found.granted_milli, found.used_milli, found.left_milli) == (80_000, 30_000, 50_000)
    assert (found.expected_milli, found.expected_beyond_milli, found.top_ups, found.top_ups_micro) == (60_000, 0, 0, 0)
    assert found.first_gone_ms is None  # 30 credits each by the end of November
    assert found.all_gone_ms == ms("2026-11-16") + 25 * DAY  # 50 more, at two a day: in December


def test_what_one_leaves_unused_helps_no_other() -> None:
    """a uses 4 a day: its 40 are gone on the tenth; b uses none and keeps its 40."""
    use = CreditUse(daily("a", "2026-11-01", 15, 4))

    found = credit_outlook(use, {"a": 40_000, "b": 40_000}, TEAM, NOVEMBER, ms("2026-11-16"))

    assert (found.used_milli, found.left_milli, found.beyond_milli, found.users_beyond) == (60_000, 40_000, 20_000, 1)
    assert found.expected_milli == 120_000
    assert found.expected_beyond_milli == 80_000
    assert found.first_gone_ms == ms("2026-11-11 12:00") + 1  # the 11th lot is the first beyond 40
    assert found.all_gone_ms == ms("2026-11-16") + 5 * DAY
    assert (found.top_ups, found.top_ups_micro) == (2, 50_000_000)  # 60 more credits: two packs at 25 dollars


def test_a_user_without_a_seat_has_no_grant() -> None:
    found = credit_outlook(CreditUse(daily("gone", "2026-11-01", 1, 3)), {}, TEAM, NOVEMBER, ms("2026-11-02"))

    assert (found.granted_milli, found.beyond_milli, found.left_milli) == (0, 3_000, 0)
    assert found.all_gone_ms == found.first_gone_ms == ms("2026-11-01 12:00") + 1


def test_a_new_month_begins_with_whole_grants_and_the_pace_of_the_days_before() -> None:
    use = CreditUse(daily("a", "2026-10-01", 31, 4))

    found = credit_outlook(use, {"a": 40_000}, TEAM, NOVEMBER, NOVEMBER[0])

    assert (found.used_milli, found.left_milli) == (0, 40_000)
    assert found.first_gone_ms == NOVEMBER[0] + 10 * DAY
    assert found.expected_milli == 120_000


def test_without_any_use_nothing_runs_out() -> None:
    found = credit_outlook(CreditUse([]), {"a": 40_000}, TEAM, NOVEMBER, ms("2026-11-16"))

    assert (found.first_gone_ms, found.all_gone_ms, found.left_milli, found.top_ups) == (None, None, 40_000, 0)


@pytest.mark.parametrize(("first", "days", "usual"), [("2026-10-01", 46, 7_000), ("2026-11-01", 15, None)])
def test_what_is_usual_needs_two_weeks_before_the_last(first: str, days: int, usual: float | None) -> None:
    assert usual_week(CreditUse(daily("a", first, days, 1)), ms("2026-11-16")) == usual
