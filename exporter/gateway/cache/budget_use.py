"""How much of a budget is used, and whether that holds requests back: read from the ledger, judged purely."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from exporter.config import Budget, BudgetBrake, Config
from exporter.facts import Project
from exporter.insight import UNBILLED, Period, period_at
from exporter.ledger import GatewayRun, WorkspaceLedger

BRAKED = ("cached", "waited", "refused")
"""What becomes of a request that is held back: it gets an earlier result, runs after a wait, or gets a 429."""

_DRY = "dry_run"

_NOUNS = {
    "runs": "runs",
    "usd": "USD",
    "bill_usd": "USD of the bill",
    "warehouse_usd": "USD in the warehouses",
    "compute_minutes": "compute minutes",
    "ai_credits": "AI credits",
}


@dataclass(frozen=True, slots=True)
class BudgetUse:
    """What was used of a budget in a period as the ledger has it; of one of runs with the ids of all runs in it."""

    budget: Budget
    period: Period
    counted: float
    run_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Spent:
    """A budget that has reached the brake's threshold: what is used, in its unit, and when its next period begins."""

    brake: BudgetBrake
    budget: Budget
    used: float
    resets_ms: int

    @property
    def sentence(self) -> str:
        """The clause for reasons."""
        where = f"{self.used:g} of {self.budget.limit:g} {_NOUNS[self.budget.unit]} used"
        return f"the budget {self.budget.name} is spent to {self.brake.at}: {where}"


def braked_series(config: Config) -> list[tuple[str, str]]:
    """The labels, budget and outcome, of what can be counted of the brakes of the configured policies."""
    if config.gateway is None:
        return []
    own = (one.when_budget_spent.budget for one in config.triggers if one.when_budget_spent is not None)
    return list(product(dict.fromkeys((*config.gateway.braking_budgets, *own)), BRAKED))


def read_use(config: Config, ledger: WorkspaceLedger, budget: Budget, now_ms: int) -> BudgetUse:
    """What the ledger has of the budget's runs of now's period. Raises LedgerError."""
    period = period_at(now_ms, budget.period, config.week(ledger.name))
    projects = {one.project.project_id: one.project for one in ledger.projects(include_gone=True)}
    counted, run_ids = 0, set()
    for run in ledger.runs_between(*period):
        run_ids.add(run.run_id)
        is_meant = run.status != UNBILLED and is_of(budget, ledger.name, projects.get(run.project_id), run.trigger)
        counted += is_meant
    return BudgetUse(budget, period, counted, frozenset(run_ids))


def uncounted(use: BudgetUse, runs: Iterable[GatewayRun], ledger: WorkspaceLedger) -> int:
    """How many runs that the gateway has sent belong to the budget and are not among those of the ledger."""
    found = 0
    for run in runs:
        is_new = run.run_id not in use.run_ids and run.state not in ("not_started", "unknown")
        if not is_new or run.status in (_DRY, UNBILLED) or not use.period[0] <= run.sent_ms < use.period[1]:
            continue
        known = ledger.project(run.project_id)
        found += is_of(use.budget, ledger.name, None if known is None else known.project)
    return found


def is_of(budget: Budget, workspace: str, project: Project | None, trigger: str = "api") -> bool:
    """Whether a run belongs to the budget; of a project that is not known, only to one of all projects."""
    is_meant = budget.match.is_of_workspaces if project is None else budget.match.matches(workspace, project)
    return is_meant and budget.match.matches_trigger(trigger)


def spent(brake: BudgetBrake, use: BudgetUse, used: float) -> Spent | None:
    """The budget, if so much has reached the brake's threshold."""
    threshold = use.budget.limit * getattr(use.budget.thresholds, brake.at)
    return Spent(brake, use.budget, used, use.period[1]) if used >= threshold else None
