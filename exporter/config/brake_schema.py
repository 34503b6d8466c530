"""How `when_budget_spent` is read, and that its budget is one that there is."""

from collections.abc import Iterable, Mapping, Sequence

from exporter.config.budget_settings import Budget
from exporter.config.error_wording import printable
from exporter.config.gateway_settings import SEVERITIES, THENS, BrakeExcept, BudgetBrake
from exporter.config.match_schema import matches_without_except
from exporter.config.readers import Items, Keys, Reader, Spot
from exporter.config.scalars import choice, duration, sha256, text
from exporter.config.settings import Config, Team
from exporter.errors import ConfigError


def budget_brake(teams: Sequence[Team]) -> Keys[BudgetBrake]:
    """Reads what happens once a budget is spent."""
    left_out: Mapping[str, Reader[object]] = {
        "match": matches_without_except(teams),
        "tokens": Items(sha256(), noun="digest"),
    }
    return Keys(
        BudgetBrake,
        {
            "budget": text(),
            "at": choice({one: one for one in SEVERITIES}),
            "then": choice({one: one for one in THENS}),
            "max_stale": duration(),
            "except": Keys(BrakeExcept, left_out),
        },
    )


def check_brakes(spot: Spot, config: Config) -> None:
    """Policies and triggers brake by budgets that there are, for the gateway's workspace if there is one."""
    try:
        budgets = config.budgets if config.gateway is None else config.budgets_of(config.gateway_workspace.name)
    except ConfigError:
        return  # it has been refused already
    brakes = (one.when_budget_spent for one in config.triggers)
    own = dict.fromkeys(brake.budget for brake in brakes if brake is not None)
    by_policies = () if config.gateway is None else config.gateway.braking_budgets
    _check_budgets(spot.at("gateway").at("policies"), budgets, by_policies)
    _check_budgets(spot.at("triggers"), budgets, own)


def _check_budgets(spot: Spot, budgets: Iterable[Budget], names: Iterable[str]) -> None:
    known = [one.name for one in budgets]
    for name in names:
        if name not in known:
            said = f'when_budget_spent names a budget "{printable(name)}" that there is not'
            spot.refuse(f"{said}; those of the workspace are: {', '.join(known) or 'none; add one'}")
