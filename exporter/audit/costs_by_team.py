"""What each team costs a month, and what of that need not be spent."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.insight.savings import AuditContext, AuditInput, Finding, Saving, added


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamCost:
    """One team's month; `team` is empty for everything that belongs to none.

    `cost` is what its projects' runs and its people's seats cost, `saving` what its findings count in totals.
    """

    team: str
    findings: int
    saving: Saving
    cost: Saving


def team_costs(audit_input: AuditInput, findings: Iterable[Finding]) -> tuple[TeamCost, ...]:
    """Every team that has findings, runs or priced seats: the one that could save most first."""
    of_team: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        of_team[finding.team].append(finding)
    costs = _costs(audit_input)
    rows = [
        TeamCost(
            team=team,
            findings=len(of_team[team]),
            saving=added([finding.counted for finding in of_team[team]]),
            cost=added(costs.get(team, [])),
        )
        for team in {**costs, **of_team}
    ]
    return tuple(sorted(rows, key=lambda row: (*(-one for one in (*row.saving.rank, *row.cost.rank)), row.team)))


def _costs(audit_input: AuditInput) -> Mapping[str, list[Saving]]:
    """What a month costs, piece by piece, under the team that causes it."""
    context = AuditContext(audit_input)
    costs: dict[str, list[Saving]] = defaultdict(list)
    if audit_input.since_ms is not None:
        for project_id in audit_input.uses:
            cost = context.pricing.month(project_id, context.all_runs(project_id))
            if cost.runs:
                costs[audit_input.teams.get(project_id, "")].append(cost)
    plan = audit_input.tariff.prices.plan
    for seat in audit_input.seats or ():
        price = None if plan is None else audit_input.tariff.seat_month_micro_usd(plan, seat.role)
        if price:
            costs[audit_input.teams.get(seat.user_id, "")].append(Saving(micro=price))
    return costs
