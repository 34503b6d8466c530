"""What each team costs a month, and what of that need not be spent."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporter.insight.savings import AuditContext, AuditInput, Claim, Finding, Saving, added


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamCost:
    """One team's month; `team` is empty for everything that belongs to none.

    `cost` is what its projects' runs and its people's seats cost, `saving` what its findings count in totals.
    """

    team: str
    findings: int
    saving: Saving
    cost: Saving


def team_costs(evidence: AuditInput, findings: Iterable[Finding]) -> tuple[TeamCost, ...]:
    """Every team that has findings, runs or priced seats: the one that could save most first."""
    of_team: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        of_team[finding.team].append(finding)
    costs = _costs(evidence)
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


def _costs(evidence: AuditInput) -> Mapping[str, list[Saving]]:
    """What a month costs, piece by piece, under the team that causes it."""
    scene = AuditContext(evidence)
    costs: dict[str, list[Saving]] = defaultdict(list)
    if evidence.since_ms is not None:
        for project_id in evidence.uses:
            cost = scene.pricing.month(project_id, Claim(*scene.total(project_id)))
            if cost.runs:
                costs[evidence.teams.get(project_id, "")].append(cost)
    plan = evidence.tariff.prices.plan
    for seat in evidence.seats or ():
        price = None if plan is None else evidence.tariff.seat_month_micro_usd(plan, seat.role)
        if price:
            costs[evidence.teams.get(seat.user_id, "")].append(Saving(micro=price))
    return costs
