"""The audit: every finder over one workspace's input, ranked, with totals in which nothing counts twice."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

from exporter.config import Ignore
from exporter.facts import FINDING_KINDS
from exporter.insight.savings.abandonment import abandoned, failing
from exporter.insight.savings.app_caches import UNCACHED, query_caches, uncached_apps
from exporter.insight.savings.audit_context import AuditContext, has_schedule
from exporter.insight.savings.audit_input import AuditInput
from exporter.insight.savings.candidate import Candidate
from exporter.insight.savings.collisions import collisions
from exporter.insight.savings.duplicates import duplicates
from exporter.insight.savings.finding import Audit, Finding, NotJudged, Saving, Total
from exporter.insight.savings.frequency import frequency
from exporter.insight.savings.idle_seats import costly_roles, idle_seats, role_after
from exporter.insight.savings.paid_compute import paid_compute
from exporter.insight.savings.plan_choice import costly_plan, current_month
from exporter.insight.savings.pricing import added
from exporter.insight.savings.recurring_threads import recurring_threads
from exporter.insight.savings.repeated_queries import repeated_queries
from exporter.insight.savings.replaceable_schedules import replaceable_schedules
from exporter.insight.savings.unused_connections import OVERLAPPING, overlapping_connections, unused_connections
from exporter.insight.savings.warehouse_queries import warehouse_queries
from exporter.insight.seat_costs import roles_of, unpriced_keys

_FINDERS = (
    abandoned,
    frequency,
    replaceable_schedules,
    failing,
    duplicates,
    idle_seats,
    costly_roles,
    unused_connections,
    overlapping_connections,
    collisions,
    recurring_threads,
    paid_compute,
    uncached_apps,
    query_caches,
    repeated_queries,
    warehouse_queries,
)

_BY_COST = frozenset({OVERLAPPING})
"""What these save is on the bill of a database, which is not seen here: they rank by what runs through them."""


def audit(audit_input: AuditInput, ignore: Iterable[Ignore] = (), today: date | None = None) -> Audit:
    """What is found in the input. `today` decides which entries of `ignore` still hold; None: the day in UTC."""
    context = AuditContext(audit_input)
    today = today or datetime.fromtimestamp(audit_input.now_ms / 1000, UTC).date()
    rules = tuple(ignore)
    candidates: list[Candidate] = []
    not_judged: list[NotJudged] = []

    def take(found: Iterator[Candidate | NotJudged]) -> None:
        for one in found:
            if isinstance(one, NotJudged):
                not_judged.append(one)
            else:
                candidates.append(_marked(one, rules, today))

    for finder in _FINDERS:
        take(finder(context))
    take(costly_plan(context, _moves(context, candidates)))

    wanted = [one for one in candidates if one.finding.ignored is None]
    findings = sorted(_counted(context, wanted), key=_rank)
    ignored = sorted((one.finding for one in candidates if one.finding.ignored is not None), key=_rank)
    judged = [kind for kind in FINDING_KINDS if not any(one.kind == kind and not one.is_partial for one in not_judged)]
    return Audit(
        now_ms=audit_input.now_ms,
        since_ms=audit_input.since_ms if context.are_runs_known else None,
        findings=tuple(findings),
        ignored=tuple(replace(one, counted=Saving()) for one in ignored),
        not_judged=tuple(sorted(not_judged, key=lambda one: (FINDING_KINDS.index(one.kind), one.why))),
        totals={kind: _total(kind, findings) for kind in judged},
        saving=added([one.counted for one in findings]),
        spent=added([_spent(context), *(one.finding.saving for one in candidates if one.finding.kind == UNCACHED)]),
        hints=tuple(_hints(context)),
        costs=_costs(context),
    )


def _marked(candidate: Candidate, rules: tuple[Ignore, ...], today: date) -> Candidate:
    finding = candidate.finding
    for rule in rules:
        if rule.covers(finding.kind, (finding.subject, finding.subject_name), today):
            marked = replace(finding, ignored=rule.reason, ignored_until=rule.until)
            return replace(candidate, finding=marked)
    return candidate


def _moves(context: AuditContext, candidates: Iterable[Candidate]) -> Mapping[str, str]:
    """The roles that the findings on seats propose, by user id."""
    roles = {seat.user_id: seat.role for seat in context.input.seats or ()}
    return {
        one.finding.subject: role_after(context, roles[one.finding.subject])
        for one in candidates
        if one.finding.subject_type == "user" and one.finding.ignored is None
    }


def _counted(context: AuditContext, candidates: Iterable[Candidate]) -> Iterator[Finding]:
    """The findings with what totals count of each: of several that claim one project's runs, only the largest."""
    candidates = tuple(candidates)
    largest: dict[str, tuple[tuple[int, int, float, int, int], tuple[str, str]]] = {}
    for one in candidates:
        for project_id, claim in one.claims.items():
            size = (*context.pricing.month(project_id, claim).rank, -FINDING_KINDS.index(one.finding.kind))
            if project_id not in largest or size > largest[project_id][0]:
                largest[project_id] = (size, one.finding.key)
    for one in candidates:
        if one.claims:
            won = {at: claim for at, claim in one.claims.items() if largest[at][1] == one.finding.key}
            winner = None if won else largest[next(iter(one.claims))][1]
            yield replace(one.finding, counted=context.pricing.months(won), counted_by=winner)
        else:
            yield one.finding


def _rank(finding: Finding) -> tuple[object, ...]:
    """What Hex bills first, then the own estimate, runs and run time; what saves nothing by itself by what it costs."""
    return (
        *(-one for one in (finding.cost if finding.kind in _BY_COST else finding.saving).rank),
        *(-one for one in finding.cost.rank),
        FINDING_KINDS.index(finding.kind),
        finding.subject,
    )


def _total(kind: str, findings: Iterable[Finding]) -> Total:
    own = [finding for finding in findings if finding.kind == kind]
    return Total(
        kind=kind,
        findings=len(own),
        saving=added([finding.counted for finding in own]),
        counted_elsewhere=counted_elsewhere(own),
    )


def counted_elsewhere(findings: Iterable[Finding]) -> Mapping[str, int]:
    """How many of these are about runs that a larger finding counts, by the kind of that one."""
    return Counter(finding.counted_by[0] for finding in findings if finding.counted_by is not None)


def _spent(context: AuditContext) -> Saving:
    """What all runs cost a month, and the plan; where that is not known, the seats that have a price."""
    runs = [context.pricing.month(one, context.all_runs(one)) for one in context.input.uses]
    plan = current_month(context)
    prices = _seat_prices(context).values() if plan is None else (plan,)
    return added([*runs, *(Saving(micro=price) for price in prices if price is not None)])


def _costs(context: AuditContext) -> Mapping[str, int | None]:
    costs = {
        one.project_id: context.schedules_cost(one).micro
        for one in context.projects.values()
        if one.state == "published" and has_schedule(one)
    }
    costs.update(_seat_prices(context))
    plan = context.input.tariff.prices.plan
    return costs if plan is None else {**costs, plan: current_month(context)}


def _hints(context: AuditContext) -> Iterator[str]:
    """Which keys would turn figures into money."""
    tariff = context.input.tariff
    if not tariff.has_own_estimate:
        yield "prices.run_usd or prices.warehouse_usd_per_minute would turn runs and minutes into money"
    if context.input.seats is not None:
        plan = tariff.prices.plan
        keys = ["prices.plan"] if plan is None else unpriced_keys(tariff, plan, roles_of(context.input.seats))
        for key in keys:
            yield f"{key} would turn seats into money"


def _seat_prices(context: AuditContext) -> Mapping[str, int | None]:
    tariff, plan = context.input.tariff, context.input.tariff.prices.plan
    return {
        seat.user_id: None if plan is None else tariff.seat_month_micro_usd(plan, seat.role)
        for seat in context.input.seats or ()
    }
