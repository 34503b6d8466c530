"""Seats by role, and which of them are unused."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, time
from zoneinfo import ZoneInfo

from exporter.facts import ROLES
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family
from exporter.view import Snapshot


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


def _reviewed(snapshot: Snapshot) -> Iterator[Family]:
    day = snapshot.config.seats.reviewed_on
    if day is not None:
        zone = ZoneInfo(snapshot.config.week(snapshot.name).timezone)
        midnight = datetime.combine(day, time(), zone)
        yield Family(METRICS["hex_seats_reviewed_timestamp_seconds"], [((snapshot.name,), midnight.timestamp())])
