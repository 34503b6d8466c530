"""The present while the past is read: runs of busy projects wait no longer than without a past, plus a minute."""

import asyncio
from statistics import quantiles

import httpx
import pytest

pytestmark = pytest.mark.slow

HOUR = 3600
BUSY = 6
"""So many busy projects beside five times as many quiet ones: each has its share of the requests, however many."""


def waits(hand_made, follow, clock, *, past_runs: int) -> list[float]:
    """How long each run waited until a page showed it, in the second half of an hour."""
    shown: dict[str, float] = {}
    page = hand_made._page

    def answer(request: httpx.Request) -> httpx.Response:
        body = page(request.url.path.removeprefix("/api/v1/"), request.url.params)
        for run in body["runs"]:
            shown.setdefault(run["runId"], clock.now())
        return httpx.Response(200, json=body)

    begin = clock.now()
    ended: dict[str, float] = {}
    for project in range(BUSY):
        name = f"{past_runs}-{project}"
        hand_made.add_project(name)
        hand_made.answers[f"projects/{name}/runs"] = answer
        for number in range(past_runs):
            start = begin - (past_runs - number) * 3600
            hand_made.add_run(name, f"{name}-past{number}", start, end=start + 5)
    for project in range(5 * BUSY):
        hand_made.add_project(f"quiet-{project}")
        for number in range(past_runs):
            start = begin - (past_runs - number) * 3600
            hand_made.add_run(
                f"quiet-{project}", f"quiet-{project}-{number}", start, end=start + 5, runTrigger="SCHEDULED"
            )
    following = follow(hand_made.transport, per_minute=8, per_hour=50 * BUSY)

    def start_runs() -> None:
        for project in range(BUSY):
            name = f"{past_runs}-{project}"
            runs = hand_made.runs[name]
            number = int((clock.now() - begin + project * 23) // 300)
            if not runs or runs[0]["runId"] != f"{name}-{number}":
                hand_made.add_run(name, f"{name}-{number}", clock.now() - 5, end=clock.now())
                ended[f"{name}-{number}"] = clock.now()

    asyncio.run(following.run_for(HOUR, each=start_runs))
    late = [run_id for run_id, end in ended.items() if begin + 0.5 * HOUR < end < clock.now() - 600]
    assert len(late) > 20
    return [shown.get(run_id, clock.now()) - ended[run_id] for run_id in late]


def test_runs_of_busy_projects_wait_no_longer_because_the_past_is_long(hand_made, follow, clock):
    without = quantiles(waits(hand_made, follow, clock, past_runs=50), n=20)[-1]
    hand_made.projects.clear()

    during = quantiles(waits(hand_made, follow, clock, past_runs=500), n=20)[-1]

    assert during <= without + 60, (without, during)
