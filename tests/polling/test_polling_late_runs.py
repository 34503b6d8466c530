"""Runs that Hex lists long after their start all count, however many come at once."""

import asyncio

import pytest

MINUTE = 60
HOUR = 60 * MINUTE


@pytest.mark.slow
@pytest.mark.parametrize(
    ("latest", "earliest"),
    [
        (0, 3 * HOUR),  # the newest page shows some of them
        (2.5 * HOUR, 3 * HOUR),  # all of them are behind a page of runs that are known
    ],
)
def test_250_runs_that_appear_at_once_up_to_three_hours_late_all_count(hand_made, follow, clock, latest, earliest):
    hand_made.add_project("p")
    begin = clock.now()
    for number in range(150):
        start = begin - 4 * HOUR + number * 96
        hand_made.add_run("p", f"past{number}", start, end=start + 30)
    following = follow(hand_made.transport, per_hour=120)
    live = 0

    def go_on() -> None:
        """A run every 15 seconds, listed at once."""
        nonlocal live
        while begin + live * 15 < clock.now():
            hand_made.add_run("p", f"live{live}", begin + live * 15, end=begin + live * 15 + 10)
            live += 1

    asyncio.run(following.run_for(3.2 * HOUR, each=go_on))
    now = clock.now()
    for number in range(250):
        start = now - latest - number * (earliest - latest) / 250
        hand_made.add_run("p", f"late{number}", start, end=start + 30)
    hand_made.runs["p"].sort(key=lambda run: run["startTime"], reverse=True)
    asyncio.run(following.run_for(1.2 * HOUR, each=go_on))

    known = {run.run_id for run in following.known.runs_between(0, None, "p")}
    assert sum(run_id.startswith("late") for run_id in known) == 250
    assert sum(run_id.startswith("past") for run_id in known) == 150
    following.known.release_holds(round(clock.now() * 1000) + 90_000)
    counted = sum(one.value for one in following.known.counters() if one.metric == "hex_runs_total")
    assert counted == 250 + sum(run_id.startswith("live") for run_id in known)
    assert live - 20 <= counted - 250 <= live
