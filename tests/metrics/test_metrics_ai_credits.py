"""The metrics of AI credits: by when they were used, by whom and with what, and against the grants."""

from typing import Any

import pytest

from exporter.config import Match, Prices, Team
from exporter.facts import Seat, Thread

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def look(world: Any, *threads: Thread) -> None:
    world.acme.record_threads(threads, world.now_ms)
    world.acme.record_collector("threads", True, world.now_ms)


def thread(world: Any, thread_id: str, credits: float, user: str | None = "1", model: str = "opus") -> Thread:
    return Thread(
        thread_id=thread_id,
        source="hex",
        thread_type="notebook agent",
        user_id=user,
        created_ms=world.first_ms,
        updated_ms=world.first_ms,
        credits_milli=round(credits * 1000),
        model=model,
    )


@pytest.fixture
def team(world: Any) -> Any:
    """Three people, and a thread of each of two that is a month old and has used nothing since."""
    teams = (Team(name="sales", match=Match(owner="*@sales.example")),)
    world.configure(price_lists=(Prices(plan="team"),), teams=teams)
    world.acme.record_seats(
        [
            Seat(user_id="1", email="ada@sales.example", role="editor"),
            Seat(user_id="2", email="bo@acme.example", role="editor"),
            Seat(user_id="3", email="cy@acme.example", role="explorer"),
        ],
        world.now_ms,
    )
    world.first_ms = world.now_ms - 40 * DAY_MS
    look(world, thread(world, "a", 5), thread(world, "b", 1, "2"), thread(world, "n", 1, None, "other model"))
    return world


def test_an_old_thread_that_goes_on_is_todays_use(team: Any) -> None:
    assert team.figures()["hex_ai_credits_month_used"] == {(): 0}
    team.clock.advance(3600)

    look(team, thread(team, "a", 48), thread(team, "b", 3, "2"), thread(team, "n", 1.5, None, "other model"))

    figures = team.figures()
    assert figures["hex_ai_credits_week"] == {
        ("hex", "notebook agent", "opus"): 45,
        ("hex", "notebook agent", "other model"): 0.5,
    }
    assert figures["hex_ai_credits_week_by_user"] == {
        ("ada@sales.example", "sales"): 43,
        ("bo@acme.example", ""): 2,
        ("other", ""): 0.5,
    }
    assert figures["hex_ai_credits_7d"] == {(): 45.5}
    # 40 for each editor and 10 for the explorer come with the seats; who is not named has no grant.
    assert figures["hex_ai_credits_month_granted"] == {(): 90}
    assert figures["hex_ai_credits_month_used"] == {(): 45.5}
    assert figures["hex_ai_credits_month_left"] == {(): 0 + 38 + 10}
    assert figures["hex_ai_credits_month_beyond_grants"] == {(): 3.5}
    assert figures["hex_ai_grant_gone_timestamp_seconds"].keys() == {("first_user",), ("all",)}
    assert figures["hex_ai_top_ups_expected_usd"][()] == 25 * figures["hex_ai_top_ups_expected"][()]


def test_only_the_largest_have_series_of_their_own(team: Any) -> None:
    team.clock.advance(3600)
    look(team, *(thread(team, f"new{n}", 0) for n in range(3)))
    team.clock.advance(3600)
    people = [thread(team, f"t{number}", 0.001 * (number + 1), f"user{number}") for number in range(30)]
    team.acme.record_seats(
        [Seat(user_id=f"user{n}", email=f"p{n}@acme.example", role="editor") for n in range(30)], team.now_ms
    )
    look(team, *people)
    team.clock.advance(3600)

    look(team, *(thread(team, f"t{n}", 1 + n, f"user{n}") for n in range(30)))

    shown = team.figures()["hex_ai_credits_week_by_user"]
    assert len(shown) == 21
    assert ("p29@acme.example", "") in shown
    assert ("p0@acme.example", "") not in shown
    assert sum(shown.values()) == pytest.approx(sum(1 + n - 0.001 * (n + 1) for n in range(30)))


def test_without_a_plan_there_are_no_grants(team: Any) -> None:
    team.configure(price_lists=(Prices(),))

    figures = team.figures()

    assert "hex_ai_credits_7d" in figures
    assert not any(name.startswith(("hex_ai_credits_month", "hex_ai_grant", "hex_ai_top")) for name in figures)


def test_threads_that_cannot_be_read_have_no_figures(team: Any) -> None:
    team.clock.advance(7 * 3600)

    assert not any(name.startswith("hex_ai_") and name != "hex_ai_credits_total" for name in team.figures())


def test_what_is_usual_needs_weeks_before(team: Any) -> None:
    assert team.figures()["hex_ai_credits_7d_usual"] == {(): 0}
