"""Seats by role, and which of them are unused."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

from exporter.facts import ROLES, Seat
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family
from exporter.view import Snapshot, workspace_url

_MOST_PEOPLE = 200
"""A table that one person goes through; more would only be more series."""


def seat_families(snapshot: Snapshot) -> Iterator[Family]:
    """The seats of the last user listing, while it is fresh, and when a person last reviewed them."""
    yield from _reviewed(snapshot)
    listing = snapshot.stored.users
    if listing is None or not snapshot.is_fresh(listing.at_ms):
        return

    active_since_ms = snapshot.now_ms - snapshot.config.seats.inactive_after_seconds * 1000
    taken = Counter(dict.fromkeys(ROLES, 0))
    inactive = Counter(dict.fromkeys(ROLES, 0))
    for seat in listing.items:
        taken[seat.role] += 1
        inactive[seat.role] += seat.last_login_ms is None or seat.last_login_ms < active_since_ms
    yield Family(METRICS["hex_seats"], [((snapshot.name, role), count) for role, count in taken.items()])
    yield Family(METRICS["hex_seats_inactive"], [((snapshot.name, role), count) for role, count in inactive.items()])

    yield from _people(snapshot, listing.items)


def _people(snapshot: Snapshot, seats: Sequence[Seat]) -> Iterator[Family]:
    """Who has a seat, as labels may show people: those first whose seats cost most and are used least."""
    prices = {} if snapshot.accounts is None else snapshot.accounts.seat_months
    url = workspace_url(snapshot)
    ranked = sorted(seats, key=lambda seat: (-prices.get(seat.role, 0), seat.last_login_ms or 0, seat.user_id))
    people: dict[tuple[str, str, str], int | None] = {}
    for seat in ranked:
        if len(people) == _MOST_PEOPLE:
            break
        if label := snapshot.owner_label(seat.email):
            people[snapshot.name, label, seat.role] = seat.last_login_ms
    yield Family(METRICS["hex_seat_info"], [((*labels, url), 1) for labels in people])
    logins = [(labels, at_ms / 1000) for labels, at_ms in people.items() if at_ms is not None]
    yield Family(METRICS["hex_seat_last_login_timestamp_seconds"], logins)


def _reviewed(snapshot: Snapshot) -> Iterator[Family]:
    day = snapshot.config.seats.reviewed_on
    if day is not None:
        zone = ZoneInfo(snapshot.config.week(snapshot.name).timezone)
        midnight = datetime.combine(day, time(), zone)
        yield Family(METRICS["hex_seats_reviewed_timestamp_seconds"], [((snapshot.name,), midnight.timestamp())])
