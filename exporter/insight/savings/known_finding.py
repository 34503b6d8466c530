"""A finding as it is kept over time."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFinding:
    """A finding as it was last, known by kind and subject.

    `gone_ms`: since when it is not found any more, None while it is. The saving is the part of a month that totals
    counted: money None where nothing prices it. `cost_micro`: what its subject cost a month when it was found last.
    `realised_micro`: what has been saved whenever it was gone.
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
