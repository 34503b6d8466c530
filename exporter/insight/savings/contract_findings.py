"""Seats and plans under a contract: what is paid until the renewal saves nothing before it, and findings say so."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from exporter.facts import Seat
from exporter.insight.contract import held_seats
from exporter.insight.savings.audit_context import AuditContext
from exporter.insight.savings.finding import Fact, Finding, Saving
from exporter.insight.tariffs import MICRO


class PaidSeats:
    """The seats that a contract pays ahead: of those that are held beyond it, each that is given up saves at once."""

    def __init__(self, context: AuditContext) -> None:
        self._context = context
        contract = context.input.contract
        held = held_seats(context.input.tariff, context.input.seats or ())
        self._bought = {} if contract is None or contract.billing != "annual" else contract.seats
        self._beyond = Counter({kind: max(0, held[kind] - bought) for kind, bought in self._bought.items()})

    def is_paid(self, seat: Seat) -> bool:
        """Whether giving up this seat, too, saves nothing before the renewal."""
        kind = self._context.input.tariff.book.seats.get(seat.role, "")
        if kind not in self._bought:
            return False
        self._beyond[kind] -= 1
        return self._beyond[kind] < 0


def until_renewal(context: AuditContext, finding: Finding) -> Finding:
    """The finding with its saving put off until the renewal, and that in its evidence."""
    contract = context.input.contract
    day = None if contract is None else contract.renews_on
    when = "the renewal" if day is None else f"the renewal on {day}"
    micro = finding.saving.micro
    later = Fact("saves at renewal", None if micro is None else micro / MICRO, "USD a month")
    facts = (Fact("saves before renewal", 0, "USD a month"), later)
    then = "what it saves" if micro is None else f"{micro / MICRO:,.2f} USD a month"
    return replace(
        finding,
        saving=_nothing(finding.saving),
        counted=_nothing(finding.counted),
        at_renewal=finding.counted,
        evidence=(*finding.evidence, *facts),
        why=f"{finding.why}; the contract has paid until {when}: nothing is saved before, {then} from then on",
        action=f"{finding.action}, and renew without it at {when}",
    )


def renewal_saving(findings: Iterable[Finding]) -> int | None:
    """What findings save a month from the renewal on, None where nothing waits for it."""
    waiting = list(_waiting(findings))
    return sum(one.micro or 0 for one in waiting) if waiting else None


def _nothing(saving: Saving) -> Saving:
    return replace(saving, micro=None if saving.micro is None else 0)


def _waiting(findings: Iterable[Finding]) -> Iterator[Saving]:
    return (one.at_renewal for one in findings if one.at_renewal is not None)
