"""The audit: when something is called unused, and which findings are accepted as they are."""

from collections.abc import Iterable
from datetime import date

from msgspec import Struct, field

from exporter.config.match import matches_glob

_DAY_SECONDS = 86_400.0


class Audit(Struct, frozen=True, kw_only=True):
    """When something is called unused, and how much is shown.

    `unused_after_seconds`: it was not edited, viewed or queried for so long. `failed_runs`: so many scheduled runs
    failed one after the other. `top`: how many findings have a series of their own.
    """

    unused_after_seconds: float = field(default=30 * _DAY_SECONDS, name="unused_after")
    failed_runs: int = 5
    top: int = 20


class Ignore(Struct, frozen=True, kw_only=True):
    """A finding that is accepted as it is: shown as ignored, with the reason, and left out of totals.

    `subject` is a glob on the subject's id or name; `until` is the last day on which it holds, None: no end.
    """

    kind: str
    subject: str
    reason: str
    until: date | None = None

    def covers(self, kind: str, subjects: Iterable[str], today: date) -> bool:
        """Whether a finding of this kind, by any of its ids and names, is ignored today."""
        if kind != self.kind or (self.until is not None and today > self.until):
            return False
        return any(matches_glob(self.subject, subject) for subject in subjects)
