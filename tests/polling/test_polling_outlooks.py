"""Outlooks are kept until what they are made of changes; the decisions are those of outlooks made anew each time."""

import asyncio

import httpx
import pytest

from exporter.polling.run_reading import RunReader

HOUR = 3600


@pytest.mark.slow
def test_a_kept_outlook_is_the_one_that_would_be_made_now(hand_made, follow, clock, monkeypatch):
    made, kept = [], []
    outlook, outlooks = RunReader._outlook, RunReader.outlooks

    def compared(reader, now_ms, pauses, revision=0):
        found = outlooks(reader, now_ms, pauses, revision)
        anew = [outlook(reader, project_id, one, now_ms, pauses) for project_id, one in reader._tracked.items()]
        assert found == anew
        kept.extend(found)
        return found

    monkeypatch.setattr(RunReader, "_outlook", lambda *given: made.append(given[1]) or outlook(*given))
    monkeypatch.setattr(RunReader, "outlooks", compared)
    hourly = {"cadence": "HOURLY", "enabled": True, "hourly": {"minute": 10, "timezone": "+00:00"}}
    for number in range(12):
        hand_made.add_project(f"p{number}", schedules=[hourly] if number % 2 else [])
    for number in range(130):
        hand_made.add_run("p3", f"past{number}", clock.now() - (131 - number) * 1800, end=clock.now() - HOUR)
    hand_made.answers["projects/p5/runs"] = httpx.Response(404, json={"message": "no"})
    hand_made.answers["projects/p6/runs"] = httpx.Response(504)
    following = follow(hand_made.transport)

    def live() -> None:
        number = len(hand_made.runs["p1"])
        if number < 6 and clock.now() % 1800 > 900 * (number % 2):
            hand_made.add_run("p1", f"r{number}", clock.now(), end=clock.now() + 40, runTrigger="SCHEDULED")
            following.poller.expect_run("p2")

    asyncio.run(following.run_for(1.5 * HOUR, each=live))
    hand_made.answers.clear()
    asyncio.run(following.run_for(0.5 * HOUR))

    assert len(made) < len(kept) / 3
