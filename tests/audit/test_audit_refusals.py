"""Why something could not be read: the reason is that of the last attempt, whatever came before it."""

import asyncio

import httpx
import pytest
from helpers.following import NOW, Following, HandMadeHex

from exporter.audit import read_audit_input
from exporter.config import Collect, RateLimit
from exporter.hexapi import TokenSource

HOUR = 3600


@pytest.fixture
def hex_workspace(manual_clock):
    manual_clock.step(NOW - manual_clock.now())
    hand_made = HandMadeHex(manual_clock)
    hand_made.add_project("p")
    return hand_made


@pytest.fixture
def following(hex_workspace, manual_clock):
    collect = Collect(
        runs=False, threads=False, groups=False, connections=False, queried_tables=False, max_age_seconds=HOUR
    )
    limit = RateLimit(per_minute=10, per_hour=120, share=1.0)
    token = TokenSource(value="hxtw_" + "ab" * 48)
    followed = Following(manual_clock, hex_workspace.transport, "sqlite://", limit, collect, token)
    yield followed
    followed.ledger.close()


def reason(following, seconds: float) -> str | None:
    """Why users are not known after so long."""
    asyncio.run(following.run_for(seconds))
    now_ms = round(following.clock.now() * 1000)
    return read_audit_input(following.known, following.config, now_ms).missing.get("users")


@pytest.mark.slow
def test_a_refusal_that_was_lifted_is_not_the_reason_of_a_later_failure(hex_workspace, following):
    hex_workspace.answers["users"] = httpx.Response(403, json={"reason": "no"})
    assert reason(following, HOUR / 2) == "Hex answered 403"
    del hex_workspace.answers["users"]
    assert reason(following, HOUR) is None

    hex_workspace.answers["users"] = httpx.Response(503)

    assert reason(following, 2 * HOUR) == "the last attempt failed"


@pytest.mark.slow
@pytest.mark.parametrize("status", [402, 403])
def test_a_refusal_that_lasts_is_the_reason(hex_workspace, following, status):
    hex_workspace.answers["users"] = httpx.Response(status, json={"reason": "no"})

    assert reason(following, 2 * HOUR) == f"Hex answered {status}"
