"""What to ask Hex next, and the loop that asks: pure planning at the core, one loop per workspace around it."""

from exporter.polling.poller import Poller, PollReport

__all__ = ["PollReport", "Poller"]
