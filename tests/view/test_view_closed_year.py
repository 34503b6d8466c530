"""Seeded months of a workspace that is looked at once a day: every week and month that was closed stays as it was.

Seats and prices change, runs are seen late or end late, credits are seen late, over the borders of weeks and months.
The sums that the books are held against are written here, from the facts and the price list below.
"""

import random
from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from helpers.sizes import size

from exporter.config import Compute, Match, Prices, Profile, SeatPrices, Week
from exporter.facts import Run, Seat, Thread
from exporter.view import PeriodCloser
from exporter.view.closed_period import closed_period

ZONE = ZoneInfo("Europe/Zurich")
MICRO = 1_000_000
FIRST = date(2026, 1, 1)
DAYS = size(150, 365)
"""Every price changes in the first 150, and so do the clocks."""

MACHINES = {"ml": "4xl", "orders": "xl", "small": "medium"}

EDITOR = {date.min: 60, date(2026, 2, 15): 72}
EXPLORER = {date.min: 12}
HOUR = {"4xl": {date.min: 3 * MICRO, date(2026, 3, 16): 3_600_001}, "xl": {date.min: 650_000}, "medium": {date.min: 0}}
RUN = {date.min: 50_000, date(2026, 4, 2): 70_000}
CREDIT = {date.min: 500_000, date(2026, 5, 5): 600_000}
GRANT = 40_000  # an editor's on the plan `team`, in thousandths a month

PRICES = (
    Prices(
        book="hex-2026-10",
        plan="team",
        overrides={"team": SeatPrices(editor_month_micro_usd=60 * MICRO, explorer_month_micro_usd=12 * MICRO)},
        compute_hour_micro_usd={"4xl": 3 * MICRO, "xl": 650_000},
        run_micro_usd=50_000,
        ai_credit_micro_usd=500_000,
    ),
    Prices(valid_from=date(2026, 2, 15), overrides={"team": SeatPrices(editor_month_micro_usd=72 * MICRO)}),
    Prices(valid_from=date(2026, 3, 16), compute_hour_micro_usd={"4xl": 3_600_001}),
    Prices(valid_from=date(2026, 4, 2), run_micro_usd=70_000),
    Prices(valid_from=date(2026, 5, 5), ai_credit_micro_usd=600_000),
)


def on(prices: dict[date, int], day: date) -> int:
    return prices[max(start for start in prices if start <= day)]


def midnight(day: date) -> int:
    return round(datetime.combine(day, datetime.min.time(), ZONE).timestamp() * 1000)


def day_of(at_ms: int) -> date:
    return datetime.fromtimestamp(at_ms / 1000, ZONE).date()


def days(start: date, end: date) -> list[date]:
    return [start + timedelta(days=number) for number in range((end - start).days)]


def month_of(day: date) -> tuple[date, date]:
    first = day.replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def half_up(exact: Fraction) -> int:
    return int(exact + Fraction(1, 2))


@dataclass
class Facts:
    """What happened; `seen_ms` of a run is when Hex begins to list it, and it shows its end once that has come."""

    runs: list[tuple[Run, int]] = field(default_factory=list)
    threads: list[tuple[Thread, int]] = field(default_factory=list)
    seats: list[tuple[int, tuple[Seat, ...]]] = field(default_factory=list)

    def sums(self, start: date, end: date) -> dict[str, int]:
        """What a period comes to by every fact, and by the prices of its days."""
        mine = [run for run, _ in self.runs if start <= day_of(run.start_ms) < end]
        compute = own = 0
        for run in mine:
            day = day_of(run.start_ms)
            compute += half_up(Fraction(on(HOUR[MACHINES[run.project_id]], day) * run.elapsed_ms, 3_600_000))
            own += on(RUN, day)
        return {
            "runs": len(mine),
            "ms": sum(run.elapsed_ms for run in mine),
            "compute": compute,
            "own_estimate": own,
            "seats": self.seat_cost(start, end),
            "credits": sum(one.credits_milli for one, _ in self.threads if start <= day_of(one.created_ms) < end),
            "ai_credits": self.credit_cost(start, end),
        }

    def seat_cost(self, start: date, end: date) -> int:
        exact = Fraction(0)
        for day in days(start, end):
            first, after = month_of(day)
            # The seats at the day's end; those of the first look for the days before it.
            held = [seats for at_ms, seats in self.seats if at_ms < midnight(day + timedelta(days=1))]
            for seat in held[-1] if held else self.seats[0][1]:
                price = {"editor": EDITOR, "explorer": EXPLORER}.get(seat.role)
                exact += Fraction(on(price, day) * MICRO, (after - first).days) if price else 0
        return half_up(exact)

    def credit_cost(self, start: date, end: date) -> int:
        """Beyond each user's grant of the month, day after day at the price of the day, rounded by stretch."""
        cost = 0
        used: dict[tuple[str, date], int] = defaultdict(int)
        for one, _ in self.threads:
            used[one.user_id, day_of(one.created_ms)] += one.credits_milli
        stretches: dict[tuple[date, int], int] = defaultdict(int)
        for user in {user for user, _ in used}:
            for day in days(start, end):
                first, _ = month_of(day)
                before = sum(used.get((user, other), 0) for other in days(first, day))
                after = before + used.get((user, day), 0)
                price = on(CREDIT, day)
                stretches[first, price] += max(0, after - GRANT) - max(0, before - GRANT)
        by_price: dict[int, int] = defaultdict(int)
        for (_, price), excess in stretches.items():
            by_price[price] += excess
        for price, excess in by_price.items():
            cost += (excess * price + 500) // 1000
        return cost


def year(seed: int) -> Facts:
    draw = random.Random(seed)
    facts = Facts()
    people = {f"e{number}": Seat(user_id=f"e{number}", email=f"e{number}@x", role="editor") for number in range(4)}
    people["v"] = Seat(user_id="v", email="v@x", role="viewer")
    for number, day in enumerate(days(FIRST, FIRST + timedelta(days=DAYS))):
        begin = midnight(day)
        for index in range(draw.randrange(4, 9)):
            start_ms = begin + draw.randrange(midnight(day + timedelta(days=1)) - begin)
            # Most end within the hour; some go on over the next day's look, and over the end of their week.
            elapsed_ms = draw.randrange(1, 3_600_000) if draw.random() < 0.9 else draw.randrange(23 * 3_600_000)
            late_ms = draw.randrange(3 * 86_400_000) if draw.random() < 0.05 else 0
            run = Run(
                run_id=f"{number}-{index}",
                project_id=draw.choice(list(MACHINES)),
                status=draw.choice(["completed", "completed", "errored", "killed"]),
                trigger=draw.choice(["scheduled", "api", "app_refresh"]),
                start_ms=start_ms,
                end_ms=start_ms + elapsed_ms,
                elapsed_ms=elapsed_ms,
            )
            facts.runs.append((run, start_ms + late_ms))
        if draw.random() < 0.4:
            made_ms = begin + draw.randrange(1, 20 * 3_600_000)
            late_ms = draw.randrange(6 * 86_400_000) if draw.random() < 0.1 else 0
            thread = Thread(
                thread_id=f"t{number}",
                source="hex",
                thread_type="thread",
                user_id=draw.choice(["e0", "e1"]),
                created_ms=made_ms,
                updated_ms=made_ms,
                credits_milli=draw.randrange(20_000),
            )
            facts.threads.append((thread, made_ms + late_ms))
        if number == 0 or draw.random() < 0.06:
            if number:
                person = f"p{draw.randrange(6)}"
                if person in people and draw.random() < 0.4:
                    del people[person]
                else:
                    role = draw.choice(["editor", "explorer", "viewer"])
                    people[person] = Seat(user_id=person, email=f"{person}@x", role=role)
            facts.seats.append((begin + 7 * 3_600_000, tuple(people.values())))
    return facts


def figures(books: Any) -> dict[str, int]:
    totals = books.whole.totals.values()
    return {
        "runs": sum(one.runs for one in totals),
        "ms": sum(one.duration_ms for one in totals),
        "credits": books.whole.credits_milli,
        **books.whole.costs,
    }


@pytest.mark.parametrize("seed", [1])
@pytest.mark.slow
def test_a_closed_period_stays_and_its_adjustments_add_up(world: Any, seed: int) -> None:
    facts = year(seed)
    world.clock.step(midnight(FIRST) / 1000 + 7 * 3600 - world.clock.now())
    world.configure(
        weeks=(Week(timezone="Europe/Zurich"),),
        price_lists=PRICES,
        compute_lists=(
            Compute(profiles=tuple(Profile(match=Match(project_id=one), profile=two) for one, two in MACHINES.items())),
        ),
    )
    closer = PeriodCloser(world.ledger, "acme", world.config)
    closings = world.acme.closings
    as_closed: dict[tuple[int, int], str] = {}
    adjusted: dict[tuple[int, int], tuple[Any, ...]] = {}

    for day in days(FIRST, FIRST + timedelta(days=DAYS)):
        now_ms = midnight(day) + 7 * 3_600_000
        world.clock.advance(now_ms / 1000 - world.clock.now())
        look(world, facts, now_ms)
        while closer.look(now_ms):
            pass
        # Every fifth day: to read all that has been closed takes longer than to close it.
        for period in closings.periods() if day.day % 5 == 2 else ():
            closing = closings.of(period)
            assert as_closed.setdefault(period, closing.body) == closing.body
            before = adjusted.get(period, ())
            assert closing.adjustments[: len(before)] == before
            adjusted[period] = closing.adjustments
        if day.day == 17:  # the process starts again
            closer = PeriodCloser(world.ledger, "acme", world.config)

    # After the last look nothing is missing but what Hex has not listed yet, all of it in the last weeks.
    settled_ms = midnight(FIRST + timedelta(days=DAYS - 8))
    periods = sorted(period for period in as_closed if period[1] < settled_ms)
    assert len(periods) > DAYS // 7
    for period in periods:
        closed = closed_period(closings.of(period))
        expected = facts.sums(day_of(period[0]), day_of(period[1]))
        assert figures(closed.adjusted) == expected
        parts = closed.adjusted.months
        assert sum(total.compute_micro_usd for one in parts for total in one.totals.values()) == expected["compute"]
    late = [period for period in periods if adjusted[period]]
    assert 10 < len(late) <= len(periods)
    assert any(closed_period(closings.of(period)).books.whole.totals for period in late)


def look(world: Any, facts: Facts, now_ms: int) -> None:
    """One look at Hex: all projects, people, threads and runs that it lists at this moment."""
    world.list_projects(*(replace(world.published(one), created_ms=1, published_ms=1) for one in MACHINES))
    seats = [seats for at_ms, seats in facts.seats if at_ms <= now_ms]
    world.acme.record_seats(seats[-1], now_ms)
    world.acme.record_threads([one for one, seen_ms in facts.threads if seen_ms <= now_ms], now_ms)
    for collector in ("users", "threads"):
        world.acme.record_collector(collector, True, now_ms)
    recent_ms = now_ms - 6 * 86_400_000
    for project_id in MACHINES:
        listed = [
            run
            if run.end_ms <= now_ms
            else replace(run, status="running", end_ms=None, elapsed_ms=now_ms - run.start_ms)
            for run, seen_ms in facts.runs
            if run.project_id == project_id and seen_ms <= now_ms and run.start_ms >= recent_ms
        ]
        world.read_runs(project_id, *listed)
