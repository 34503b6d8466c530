"""Which projects cost requests, and how often listings are read for the age at which they may be shown."""

import asyncio

import pytest
from helpers.following import NOW

from exporter.config import Collect, Match, shortest_max_age_seconds
from exporter.hexapi import Endpoint
from exporter.polling.listings import listing_intervals_ms

HOUR = 3600
PAGES = dict.fromkeys((Endpoint.PROJECTS, Endpoint.ME, Endpoint.USERS, Endpoint.THREADS), 1)


@pytest.mark.slow
def test_projects_that_are_left_out_cost_no_request_and_take_no_series(hand_made, follow, capsys):
    for project_id in ("orders", "scratch"):
        hand_made.add_project(project_id)
        hand_made.add_run(project_id, f"{project_id}-1", NOW - 600, end=NOW - 500)
    following = follow(hand_made.transport, collect=Collect(left_out=(Match(title="Scratch*"),)))

    asyncio.run(following.run_for(HOUR))

    assert hand_made.requested("projects/orders/runs") > 1
    assert not [path for _, path in hand_made.requests if path.startswith("projects/scratch/")]
    assert following.poller.report.excluded_projects == 1
    assert [one.project.project_id for one in following.known.projects() if one.has_series] == ["orders"]
    assert capsys.readouterr().out.count("Projects are left out by collect.match and collect.except") == 1


@pytest.mark.slow
@pytest.mark.parametrize(("max_age_seconds", "per_hour"), [(600, 400), (HOUR, 100), (6 * HOUR, 30)])
def test_listings_are_read_in_time(hand_made, follow, max_age_seconds, per_hour):
    following = follow(hand_made.transport, per_hour=per_hour, collect=Collect(max_age_seconds=max_age_seconds))
    asyncio.run(following.run_for(HOUR / 2))
    ages = []

    def look():
        last_ms = following.known.collectors()["users"].last_success_ms
        ages.append(following.clock.now() - last_ms / 1000)

    asyncio.run(following.run_for(2 * max_age_seconds, each=look))

    assert max(ages) < max_age_seconds


def test_the_usual_age_changes_no_interval():
    assert listing_intervals_ms(PAGES, 900, 6 * HOUR) == listing_intervals_ms(PAGES, 900, 0)


def test_listings_leave_half_of_the_requests_to_runs():
    pages = {**PAGES, Endpoint.PROJECTS: 30}

    intervals = listing_intervals_ms(pages, 900, 1.0)

    assert sum(count * HOUR * 1000 / intervals[one] for one, count in pages.items()) == pytest.approx(450, rel=0.01)


def test_the_shortest_age_is_one_that_is_kept():
    seconds = shortest_max_age_seconds(sum(PAGES.values()), 900)

    assert max(listing_intervals_ms(PAGES, 900, seconds).values()) <= seconds * 1000 / 2
