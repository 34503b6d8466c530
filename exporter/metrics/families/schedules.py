"""Schedules by cadence."""

from collections import Counter
from collections.abc import Iterator
from itertools import product

from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family
from exporter.view import Snapshot

_CADENCES = ("hourly", "daily", "weekly", "monthly", "custom")


def schedule_families(snapshot: Snapshot) -> Iterator[Family]:
    """How many schedules there are; those of archived and trashed projects do not run and are not enabled."""
    if not snapshot.is_fresh(snapshot.listed_ms):
        return
    counts = Counter(dict.fromkeys(product(_CADENCES, ("enabled", "disabled")), 0))
    for known in snapshot.listed:
        is_away = known.project.state in {"archived", "trashed"}
        for schedule in known.project.schedules:
            counts[schedule.cadence, "enabled" if schedule.enabled and not is_away else "disabled"] += 1
    yield Family(
        METRICS["hex_schedules"],
        [((snapshot.name, cadence, state), count) for (cadence, state), count in counts.items()],
    )
