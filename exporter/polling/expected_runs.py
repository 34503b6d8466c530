"""Runs of a project that were started and are not listed yet: when they should have ended."""

from dataclasses import dataclass


@dataclass(slots=True)
class ExpectedRuns:
    """The runs of one project of which only the start is known: one read covers all that should have ended by it.

    `due_ms` is when the first of them should have ended, None while there is none.
    """

    due_ms: int | None = None
    _last_due_ms: int | None = None

    def started(self, expected_ms: int) -> None:
        """One more was started and should have ended then; those before it keep their time, however many follow."""
        if self.due_ms is None:
            self.due_ms = expected_ms
        self._last_due_ms = expected_ms

    def read(self, at_ms: int) -> None:
        """The project's newest runs have been read: what should have ended by then is known, or known to be active."""
        if self.due_ms is None or at_ms < self.due_ms:
            return
        is_any_left = self._last_due_ms is not None and self._last_due_ms > at_ms
        self.due_ms = self._last_due_ms if is_any_left else None
