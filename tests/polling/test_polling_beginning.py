"""How a poller begins: it is made without reading anything, and what the ledger cannot say now it says later."""

import asyncio
import sqlite3
from contextlib import closing

import pytest
import structlog

from exporter.errors import LedgerError


def rename_runs(following, before: str, after: str) -> None:
    """Take a table away from the ledger, or give it back, as a disk that fails and recovers would."""
    path = following.config.storage.url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"ALTER TABLE {before} RENAME TO {after}")
        connection.commit()


@pytest.fixture
def following(hand_made, follow):
    hand_made.add_project("p")
    followed = follow(hand_made.transport, durable=True)
    asyncio.run(followed.run_for(600))
    return followed


@pytest.mark.slow
def test_a_poller_is_made_without_the_ledger_and_says_when_it_cannot_begin(following):
    rename_runs(following, "runs", "elsewhere")
    following.restart()

    with pytest.raises(LedgerError):
        following.poller.load()


@pytest.mark.slow
def test_a_poller_that_could_not_begin_does_so_once_the_ledger_can_be_read(following, hand_made, clock):
    rename_runs(following, "runs", "elsewhere")
    following.restart()
    hand_made.requests.clear()

    asyncio.run(following.run_for(60))
    assert hand_made.requests == []
    assert not following.poller.report.is_followed
    rename_runs(following, "elsewhere", "runs")
    hand_made.add_run("p", "r", clock.now(), end=clock.now() + 5)
    asyncio.run(following.run_for(3600))

    assert following.poller.report.is_followed
    assert following.counted() == {("p", "api", "completed"): 1}


@pytest.mark.usefixtures("debug_logs")
def test_each_request_is_planned_in_one_line_with_its_reason(hand_made, follow):
    hand_made.add_project("p")
    following = follow(hand_made.transport)

    with structlog.testing.capture_logs() as logs:
        asyncio.run(following.run_for(600))

    lines = [line for line in logs if line["event"] == "poll_planned"]
    assert len(lines) == len(hand_made.requests)
    assert {key: lines[0][key] for key in ("endpoint", "project_id", "reason", "log_level")} == {
        "endpoint": "projects",
        "project_id": None,
        "reason": "listing_due",
        "log_level": "debug",
    }
    assert ("runs", "p", "never_read") in {(line["endpoint"], line["project_id"], line["reason"]) for line in lines}
