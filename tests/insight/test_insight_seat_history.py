"""Seats are charged by the day, at the price of the day: sums made by hand from the price of a month and its days."""

from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from exporter.config import Prices, SeatPrices
from exporter.insight import SeatHistory, SeatSpan, Tariffs, seat_uses, seats_cost

MICRO = 1_000_000
ZURICH = "Europe/Zurich"


def at(day: str, hour: int = 0, zone: str = ZURICH) -> int:
    return round(datetime.fromisoformat(day).replace(hour=hour, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def team(editor: int, **fields: object) -> Prices:
    seats = SeatPrices(editor_month_micro_usd=editor * MICRO, explorer_month_micro_usd=12 * MICRO)
    return Prices(plan="team", overrides={"team": seats}, **fields)


def cost(spans: list[SeatSpan], start: str, end: str, *prices: Prices) -> int | None:
    history = SeatHistory(at("2026-01-01"), at("2026-12-31"), tuple(spans))
    uses = seat_uses(Tariffs(prices or (team(60),)), history, (at(start), at(end)), ZURICH)
    return None if uses is None else seats_cost(uses)


@pytest.mark.parametrize(
    ("from_ms", "until_ms", "days"),
    [
        (0, None, 7),
        (at("2026-11-18", 9), None, 5),  # joined on Wednesday
        (0, at("2026-11-20", 18), 4),  # gone on Friday, which is not charged any more
        (at("2026-11-18", 9), at("2026-11-18", 17), 0),
        (at("2026-11-18", 23), at("2026-11-19", 0), 1),  # it was there at Wednesday's end
        (at("2026-11-23"), None, 0),
        (0, at("2026-11-16"), 0),
    ],
)
def test_a_seat_is_charged_for_the_days_at_whose_end_it_is_held(from_ms: int, until_ms: int | None, days: int) -> None:
    spans = [SeatSpan("u", "u@x", "editor", from_ms, until_ms)]

    assert cost(spans, "2026-11-16", "2026-11-23") == days * 60 * MICRO // 30


def test_a_week_over_the_end_of_a_month_takes_each_days_price_from_its_month() -> None:
    """30 November is a Monday; six days of December follow. One rounding over all."""
    exact = 60 * MICRO * (Fraction(1, 30) + Fraction(6, 31))

    assert cost([SeatSpan("u", "", "editor", 0)], "2026-11-30", "2026-12-07") == round(exact)


def test_days_are_local_also_when_the_clocks_change() -> None:
    """On 25 October Zurich has 25 hours: a seat seen at 23:30 of the day before is charged for that day."""
    spans = [SeatSpan("u", "", "editor", at("2026-10-24", 23))]

    assert cost(spans, "2026-10-19", "2026-10-26") == round(60 * MICRO * Fraction(2, 31))


def test_a_change_of_role_and_of_price_in_one_week() -> None:
    """Explorer to Tuesday, editor from Wednesday on; an editor costs 60 dollars to Thursday, 90 from Friday on."""
    spans = [
        SeatSpan("u", "u@x", "explorer", 0, at("2026-11-18", 12)),
        SeatSpan("u", "u@x", "editor", at("2026-11-18", 12)),
    ]
    prices = (team(60), team(90, valid_from=date(2026, 11, 20)))

    expected = round((2 * 12 + 2 * 60 + 3 * 90) * MICRO * Fraction(1, 30))
    assert cost(spans, "2026-11-16", "2026-11-23", *prices) == expected


def test_each_seat_is_listed_with_its_days_and_its_part_of_a_month() -> None:
    spans = [
        SeatSpan("u", "u@x", "explorer", 0, at("2026-11-18", 12)),
        SeatSpan("u", "u@x", "editor", at("2026-11-18", 12)),
        SeatSpan("v", "v@x", "viewer", 0),
    ]
    history = SeatHistory(0, 0, tuple(spans))

    uses = seat_uses(Tariffs([team(60)]), history, (at("2026-11-16"), at("2026-11-23")), ZURICH)

    assert uses is not None
    assert {(one.user_id, one.role): (one.days, one.seat_months) for one in uses} == {
        ("u", "explorer"): (2, pytest.approx(2 / 30)),
        ("u", "editor"): (5, pytest.approx(5 / 30)),
        ("v", "viewer"): (7, pytest.approx(7 / 30)),
    }


def test_a_role_without_a_price_on_one_of_its_days_leaves_the_sum_unknown() -> None:
    """An explorer has no price on the list; while the role is not in use that is no matter."""
    listed = Prices(plan="team")
    quoted = team(60, valid_from=date(2026, 11, 18))
    joined = [SeatSpan("u", "", "explorer", at("2026-11-18"))]

    assert cost([SeatSpan("u", "", "explorer", 0)], "2026-11-16", "2026-11-23", listed, quoted) is None
    assert cost(joined, "2026-11-16", "2026-11-23", listed, quoted) == 5 * 12 * MICRO // 30
    assert cost(joined, "2026-11-16", "2026-11-23", Prices()) is None
    assert cost([], "2026-11-16", "2026-11-23", Prices()) == 0


def test_a_gap_in_which_seats_changed_is_known() -> None:
    spans = (SeatSpan("u", "", "editor", at("2026-11-18"), None, at("2026-11-12")),)
    history = SeatHistory(0, at("2026-11-20"), spans)
    day_ms = 86_400_000

    assert list(history.gaps((at("2026-11-16"), at("2026-11-23")), day_ms)) == [(at("2026-11-12"), at("2026-11-18"))]
    assert list(history.gaps((at("2026-11-16"), at("2026-11-23")), 7 * day_ms)) == []
    assert list(history.gaps((at("2026-11-23"), at("2026-11-30")), day_ms)) == []


def test_the_prices_of_days_before_the_first_known_are_those() -> None:
    tariffs = Tariffs(
        [Prices(run_micro_usd=1, valid_from=date(2026, 11, 4)), Prices(run_micro_usd=2, valid_from=date(2026, 11, 9))]
    )

    runs = [tariffs.on(date(2026, 11, day)).prices.run_micro_usd for day in (1, 4, 8, 9)]
    assert runs == [1, 1, 1, 2]
    assert tariffs.known_since == date(2026, 11, 4)
    assert [one.prices.run_micro_usd for one in tariffs.between(date(2026, 11, 5), date(2026, 11, 9))] == [1, 2]
    assert Tariffs([Prices()]).known_since == date(2026, 10, 7)  # the first day of the oldest list
