"""What the audit says: findings, what could not be judged, and totals in which nothing counts twice.

A month is 365.25 / 12 days. Money is millionths of a dollar (`micro`), None where nothing prices it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, NamedTuple

from exporter.insight.money import Money

MONTH_MS = 2_629_800_000
"""A twelfth of 365.25 days."""

SubjectType = Literal["project", "user", "connection", "plan", "owner", "threads", "queries"]
"""What the subject of a finding is; an `owner` is an address that many projects belong to, `threads` are AI threads
that belong together, `queries` are those that several projects have."""

Confidence = Literal["measured", "estimated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What a month costs, or would save: money, runs, and their run time in milliseconds.

    `estimate_micro` is the part of `micro` that is the owners' own estimate; the rest is on Hex's bill. `other_micro`
    is on other bills, the warehouse's, and no part of `micro`. They rank and are shown apart, by `money`.
    """

    micro: int | None = None
    runs: float = 0.0
    ms: int = 0
    estimate_micro: int = 0
    other_micro: int = 0

    def money(self, kind: Money) -> int | None:
        """The part of one kind, None where nothing has a price."""
        if kind == "other":
            return self.other_micro or None
        if self.micro is None:
            return None
        return self.estimate_micro if kind == "estimate" else self.micro - self.estimate_micro

    @property
    def minutes(self) -> float:
        """The run time in minutes."""
        return self.ms / 60_000

    @property
    def rank(self) -> tuple[int, int, float, int]:
        """Orders savings: what is billed by anyone first, then the own estimate, then runs, then run time."""
        return ((self.money("billed") or 0) + self.other_micro, self.estimate_micro, self.runs, self.ms)


class Fact(NamedTuple):
    """One figure that a finding rests on; `unit` is empty where there is none, `ms` is an instant since the epoch."""

    name: str
    value: int | float | str | None
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A schedule that should start at another minute of the hour; everything else about it stays."""

    project_id: str
    title: str
    cron: str
    to_cron: str
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to switch off or to change.

    `subject` identifies it together with `kind`, whatever else changes. `subjects` are all ids concerned, the subject
    first. `saving` is what this finding saves by itself, `counted` the part of it that totals count, `cost` what the
    subject costs a month now. `counted_by` is the kind and subject of the larger finding that counts its runs, None
    where it counts by itself. `at_renewal` is what it counts from the renewal of a contract on, where that has paid
    until then. `team` is empty where there is none. `ignored` is the reason of the entry that ignores
    it, with `ignored_until` the last day of that. `paste` is YAML for the configuration, empty where nothing is to be
    added to it.
    """

    kind: str
    subject: str
    subject_type: SubjectType
    subject_name: str
    subjects: tuple[str, ...]
    team: str = ""
    owner: str | None = None
    evidence: tuple[Fact, ...] = ()
    saving: Saving
    counted: Saving = Saving()
    counted_by: tuple[str, str] | None = None
    at_renewal: Saving | None = None
    cost: Saving = Saving()
    confidence: Confidence
    why: str
    action: str
    where: str
    moves: tuple[Move, ...] = ()
    paste: str = ""
    ignored: str | None = None
    ignored_until: date | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Its identity over time: kind and subject."""
        return (self.kind, self.subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotJudged:
    """A kind that could not be judged, or not everywhere (`is_partial`): why, and what would be needed."""

    kind: str
    why: str
    needs: str
    is_partial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """How many findings of a kind there are, and what they save together: `counted` of each, added up.

    `counted_elsewhere`: how many of them are about runs that a larger finding counts, by the kind of that one.
    """

    kind: str
    findings: int
    saving: Saving
    counted_elsewhere: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Everything that was found. `findings` are ranked by saving, overlapping connections by cost; so are `ignored`,
    which count in no total.

    `totals` has every kind that was judged, with 0 where nothing was found. `spent` is what the runs, and the seats if
    they are priced, cost a month, with the estimate for the runs of apps that rerun for each viewer. `costs` is what
    each project's schedules, each seat and the plan cost a month from now on, in micro-dollars, by the subjects that
    findings have: what is not there costs nothing. `hints` are sentences on keys that would turn figures into money.
    """

    now_ms: int
    since_ms: int | None
    findings: tuple[Finding, ...]
    ignored: tuple[Finding, ...]
    not_judged: tuple[NotJudged, ...]
    totals: Mapping[str, Total]
    saving: Saving
    spent: Saving
    hints: tuple[str, ...] = ()
    costs: Mapping[str, int | None] = field(default_factory=dict)
