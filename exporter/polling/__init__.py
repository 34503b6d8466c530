"""What to ask Hex next, and the loop that asks: pure planning at the core, one loop per workspace around it."""

from exporter.polling.listings import LISTINGS
from exporter.polling.poll_report import PollReport
from exporter.polling.poller import Poller
from exporter.polling.request_estimate import (
    FirstRead,
    first_read,
    listing_requests_per_hour,
    settled_requests_per_hour,
)
from exporter.polling.workspace_clock import WorkspaceClock

__all__ = [
    "LISTINGS",
    "FirstRead",
    "PollReport",
    "Poller",
    "WorkspaceClock",
    "first_read",
    "listing_requests_per_hour",
    "settled_requests_per_hour",
]
