"""How many runs may be sent: as configured, and less for a while where Hex shows that it allows less."""

import random
from typing import Any

from exporter.gateway.runs.run_limits import RunLimits
from exporter.gateway.upstream.reply import Reply


def limits(clock: Any, *, per_minute: int = 20, per_hour: int = 60) -> RunLimits:
    return RunLimits(clock, random.Random(1), per_minute=per_minute, per_hour=per_hour)


def refused(**headers: str) -> Reply:
    return Reply(429, [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()], b"")


def send(limits: RunLimits, count: int, *, are_accepted: bool = True) -> None:
    for _ in range(count):
        assert limits.take("alice")
        if are_accepted:
            limits.observe("alice", Reply(201, [], b""))


def test_no_more_than_configured_are_sent(manual_clock: Any) -> None:
    found = limits(manual_clock, per_minute=2, per_hour=3)
    send(found, 2)
    assert not found.take("alice")
    manual_clock.advance(62)
    send(found, 1)
    manual_clock.advance(62)
    assert not found.take("alice")
    assert 3_400 < found.wait_seconds("alice") < 3_600


def test_a_429_within_a_minute_shows_a_lower_limit_for_ten_minutes(manual_clock: Any) -> None:
    found = limits(manual_clock)
    send(found, 5)
    send(found, 1, are_accepted=False)
    found.observe("alice", refused(Retry_After="30"))

    assert found.allowed("alice") == (5, 60)
    assert found.allowed("bob") == (20, 60)
    manual_clock.advance(30)
    send(found, 5)
    assert 60 <= found.wait_seconds("alice") <= 62, (
        "what was sent before the wait that Hex demanded is not held against it"
    )
    manual_clock.advance(601)
    assert found.allowed("alice") == (20, 60)


def test_runs_that_left_together_and_were_all_refused_show_no_limit(manual_clock: Any) -> None:
    found = limits(manual_clock)
    send(found, 3, are_accepted=False)
    for _ in range(3):
        found.observe("alice", refused(Retry_After="30"))
    assert found.allowed("alice") == (20, 60)
    assert found.wait_seconds("alice") == 0


def test_a_long_wait_shows_the_limit_of_an_hour(manual_clock: Any) -> None:
    found = limits(manual_clock)
    for _ in range(4):
        send(found, 10)
        manual_clock.advance(100)
    send(found, 1, are_accepted=False)
    found.observe("alice", refused(Retry_After="1800"))

    assert found.allowed("alice") == (20, 40)
    manual_clock.advance(3_601)
    assert found.allowed("alice") == (20, 60)


def test_what_hex_announces_comes_before_what_was_counted(manual_clock: Any) -> None:
    found = limits(manual_clock)
    send(found, 3)
    found.observe("alice", refused(Retry_After="30", RateLimit_Limit="12"))
    assert found.allowed("alice") == (12, 60)


def test_429s_to_the_first_runs_say_nothing_about_a_limit(manual_clock: Any) -> None:
    found = limits(manual_clock)
    for _ in range(3):
        send(found, 1, are_accepted=False)
        found.observe("alice", refused())
        manual_clock.advance(60)
    assert found.allowed("alice") == (20, 60)


def test_a_limit_that_one_caller_has_used_up_is_that_callers_only(manual_clock: Any) -> None:
    found = limits(manual_clock)
    send(found, 3)
    found.observe("alice", refused(Retry_After="30"))
    send(found, 3)

    assert 60 <= found.wait_seconds("alice") <= 62
    assert found.wait_seconds("bob") == found.wait_seconds() == 0
    assert found.slowed() == {"alice": found.wait_seconds("alice")}


def test_of_many_callers_only_the_last_are_remembered(manual_clock: Any) -> None:
    found = limits(manual_clock, per_minute=10_000, per_hour=10_000)
    for number in range(1_100):
        assert found.take(str(number))
        found.observe(str(number), Reply(201, [], b""))
    assert len(found._sent) == 1_000
