"""Seats by role and use."""

from datetime import date
from typing import Any

from exporter.config import Labels, Prices, Seats, Week
from exporter.facts import ROLES, Seat

DAY_MS = 86_400_000


def test_seats_are_counted_by_role_and_every_known_role_is_there(world: Any) -> None:
    seats = [Seat(user_id=str(number), role=role) for number, role in enumerate(["editor", "editor", "admin"])]
    world.acme.record_seats(seats, world.now_ms)

    assert world.figures()["hex_seats"] == {(role,): {"editor": 2, "admin": 1}.get(role, 0) for role in ROLES}


def test_a_role_that_hex_invents_is_kept(world: Any) -> None:
    world.acme.record_seats([Seat(user_id="1", role="wizard")], world.now_ms)

    assert world.figures()["hex_seats"][("wizard",)] == 1
    assert world.figures()["hex_seats_inactive"][("wizard",)] == 1


def test_a_seat_is_inactive_after_the_configured_time_or_without_any_login(world: Any) -> None:
    world.configure(seats=Seats(inactive_after_seconds=30 * 86_400.0))
    world.acme.record_seats(
        [
            Seat(user_id="just", role="editor", last_login_ms=world.now_ms - 30 * DAY_MS),
            Seat(user_id="late", role="editor", last_login_ms=world.now_ms - 30 * DAY_MS - 1),
            Seat(user_id="never", role="editor"),
            Seat(user_id="today", role="admin", last_login_ms=world.now_ms),
        ],
        world.now_ms,
    )

    inactive = world.figures()["hex_seats_inactive"]

    assert (inactive[("editor",)], inactive[("admin",)], inactive[("guest",)]) == (2, 0, 0)


def test_seats_disappear_when_the_listing_is_too_old_or_was_never_read(world: Any) -> None:
    assert "hex_seats" not in world.figures()

    world.acme.record_seats([Seat(user_id="1", role="editor")], world.now_ms)
    world.clock.advance(6 * 3600 + 1)

    assert not {"hex_seats", "hex_seats_inactive"} & world.figures().keys()


def test_the_day_of_the_review_begins_at_midnight_in_the_configured_zone(world: Any) -> None:
    assert "hex_seats_reviewed_timestamp_seconds" not in world.figures()

    world.configure(seats=Seats(reviewed_on=date(2026, 10, 1)), weeks=(Week(timezone="Europe/Zurich"),))

    assert world.figures()["hex_seats_reviewed_timestamp_seconds"] == {(): 1_790_805_600.0}


def test_people_are_shown_as_owners_are_and_those_who_cost_most_first(world: Any) -> None:
    world.configure(price_lists=(Prices(plan="team"),))
    world.acme.record_seats(
        [
            *(Seat(user_id=f"v{number}", email=f"v{number}@acme.example", role="member") for number in range(300)),
            Seat(user_id="e", email="e@acme.example", role="editor", last_login_ms=world.now_ms - DAY_MS),
            Seat(user_id="nameless", role="editor"),
        ],
        world.now_ms,
    )

    figures = world.figures()
    assert ("e@acme.example", "editor") in {labels[:2] for labels in figures["hex_seat_info"]}
    assert len(figures["hex_seat_info"]) == 200
    last = (world.now_ms - DAY_MS) / 1000
    assert figures["hex_seat_last_login_timestamp_seconds"] == {("e@acme.example", "editor"): last}

    world.configure(labels=Labels(owner="none"))
    assert not {"hex_seat_info", "hex_seat_last_login_timestamp_seconds"} & world.figures().keys()
