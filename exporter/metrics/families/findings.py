"""What the last audit found: by kind, and the largest findings by their subjects."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from exporter.facts import FINDING_KINDS
from exporter.insight import MICRO, Money, tariff
from exporter.insight.savings import Audit, Finding, Total
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family
from exporter.view import Snapshot, subject_name


def finding_families(snapshot: Snapshot) -> Iterator[Family]:
    """The totals of the kinds that could be judged, and the top findings; nothing before the first audit."""
    audit = snapshot.status.audit
    if audit is None:
        return
    name = snapshot.name
    yield Family(METRICS["hex_findings_last_audit_timestamp_seconds"], [((name,), audit.now_ms / 1000)])
    yield Family(METRICS["hex_findings_judged"], [((name, kind), int(kind in audit.totals)) for kind in FINDING_KINDS])
    saved = _saved_money(snapshot)
    yield from _by_kind(name, audit, saved)
    yield from _by_team(name, audit, saved)
    yield from _top(snapshot, audit, saved)


def _saved_money(snapshot: Snapshot) -> tuple[Money, ...]:
    """What can be saved: on other bills where warehouses are read, of the owners' own estimate where there is one."""
    other: tuple[Money, ...] = ("other",) if snapshot.config.warehouses_of(snapshot.name) else ()
    estimate: tuple[Money, ...] = (
        ("estimate",) if tariff(snapshot.config.prices(snapshot.name)).has_own_estimate else ()
    )
    return ("billed", *other, *estimate)


def _by_kind(name: str, audit: Audit, saved: Sequence[Money]) -> Iterator[Family]:
    totals = audit.totals
    ignored = Counter(finding.kind for finding in audit.ignored)
    savings = {kind: _saving_micro(total, audit) for kind, total in totals.items()}
    yield Family(METRICS["hex_findings"], [((name, kind), total.findings) for kind, total in totals.items()])
    yield Family(METRICS["hex_findings_ignored"], [((name, kind), ignored[kind]) for kind in totals])
    yield Family(
        METRICS["hex_findings_saving_month_usd"],
        [((name, kind), micro / MICRO) for kind, micro in savings.items() if micro is not None],
    )
    yield Family(
        METRICS["hex_findings_saving_month_money_usd"],
        [
            ((name, kind, money), (totals[kind].saving.money(money) or 0) / MICRO)
            for kind, micro in savings.items()
            for money in saved
            if micro is not None or money == "other"
        ],
    )
    yield Family(
        METRICS["hex_findings_saving_month_runs"],
        [((name, kind), total.saving.runs) for kind, total in totals.items()],
    )


def _by_team(name: str, audit: Audit, saved: Sequence[Money]) -> Iterator[Family]:
    """By the team of each subject, what totals count of it."""
    money: dict[tuple[str, Money], int] = {}
    runs: dict[str, float] = defaultdict(float)
    for finding in audit.findings:
        runs[finding.team] += finding.counted.runs
        for kind in saved:
            part = finding.counted.money(kind)
            if part is not None:
                money[finding.team, kind] = money.get((finding.team, kind), 0) + part
    counts = Counter(finding.team for finding in audit.findings)
    yield Family(METRICS["hex_team_findings"], [((name, team), count) for team, count in counts.items()])
    micro: Counter[str] = Counter()
    for (team, kind), part in money.items():
        if kind != "other":
            micro[team] += part
    yield Family(
        METRICS["hex_team_saving_month_usd"], [((name, team), amount / MICRO) for team, amount in micro.items()]
    )
    yield Family(
        METRICS["hex_team_saving_month_money_usd"],
        [((name, team, kind), part / MICRO) for (team, kind), part in money.items()],
    )
    yield Family(METRICS["hex_team_saving_month_runs"], [((name, team), amount) for team, amount in runs.items()])


def _saving_micro(total: Total, audit: Audit) -> int | None:
    """What a kind would save; 0 where there is nothing to save and money is known at all."""
    if total.saving.micro is None and not total.findings and audit.spent.micro is not None:
        return 0
    return total.saving.micro


def _top(snapshot: Snapshot, audit: Audit, saved: Sequence[Money]) -> Iterator[Family]:
    """The largest findings, as many as `audit.top`; those of an owner not where owners are not shown."""
    name = snapshot.name
    shown = [
        (finding, subject)
        for finding in audit.findings[: snapshot.config.audit.top]
        if (subject := _subject(snapshot, finding))
    ]
    yield Family(
        METRICS["hex_finding_info"],
        [
            (
                (
                    name,
                    finding.kind,
                    subject,
                    finding.subject_type,
                    subject_name(snapshot, finding),
                    finding.team,
                    finding.confidence,
                    finding.action,
                ),
                1,
            )
            for finding, subject in shown
        ],
    )
    yield Family(
        METRICS["hex_finding_saving_month_usd"],
        [
            ((name, finding.kind, subject), finding.saving.micro / MICRO)
            for finding, subject in shown
            if finding.saving.micro is not None
        ],
    )
    yield Family(
        METRICS["hex_finding_saving_month_runs"],
        [((name, finding.kind, subject), finding.saving.runs) for finding, subject in shown],
    )
    yield Family(
        METRICS["hex_finding_cost_month_usd"],
        [
            ((name, finding.kind, subject), finding.cost.micro / MICRO)
            for finding, subject in shown
            if finding.cost.micro is not None
        ],
    )
    for metric, savings in (
        ("hex_finding_saving_month_money_usd", [finding.saving for finding, _ in shown]),
        ("hex_finding_cost_month_money_usd", [finding.cost for finding, _ in shown]),
    ):
        yield Family(
            METRICS[metric],
            [
                ((name, finding.kind, subject, kind), part / MICRO)
                for (finding, subject), saving in zip(shown, savings, strict=True)
                for kind in saved
                if (part := saving.money(kind)) is not None
            ],
        )
    first_ms = {(known.kind, known.subject): known.first_seen_ms for known in snapshot.stored.findings}
    yield Family(
        METRICS["hex_finding_first_seen_timestamp_seconds"],
        [
            ((name, finding.kind, subject), first_ms[finding.key] / 1000)
            for finding, subject in shown
            if finding.key in first_ms
        ],
    )


def _subject(snapshot: Snapshot, finding: Finding) -> str:
    """The subject's id; an owner's is an address, and shown as owners are: empty where they are not."""
    return snapshot.owner_label(finding.subject) if finding.subject_type == "owner" else finding.subject
