"""Paid seats that no one uses, and people who could do what they do on a free one."""

from collections.abc import Mapping
from typing import NamedTuple

from exporter.facts import Seat, Thread
from exporter.insight.savings.audit_context import AuditContext, plain
from exporter.insight.savings.candidate import Candidate, Found, unready
from exporter.insight.savings.contract_findings import PaidSeats, until_renewal
from exporter.insight.savings.finding import Fact, Finding, Saving

IDLE = "idle_paid_seat"
COSTLY_ROLE = "costly_role"

FREE_ROLE = "member"
"""The role that Hex shows as Viewer."""

WHERE = "Hex: Settings, Users"

_ADMIN = "admin"
_READER_MAY_BE = frozenset({"editor"})
"""Whose role is only for writing: an admin or a manager has other duties, which the API does not show."""

_AUTHORS_THREADS = ("notebook", "modeling")
"""How the types of AI threads begin that take an author's seat."""


class _Offer(NamedTuple):
    """What another role would save a month (None: unpriced), and what to do for it."""

    role: str
    price_micro: int | None
    saving_micro: int | None
    action: str


def idle_seats(context: AuditContext) -> Found:
    """Paid seats whose people have not logged in for long, or ever, nor left any other trace.

    An admin is named only if another one stays who is not.
    """
    if reason := unready(context, IDLE, runs=False, seats=True):
        yield reason
        return
    seats = context.input.seats or ()
    spared = _last_admin(context, seats)
    paid = PaidSeats(context)
    for seat in seats:
        offer = _offer(context, seat.role) if context.is_idle(seat) else None
        if offer is not None and seat.user_id != spared:
            owned = context.projects_by_address.get(plain(seat.email), ())
            yield _candidate(
                context,
                IDLE,
                seat,
                offer,
                paid,
                (
                    Fact("role", seat.role),
                    Fact("last login", seat.last_login_ms, "ms"),
                    Fact("last seen", context.seen_ms(seat), "ms"),
                    Fact("projects owned or made", len(owned)),
                ),
                "no login, and no project of theirs edited or started by hand",
                is_measured=True,
            )


def costly_roles(context: AuditContext) -> Found:
    """Editors who come and look, but own nothing, made nothing, and gave no notebook's agent anything to do."""
    if reason := unready(context, COSTLY_ROLE, runs=False, seats=True):
        yield reason
        return
    writing = _writing(context.input.threads or (), context.now_ms - context.input.inactive_after_ms)
    paid = PaidSeats(context)
    for seat in context.input.seats or ():
        # Idle seats beyond the contract are given up first.
        if context.is_idle(seat) and _offer(context, seat.role) is not None:
            paid.is_paid(seat)
    for seat in context.input.seats or ():
        if seat.role not in _READER_MAY_BE or seat.user_id in writing or not plain(seat.email):
            continue
        offer = _offer(context, seat.role)
        if offer is not None and not context.is_idle(seat) and not context.projects_by_address.get(plain(seat.email)):
            yield _candidate(
                context,
                COSTLY_ROLE,
                seat,
                offer,
                paid,
                (
                    Fact("role", seat.role),
                    Fact("last login", seat.last_login_ms, "ms"),
                    Fact("projects owned or made", 0),
                ),
                "they own and made no project that the token sees; who edits other people's projects is not shown",
                is_measured=False,
            )


def roles_after(seats: tuple[Seat, ...], findings: Mapping[str, str]) -> tuple[Seat, ...]:
    """The seats with these users (by id) moved to these roles; the empty role is no seat at all."""
    moved = ((seat, findings.get(seat.user_id, seat.role)) for seat in seats)
    return tuple(
        seat
        if role == seat.role
        else Seat(user_id=seat.user_id, email=seat.email, role=role, last_login_ms=seat.last_login_ms)
        for seat, role in moved
        if role
    )


def role_after(context: AuditContext, role: str) -> str:
    """The role to which a seat of this role is moved, empty if it is given up."""
    offer = _offer(context, role)
    return role if offer is None else offer.role


def _candidate(
    context: AuditContext,
    kind: str,
    seat: Seat,
    offer: _Offer,
    paid: PaidSeats,
    evidence: tuple[Fact, ...],
    why: str,
    *,
    is_measured: bool,
) -> Candidate:
    name = seat.email or seat.name or seat.user_id
    found = Finding(
        kind=kind,
        subject=seat.user_id,
        subject_type="user",
        subject_name=name,
        subjects=(seat.user_id,),
        team=context.input.teams.get(seat.user_id, ""),
        owner=seat.email or None,
        evidence=evidence,
        saving=Saving(micro=offer.saving_micro),
        counted=Saving(micro=offer.saving_micro),
        cost=Saving(micro=offer.price_micro),
        confidence="measured" if is_measured else "estimated",
        why=why,
        action=offer.action,
        where=WHERE,
    )
    return Candidate(finding=until_renewal(context, found) if paid.is_paid(seat) else found)


def _offer(context: AuditContext, role: str) -> _Offer | None:
    """A role that costs less than this one, None if this one costs nothing."""
    tariff = context.input.tariff
    kind, plan = tariff.book.seats.get(role), tariff.prices.plan
    if kind is None:
        return None
    if plan is None:
        return None if kind == "viewer" else _Offer(FREE_ROLE, None, None, "move to Viewer")
    price, lower = tariff.seat_month_micro_usd(plan, role), tariff.seat_month_micro_usd(plan, FREE_ROLE) or 0
    if kind == "viewer":
        return _Offer("", price, price, "deactivate") if price else None
    if price is None:
        return _Offer(FREE_ROLE, None, None, "move to Viewer")
    return _Offer(FREE_ROLE, price, price - lower, "move to Viewer") if price > lower else None


def _last_admin(context: AuditContext, seats: tuple[Seat, ...]) -> str | None:
    """Of admins who are all idle, the one that was seen last: somebody has to stay."""
    admins = [seat for seat in seats if seat.role == _ADMIN]
    if not admins or not all(context.is_idle(seat) for seat in admins):
        return None
    return max(admins, key=lambda seat: (context.seen_ms(seat) or 0, seat.user_id)).user_id


def _writing(threads: tuple[Thread, ...], since_ms: int) -> frozenset[str]:
    """Who used an agent that only authors have."""
    return frozenset(
        thread.user_id
        for thread in threads
        if thread.user_id is not None
        and thread.created_ms is not None
        and thread.created_ms >= since_ms
        and thread.thread_type.startswith(_AUTHORS_THREADS)
    )
