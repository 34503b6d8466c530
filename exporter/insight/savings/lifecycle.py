"""Findings over time: first seen, still there, gone, back again, and what has been saved since one went."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from exporter.insight.savings.finding import MONTH_MS, Audit, Finding
from exporter.insight.savings.known_finding import KnownFinding

YEAR_MS = 12 * MONTH_MS
"""A finding that went saves for so long at the most: after it, no one would have gone on paying."""


class Advance(NamedTuple):
    """Every finding that is known after an audit, and what was saved since the one before, in micro-dollars.

    `realised` is by kind, `realised_money` by kind and money.
    """

    records: tuple[KnownFinding, ...]
    realised: Mapping[str, int]
    realised_money: Mapping[tuple[str, str], int]


def advance(known: Iterable[KnownFinding], audit: Audit, previous_ms: int | None) -> Advance:
    """What is known after this audit, by what was known after the one before, at `previous_ms` (None: never).

    A finding goes with the first audit that judges its kind and does not make it; ignored ones are still there. While
    it is gone it saves, for as long as passes between audits, the part of its saving by which the cost of its subject
    fell, provided that this is half of it at least: a project that was opened again and runs as before saves nothing.
    That ends after a year, or when the finding is back. Nothing is saved where there is no price.
    """
    there = {finding.key: finding for finding in (*audit.findings, *audit.ignored)}
    unjudged = {one.kind for one in audit.not_judged if not one.is_partial}
    records: list[KnownFinding] = []
    gone: list[KnownFinding] = []
    for record in known:
        finding = there.pop((record.kind, record.subject), None)
        if finding is not None:
            records.append(_seen(record, finding, audit.now_ms))
        elif record.kind in unjudged:
            records.append(record)
        elif record.gone_ms is None:
            records.append(replace(record, gone_ms=max(audit.now_ms, record.last_seen_ms)))
        else:
            gone.append(record)
    records += [_seen(_first(finding, audit.now_ms), finding, audit.now_ms) for finding in there.values()]

    realised: Counter[str] = Counter()
    by_money: Counter[tuple[str, str]] = Counter()
    for record, billed, estimate in _savings(gone, audit, previous_ms):
        realised[record.kind] += billed + estimate
        by_money[record.kind, "billed"] += billed
        by_money[record.kind, "estimate"] += estimate
        records.append(
            replace(
                record,
                realised_micro=record.realised_micro + billed + estimate,
                realised_estimate_micro=record.realised_estimate_micro + estimate,
            )
        )
    return Advance(
        tuple(records),
        {kind: micro for kind, micro in realised.items() if micro},
        {labels: micro for labels, micro in by_money.items() if micro},
    )


def _first(finding: Finding, now_ms: int) -> KnownFinding:
    return KnownFinding(kind=finding.kind, subject=finding.subject, first_seen_ms=now_ms, last_seen_ms=now_ms)


def _seen(record: KnownFinding, finding: Finding, now_ms: int) -> KnownFinding:
    """The finding with its figures of now; an ignored one keeps those that it had."""
    seen = replace(record, last_seen_ms=max(now_ms, record.last_seen_ms), gone_ms=None)
    if finding.ignored is not None:
        return seen
    return replace(
        seen,
        saving_micro=finding.counted.micro,
        saving_runs=finding.counted.runs,
        saving_ms=finding.counted.ms,
        cost_micro=finding.cost.micro,
        saving_estimate_micro=finding.counted.estimate_micro,
    )


def _savings(
    gone: Iterable[KnownFinding], audit: Audit, previous_ms: int | None
) -> Iterator[tuple[KnownFinding, int, int]]:
    """Each with the micro-dollars that it saved since the audit before, of Hex's bill and of the owners' estimate.

    Steps of any length add up to the same as one over all of them. Several findings on one subject together save no
    more than its cost has fallen; the two kinds of money fall alike, as the runs do.
    """
    left: dict[str, int] = {}
    for record in sorted(gone, key=lambda record: (-(record.cost_micro or 0), record.kind, record.subject)):
        assert record.gone_ms is not None
        since_ms = audit.now_ms if previous_ms is None else previous_ms
        start_ms, end_ms = (_elapsed(record.gone_ms, at_ms) for at_ms in (since_ms, audit.now_ms))
        cost = audit.costs.get(record.subject, 0)
        if start_ms >= end_ms or not record.saving_micro or record.cost_micro is None or cost is None:
            yield record, 0, 0
            continue
        fallen = record.cost_micro - cost
        month = min(record.saving_micro, left.get(record.subject, fallen)) if fallen * 2 >= record.saving_micro else 0
        left[record.subject] = left.get(record.subject, fallen) - month
        estimate = max(0, month) * record.saving_estimate_micro // record.saving_micro
        billed = max(0, month) - estimate
        saved = [part * end_ms // MONTH_MS - part * start_ms // MONTH_MS for part in (billed, estimate)]
        yield record, saved[0], saved[1]


def _elapsed(gone_ms: int, at_ms: int) -> int:
    return min(max(0, at_ms - gone_ms), YEAR_MS)
