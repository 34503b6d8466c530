"""Another plan that keeps every feature in use and costs less."""

from collections.abc import Iterator, Mapping, Sequence

from exporter.facts import Seat
from exporter.insight.plans import plan_month, ruled_out
from exporter.insight.savings.audit_context import AuditContext, has_schedule
from exporter.insight.savings.candidate import (
    PROJECTS_NEEDED,
    PROJECTS_UNKNOWN,
    SEATS_NEEDED,
    SEATS_UNKNOWN,
    Candidate,
    Found,
    not_judged,
)
from exporter.insight.savings.contract_findings import until_renewal
from exporter.insight.savings.finding import Fact, Finding, NotJudged, Saving
from exporter.insight.savings.idle_seats import roles_after
from exporter.insight.seat_costs import roles_of, seats_month
from exporter.insight.tariffs import Tariff

COSTLY_PLAN = "costly_plan"

WHERE = "Hex: Settings, Billing"

_QUERIED_TABLES = frozenset({"enterprise"})
"""The plans whose API shows queried tables (Hex, API overview)."""

_EXPLORERS = frozenset({"team", "enterprise"})
"""The plans that can have Explorer seats (Hex, roles)."""

_FREE_SCHEDULES = frozenset({"team", "enterprise"})
"""The plans on which a project may have several schedules, and cron expressions (Hex, scheduled runs)."""


def costly_plan(context: AuditContext, moves: Mapping[str, str]) -> Found:
    """The cheapest plan that has all that is in use, if it costs less than this one.

    `moves` are the roles of users, by id, that other findings propose: what these save is not counted again.
    """
    audit_input, tariff = context.input, context.input.tariff
    current, now = tariff.prices.plan, current_month(context)
    if audit_input.seats is None:
        yield not_judged(context, COSTLY_PLAN, "users", SEATS_UNKNOWN, SEATS_NEEDED)
        return
    if audit_input.projects is None:
        yield not_judged(context, COSTLY_PLAN, "projects", PROJECTS_UNKNOWN, PROJECTS_NEEDED)
        return
    if current is None:
        yield NotJudged(kind=COSTLY_PLAN, why="the workspace's plan is not said", needs="prices.plan")
        return
    if now is None:
        why = f"a role in use has no price on {current}"
        yield NotJudged(kind=COSTLY_PLAN, why=why, needs=f"prices.overrides.{current}")
        return
    possible = [plan for plan in tariff.book.plans if plan != current and not any(_lacks(context, plan))]
    months = {plan: month for plan in possible if (month := _month(context, plan, audit_input.seats)) is not None}
    if not months or min(months.values()) >= now:
        return
    plan = min(months, key=lambda name: (months[name], name))
    counted = _beside(context, current, plan, moves, now - months[plan])
    yield _candidate(context, current, plan, now, months[plan], counted)


def current_month(context: AuditContext) -> int | None:
    """What the workspace pays a month for its plan, by seats and AI credits; None if that is not known."""
    audit_input, plan = context.input, context.input.tariff.prices.plan
    return None if plan is None or audit_input.seats is None else _month(context, plan, audit_input.seats)


def _candidate(context: AuditContext, current: str, plan: str, now: int, then: int, counted: int) -> Candidate:
    seats = context.input.seats or ()
    found = Finding(
        kind=COSTLY_PLAN,
        subject=current,
        subject_type="plan",
        subject_name=f"{current} to {plan}",
        subjects=(current, plan),
        evidence=(
            Fact("seats", len(seats)),
            Fact(f"on {current}", now / 1_000_000, "usd a month"),
            Fact(f"on {plan}", then / 1_000_000, "usd a month"),
            Fact("published projects", _published(context)),
        ),
        saving=Saving(micro=now - then),
        counted=Saving(micro=counted),
        cost=Saving(micro=now),
        confidence="estimated",
        why="by the prices of seats and AI credits; the API does not show single sign-on, audit logs or contracts",
        action=f"change to {plan}, which has everything that is seen in use",
        where=WHERE,
    )
    contract = context.input.contract
    is_paid = contract is not None and contract.billing == "annual"
    return Candidate(finding=until_renewal(context, found) if is_paid else found)


def _month(context: AuditContext, plan: str, seats: Sequence[Seat]) -> int | None:
    audit_input = context.input
    return plan_month(audit_input.tariff, plan, seats, audit_input.credits, audit_input.month)


def _beside(context: AuditContext, current: str, plan: str, moves: Mapping[str, str], saving: int) -> int:
    """What the other plan saves of what is left when the seats have moved; all of it never exceeds the plan's cost."""
    seats = context.input.seats or ()
    after = roles_after(seats, moves)
    here, there = _month(context, current, after), _month(context, plan, after)
    tariff = context.input.tariff
    seats_now, seats_then = (seats_month(tariff, current, roles_of(some)) for some in (seats, after))
    if here is None or there is None or seats_now is None or seats_then is None:
        return 0
    left = (current_month(context) or 0) - (seats_now - seats_then)
    return max(0, min(saving, here - there, left))


def _lacks(context: AuditContext, plan: str) -> Iterator[str]:
    """What is in use and the plan has not."""
    audit_input, tariff = context.input, context.input.tariff
    yield from ruled_out(tariff.book.plans[plan], _published(context))
    if plan not in _QUERIED_TABLES and _has_queried_tables(context):
        yield "queried tables"
    if plan not in _EXPLORERS and any(_is_explorer(tariff, seat) for seat in audit_input.seats or ()):
        yield "Explorer seats"
    if plan not in _FREE_SCHEDULES and _has_free_schedules(context):
        yield "several schedules of a project, or cron"


def _published(context: AuditContext) -> int:
    return sum(1 for project in context.projects.values() if project.state == "published")


def _has_queried_tables(context: AuditContext) -> bool:
    return any(table.table for tables in (context.input.tables or {}).values() for table in tables)


def _has_free_schedules(context: AuditContext) -> bool:
    for project in context.projects.values():
        enabled = [schedule for schedule in project.schedules if schedule.enabled]
        if has_schedule(project) and (len(enabled) > 1 or any(one.cadence == "custom" for one in enabled)):
            return True
    return False


def _is_explorer(tariff: Tariff, seat: Seat) -> bool:
    return tariff.book.seats.get(seat.role) == "explorer"
