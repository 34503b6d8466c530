"""Whether the workspace is seen, collector by collector, and until when the token is good."""

from typing import Any

from exporter.facts import Identity

HOUR_MS = 3_600_000


def test_before_the_first_listing_it_is_down(world: Any) -> None:
    figures = world.figures()

    assert figures["hex_up"] == {(): 0}
    assert "hex_last_successful_poll_timestamp_seconds" not in figures
    assert "hex_runs_complete_until_timestamp_seconds" not in figures


def test_a_whole_listing_puts_it_up_and_a_failed_one_down(world: Any) -> None:
    world.list_projects()
    listed = world.clock.now()
    assert world.figures()["hex_up"] == {(): 1}

    world.clock.advance(60)
    world.acme.record_collector("projects", False, world.now_ms)

    figures = world.figures()
    assert figures["hex_up"] == {(): 0}
    assert figures["hex_last_successful_poll_timestamp_seconds"] == {(): listed}


def test_each_collector_speaks_for_itself(world: Any) -> None:
    world.acme.record_collector("users", True, world.now_ms)
    world.acme.record_collector("threads", False, world.now_ms)

    figures = world.figures()

    assert figures["hex_collector_success"] == {("users",): 1, ("threads",): 0}
    assert figures["hex_collector_last_success_timestamp_seconds"] == {("users",): world.clock.now()}


def test_the_token_expires_when_hex_says(world: Any) -> None:
    world.acme.record_identity(Identity(org_id="o", token_expires_ms=1_800_000_000_000), world.now_ms)

    assert world.figures()["hex_token_expiry_timestamp_seconds"] == {(): 1_800_000_000.0}


def test_a_token_without_expiry_has_none(world: Any) -> None:
    world.acme.record_identity(Identity(org_id="o"), world.now_ms)

    assert "hex_token_expiry_timestamp_seconds" not in world.figures()
