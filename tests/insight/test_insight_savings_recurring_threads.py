"""Tasks and Evals are found by user, title and spacing; what people ask by hand is not."""

import random
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from helpers.evidencing import PRICES, StillClock, is_of, read_audit_input
from helpers.sizes import size
from msgspec.structs import replace as replaced

from exporter.facts import Seat, Thread
from exporter.insight.credit_use import CreditGrowth, CreditUse
from exporter.insight.savings.audit_input import AuditInput
from exporter.insight.savings.finding import Finding
from exporter.insight.savings.ranking import audit
from exporter.insight.tariffs import tariff
from exporter.simulator import Simulation

ZONE = ZoneInfo("Europe/Zurich")
NOW = datetime(2026, 11, 19, 15, tzinfo=ZONE)
HOUR = 3_600_000
DAY = 24 * HOUR


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def threads(
    moments: list[datetime], title: str | None = "Daily recap", user: str = "u", credits: float = 2
) -> tuple[Thread, ...]:
    return tuple(
        Thread(
            thread_id=f"{user}{title}{number}",
            source="hex",
            thread_type="thread",
            user_id=user,
            created_ms=ms(moment),
            credits_milli=round(credits * 1000),
            title=title,
        )
        for number, moment in enumerate(moments)
        if moment <= NOW
    )


def days(hour: int, minute: int, weekdays: str = "0123456", back: int = 35, jitter: float = 0) -> list[datetime]:
    """One moment of each of these local days, up to `jitter` minutes later."""
    dice = random.Random(7)
    found = [datetime(2026, 11, 19, hour, minute, tzinfo=ZONE) - timedelta(days=day) for day in range(back)]
    chosen = [moment for moment in found if str(moment.weekday()) in weekdays]
    return sorted(moment + timedelta(minutes=jitter * dice.random()) for moment in chosen)


def found(*groups: tuple[Thread, ...], plan: str | None = "team", now: datetime = NOW) -> list[Finding]:
    listed = tuple(thread for group in groups for thread in group)
    growths = [
        CreditGrowth(one.thread_id, one.user_id, one.source, one.thread_type, "", at, at, at, one.credits_milli or 0)
        for one in listed
        if (at := one.created_ms) is not None
    ]
    evidence = AuditInput(
        now_ms=ms(now),
        since_ms=None,
        tariff=tariff(replaced(PRICES, plan=plan)),
        month=(0, 1),
        seats=(Seat(user_id="u", email="u@sales.example", role="editor"), Seat(user_id="v", role="editor")),
        threads=listed,
        credits=CreditUse(growths),
    )
    return [one for one in audit(evidence).findings if one.kind == "recurring_threads"]


class TestFound:
    @pytest.mark.parametrize(
        ("moments", "hours"),
        [
            pytest.param(days(7, 30), 24, id="each day"),
            pytest.param(days(7, 30, "01234"), 24, id="on working days"),
            pytest.param(days(7, 30, "01234", jitter=10), 24, id="up to ten minutes late"),
            pytest.param(days(8, 0, "0"), 168, id="once a week"),
            pytest.param([NOW.replace(hour=14) - timedelta(hours=one) for one in range(200)][::-1], 1, id="each hour"),
            pytest.param(
                [NOW.replace(hour=12) - timedelta(hours=6 * one) for one in range(90)][::-1], 6, id="four a day"
            ),
        ],
    )
    def test_what_keeps_to_the_clock(self, moments: list[datetime], hours: int) -> None:
        (one,) = found(threads(moments))

        assert {fact.name: fact.value for fact in one.evidence}["one every"] == hours
        assert (one.subject_name, one.owner, one.subject_type) == ("Daily recap", "u@sales.example", "threads")

    def test_an_eval_begins_many_threads_at_once(self) -> None:
        suite = [moment + timedelta(seconds=20 * case) for moment in days(2, 0, "0") for case in range(12)]

        (one,) = found(threads(suite, "Eval: metrics", credits=0.5))

        # Six credits a week are 26.1 in a month of 30.4375 days.
        assert one.evidence[0].value == pytest.approx(6 * 30.4375 / 7, rel=0.005)
        assert "scheduled Eval" in one.why

    def test_a_date_in_the_title_is_no_other_title(self) -> None:
        moments = days(7, 30, "01234")
        dated = tuple(thread for moment in moments for thread in threads([moment], f"Sales of {moment:%A %d %B %Y}"))

        assert len(found(dated)) == 1

    def test_its_identity_lasts_and_shows_neither_user_nor_title(self) -> None:
        (before,) = found(threads(days(7, 30)[:-3]), now=NOW - timedelta(days=3))
        (after,) = found(threads(days(7, 30)))

        assert before.subject == after.subject
        assert re.fullmatch(r"threads-[0-9a-f]{16}", after.subject)


class TestNotFound:
    @pytest.mark.parametrize(
        "group",
        [
            pytest.param(threads(days(9, 0, "01234", jitter=150)), id="by hand each morning"),
            pytest.param(threads(days(7, 30, "0", back=21)), id="three times"),
            pytest.param(threads(days(7, 30)[:-5]), id="ended five days ago"),
            pytest.param(threads(days(7, 30, "0")[:-2]), id="the weekly one ended"),
            pytest.param(threads(days(7, 30), None), id="private, without a title"),
            pytest.param(threads(days(7, 30)[::2] + days(17, 11)[1::2]), id="mornings and evenings by turns"),
            pytest.param(
                tuple(one for n, at in enumerate(days(7, 30)) for one in threads([at], f"T{'abcdefg'[n % 7]}")),
                id="other titles",
            ),
        ],
    )
    def test_what_only_looks_so(self, group: tuple[Thread, ...]) -> None:
        titles = {fact for one in found(group) for fact in [one.subject_name]}
        assert titles <= {f"T{letter}" for letter in "abcdefg"}

    def test_private_threads_are_said_to_be_beyond_it(self) -> None:
        evidence = AuditInput(
            now_ms=ms(NOW), since_ms=None, tariff=tariff(PRICES), month=(0, 1), threads=threads(days(7, 30), None)
        )

        (said,) = [one for one in audit(evidence).not_judged if one.kind == "recurring_threads"]
        assert (said.is_partial, said.why) == (True, "35 threads have no title that this token may see")


class TestMoney:
    def test_only_what_is_beyond_the_users_grant_is_money(self) -> None:
        """60.875 credits a month are 20.875 beyond an editor's 40, at half a dollar."""
        (one,) = found(threads(days(7, 30)))

        assert one.saving.micro == pytest.approx(20.875 * 500_000, rel=0.005)
        assert one.cost.micro == pytest.approx(60.875 * 500_000, rel=0.005)

    def test_within_the_grant_nothing_is_saved(self) -> None:
        (one,) = found(threads(days(7, 30), credits=1))

        assert (one.saving.micro, one.evidence[0].value) == (0, pytest.approx(30.4375, rel=0.005))

    def test_two_of_one_user_count_no_credit_twice(self) -> None:
        both = found(threads(days(7, 30)), threads(days(18, 0)[:-1], "Evening recap"))

        beyond = (2 * 60.875 - 40) * 500_000
        assert sum(one.counted.micro or 0 for one in both) == pytest.approx(beyond, rel=0.02)

    def test_without_a_plan_it_has_no_price(self) -> None:
        (one,) = found(threads(days(7, 30)), plan=None)

        assert (one.saving.micro, one.cost.micro) == (None, None)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 1 + size(2, 8)))
def test_planted_tasks_and_evals_are_found_and_nothing_else(seed: int) -> None:
    simulation: Any = Simulation(seed, 40, clock=StillClock(1_795_000_000.0))
    pieces = [one for one in simulation.waste if one.kind == "recurring_threads"]

    findings = [one for one in audit(read_audit_input(simulation)).findings if one.kind == "recurring_threads"]

    for piece in pieces:
        right = [one for one in findings if is_of(piece, one)]
        assert len(right) == piece.is_waste, piece
        for one in right:
            month = piece.credits_per_week * 30.4375 / 7
            # Four or five firings a month vary by chance alone.
            assert one.evidence[0].value == pytest.approx(month, rel=0.2 if month < 7 else 0.1)
    assert len(findings) == sum(piece.is_waste for piece in pieces)
