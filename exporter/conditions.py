"""Conditions that last: each is logged once when it begins and once when it ends, however often it is met."""

import threading
from collections.abc import Mapping
from typing import Any

import structlog

_DETAILS = frozenset({"reason", "exc_info"})
"""Fields that explain how a condition began; they say nothing about its end."""


class Conditions:
    """The conditions that hold now, each known by a key.

    The key decides whether a condition is the same: a reason that changes while it lasts is kept, not logged again.
    Safe to share between threads.
    """

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._current: dict[str, Mapping[str, Any]] = {}

    @property
    def current(self) -> Mapping[str, Mapping[str, Any]]:
        """The fields that were reported last of each condition that holds, by key, in the order of their beginning."""
        with self._lock:
            return dict(self._current)

    def report(self, key: str, event: str, *, level: str = "warning", **fields: Any) -> bool:
        """Log the event if the condition is new; whether it is."""
        with self._lock:
            is_new = key not in self._current
            self._current[key] = fields
        if is_new:
            getattr(self._log, level)(event, **fields)
        return is_new

    def clear(self, key: str, event: str = "That works again") -> bool:
        """Log the event, with the fields that name the condition, if the condition held; whether it did."""
        with self._lock:
            fields = self._current.pop(key, None)
        if fields is None:
            return False
        self._log.info(event, **{name: value for name, value in fields.items() if name not in _DETAILS})
        return True

    def forget(self, key: str) -> None:
        """Drop a condition without a word: what it was about is gone."""
        with self._lock:
            self._current.pop(key, None)
