"""Forecasts over simulated years: false alarms in healthy weeks, and hours of warning before a breach.

Six shapes of load, each 52 weeks after four to learn from. In a healthy week the load fits the budget; every fourth
week a schedule runs away on Wednesday at noon and the budget is passed. An alarm is a forecast above the limit that
holds for three hours. Compared: what the exporter does (used, plus the median of what up to four weeks added after
this local moment), used plus what last week alone added, and the straight line (used, by the share of the week that
has passed, from the first day on).
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from exporter.config import Budget, Week
from exporter.insight.budgets import BudgetStatus, budget_status
from exporter.insight.calendar_period import period_before
from exporter.insight.run_usage import Tally

ZONE = ZoneInfo("Europe/Zurich")
WEEK = Week(timezone="Europe/Zurich")
WEEKS = 52
LEARNING = 4
HOUR_MS = 3_600_000
HOLDS_HOURS = 3
RUNAWAY_PER_HOUR = 3.0

Shape = Callable[[datetime, int], float]
"""Runs expected in the local hour, in the week of that number."""


def flat(hour: datetime, week: int) -> float:
    """The same, day and night."""
    return 2.55


def office(hour: datetime, week: int) -> float:
    """Nine to five, Monday to Friday."""
    return 10.7 if hour.weekday() < 5 and 9 <= hour.hour < 17 else 0.0


def at_nine(hour: datetime, week: int) -> float:
    """Most of it scheduled at nine, the rest in the office."""
    return (54.0 if hour.hour == 9 else 0.0) + (1.2 if hour.weekday() < 5 and 9 <= hour.hour < 17 else 0.0)


def growth(hour: datetime, week: int) -> float:
    """Office hours that grow by an eighth over the year, to nine tenths of the budget."""
    return office(hour, week) * (0.92 + 0.12 * week / WEEKS)


def holidays(hour: datetime, week: int) -> float:
    """Office hours, with a week of a fifth of them in every six: the weeks after it have a low one behind them."""
    return office(hour, week) * (0.2 if week % 6 == 5 else 1.0)


def bursts(hour: datetime, week: int) -> float:
    """Flat, with a batch of sixty on the first working day of each fourth week."""
    batch = 60.0 if week % 4 == 1 and hour.weekday() == 0 and hour.hour == 10 else 0.0
    return 2.1 + batch


SHAPES: tuple[Shape, ...] = (flat, office, at_nine, growth, holidays, bursts)
LIMIT = 500.0


def straight_line(now: BudgetStatus, passed: float, hours: float) -> float | None:
    """Used, by the share of the week that has passed; nothing on the first day."""
    return None if passed < 24 or now.used is None else now.used / passed * hours


@dataclass
class Spent:
    """Everything is known, from the first week on."""

    tally: Tally
    since_ms: int

    def between(self, start_ms: int, end_ms: int) -> int:
        """The runs in between."""
        return self.tally.between(start_ms, end_ms)

    def is_known_from(self, start_ms: int) -> bool:
        """Whether that is in the simulated time."""
        return start_ms >= self.since_ms

    def existed_by(self, at_ms: int) -> bool:
        """Always."""
        return True


def simulated(shape: Shape, with_runaway: bool, seed: int) -> tuple[Tally, list[tuple[int, int]]]:
    """A year's runs, and its weeks as start and end."""
    dice = random.Random(seed)
    first = datetime(2026, 1, 5, tzinfo=ZONE)
    starts: list[tuple[int, int]] = []
    weeks: list[tuple[int, int]] = []
    for week in range(LEARNING + WEEKS):
        monday = first + timedelta(weeks=week)
        weeks.append((ms(monday), ms(monday + timedelta(weeks=1))))
        runs_away = with_runaway and week >= LEARNING and week % 4 == 3
        for hours in range(168):
            hour = monday + timedelta(hours=hours)
            expected = shape(hour, week)
            if runs_away and hours >= 2 * 24 + 12:
                expected += RUNAWAY_PER_HOUR
            starts.extend((ms(hour) + dice.randrange(HOUR_MS), 1) for _ in range(poisson(dice, expected)))
    return Tally(starts), weeks


def poisson(dice: random.Random, expected: float) -> int:
    """How many there were where so many are to be expected."""
    if expected > 30:
        return max(0, round(dice.gauss(expected, expected**0.5)))
    count, product = 0, dice.random()
    limit = 2.718281828459045**-expected
    while product > limit:
        count += 1
        product *= dice.random()
    return count


def ms(at: datetime) -> int:
    """The instant in epoch milliseconds."""
    return round(at.timestamp() * 1000)


def last_week_alone(tally: Tally, now: BudgetStatus, at_ms: int) -> float | None:
    """Used, plus what the week before still added."""
    before = period_before(now.period, "week", WEEK)
    left = now.period[1] - at_ms
    return None if now.used is None else now.used + tally.between(before[1] - left, before[1])


@dataclass
class Score:
    """What a method did over a year."""

    healthy: int = 0
    false_alarms: int = 0
    breaches: int = 0
    warnings: list[float] = field(default_factory=list)


METHODS = ("median of four weeks", "last week alone", "straight line")


def scores(shape: Shape, seed: int) -> Iterator[tuple[str, Score]]:
    """Each method over one year of one shape."""
    tally, weeks = simulated(shape, with_runaway=True, seed=seed)
    spent = Spent(tally, weeks[0][0])
    budget = Budget(name="runs", unit="runs", limit=LIMIT)
    found = {name: Score() for name in METHODS}
    for start_ms, end_ms in weeks[LEARNING:]:
        is_breached = tally.between(start_ms, end_ms) > LIMIT
        breach_ms = breached_at(tally, start_ms, end_ms) if is_breached else end_ms
        alarms: dict[str, int] = {}
        held = dict.fromkeys(METHODS, 0)
        for at_ms in range(start_ms + HOUR_MS, breach_ms, HOUR_MS):
            now = budget_status(budget, Until(spent, at_ms), WEEK, at_ms)
            foreseen = (
                now.forecast,
                last_week_alone(tally, now, at_ms),
                straight_line(now, (at_ms - start_ms) / HOUR_MS, (end_ms - start_ms) / HOUR_MS),
            )
            for name, value in zip(METHODS, foreseen, strict=True):
                held[name] = held[name] + 1 if value is not None and value > LIMIT else 0
                if held[name] >= HOLDS_HOURS:
                    alarms.setdefault(name, at_ms)
        for name, score in found.items():
            if is_breached:
                score.breaches += 1
                if name in alarms:
                    score.warnings.append((breach_ms - alarms[name]) / HOUR_MS)
            else:
                score.healthy += 1
                score.false_alarms += name in alarms
    yield from found.items()


@dataclass
class Until:
    """What was known at an instant: nothing that started later."""

    spent: Spent
    now_ms: int

    def between(self, start_ms: int, end_ms: int) -> int:
        """The runs in between that had started."""
        return self.spent.between(start_ms, min(end_ms, self.now_ms))

    def is_known_from(self, start_ms: int) -> bool:
        """As of the whole."""
        return self.spent.is_known_from(start_ms)

    def existed_by(self, at_ms: int) -> bool:
        """As of the whole."""
        return self.spent.existed_by(at_ms)


def breached_at(tally: Tally, start_ms: int, end_ms: int) -> int:
    """The first hour by whose end more than the limit was used."""
    hours = range(start_ms, end_ms, HOUR_MS)
    return next((at_ms for at_ms in hours if tally.between(start_ms, at_ms) > LIMIT), end_ms)


def report(shapes: Sequence[Shape]) -> None:
    """Print a row for each shape and method."""
    heads = ("false alarms in healthy weeks", "breaches warned of", "median warning")
    print(f"{'shape':<10} {'forecast':<22} {heads[0]:>30} {heads[1]:>19} {heads[2]:>15}")
    for number, shape in enumerate(shapes):
        for name, score in scores(shape, seed=number):
            share = f"{score.false_alarms} of {score.healthy} ({score.false_alarms / max(1, score.healthy):.0%})"
            warned = f"{len(score.warnings)} of {score.breaches}"
            hours = f"{median(score.warnings):.0f} h" if score.warnings else "-"
            print(f"{shape.__name__:<10} {name:<22} {share:>30} {warned:>19} {hours:>15}")


if __name__ == "__main__":
    report(SHAPES)
