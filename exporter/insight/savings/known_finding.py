"""A finding as it is kept over time."""

from dataclasses import dataclass

from exporter.insight.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFinding:
    """A finding as it was last, known by kind and subject.

    `gone_ms`: since when it is not found any more, None while it is. The saving is the part of a month that totals
    counted: money None where nothing prices it. `cost_micro`: what its subject cost a month when it was found last.
    `realised_micro`: what has been saved whenever it was gone. The parts of both that are the owners' own estimate are
    beside them; the rest was, or would be, on Hex's bill.
    """

    kind: str
    subject: str
    first_seen_ms: int
    last_seen_ms: int
    gone_ms: int | None = None
    saving_micro: int | None = None
    saving_runs: float = 0.0
    saving_ms: int = 0
    cost_micro: int | None = None
    realised_micro: int = 0
    saving_estimate_micro: int = 0
    realised_estimate_micro: int = 0

    def realised(self, kind: Money) -> int:
        """What has been saved of one kind of money."""
        parts = {"estimate": self.realised_estimate_micro, "billed": self.realised_micro - self.realised_estimate_micro}
        return parts.get(kind, 0)
