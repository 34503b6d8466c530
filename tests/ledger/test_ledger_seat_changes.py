"""Seats by time: a change is dated by the listing that shows it, and what was before stays."""

from typing import Any

from exporter.facts import Seat
from exporter.insight import SeatHistory, SeatSpan


def seat(user_id: str, role: str = "editor") -> Seat:
    return Seat(user_id=user_id, email=f"{user_id}@x", role=role)


def test_each_change_begins_a_span_and_ends_the_one_before(bench: Any) -> None:
    workspace = bench.workspace
    workspace.record_seats([seat("a"), seat("b", "viewer")], 10)
    workspace.record_seats([seat("a"), seat("b", "viewer")], 20)
    workspace.record_seats([seat("a", "admin"), seat("c")], 30)
    bench.restart()
    workspace = bench.workspace
    workspace.record_seats([seat("a", "admin"), seat("b"), seat("c")], 40)

    assert workspace.seat_history() == SeatHistory(
        10,
        40,
        (
            SeatSpan("a", "a@x", "editor", 0, 30),
            SeatSpan("a", "a@x", "admin", 30, None, 20),
            SeatSpan("b", "b@x", "viewer", 0, 30),
            SeatSpan("b", "b@x", "editor", 40, None, 30),
            SeatSpan("c", "c@x", "editor", 30, None, 20),
        ),
    )


def test_there_is_no_history_before_the_first_listing(bench: Any) -> None:
    assert bench.workspace.seat_history() is None


def test_what_a_wrong_clock_dated_is_seen_again(bench: Any) -> None:
    workspace = bench.workspace
    workspace.record_seats([seat("a", "viewer")], 10)
    workspace.record_seats([seat("a")], 9_000)
    workspace.record_collector("users", True, 9_000)

    workspace.disbelieve_after(100)
    workspace.record_seats([seat("a")], 20)

    spans = workspace.seat_history().spans
    assert [(one.role, one.from_ms, one.until_ms) for one in spans] == [("viewer", 0, 20), ("editor", 20, None)]


def test_a_clock_that_was_put_back_keeps_the_order_of_changes(bench: Any) -> None:
    workspace = bench.workspace
    workspace.record_seats([seat("a", "viewer")], 10)
    workspace.record_seats([seat("a")], 30)
    workspace.record_seats([seat("a", "admin")], 25)

    spans = workspace.seat_history().spans
    assert [(one.role, one.from_ms, one.until_ms) for one in spans] == [
        ("viewer", 0, 30),
        ("editor", 30, 31),
        ("admin", 31, None),
    ]
