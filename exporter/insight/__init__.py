"""Pure functions from facts and a clock to answers; no I/O of any kind."""

from exporter.insight.ai_credits import Grants, credits_cost, excess_by_user, grants_of
from exporter.insight.app_sessions import APP_IDLE_MS, AppSessions, ViewedApp, sessions_cost
from exporter.insight.apportion import apportioned
from exporter.insight.budget_by_hour import BudgetCurve, budget_curve
from exporter.insight.budgets import WINDOWS_MS, BudgetStatus, Spent, budget_status, with_seats
from exporter.insight.calendar_period import (
    Period,
    days_of,
    local_day,
    months_of,
    period_at,
    period_before,
    same_moment,
)
from exporter.insight.calendar_week import midnight_ms, previous_week_bounds, week_bounds
from exporter.insight.compute_profiles import BASES, Basis, ComputeProfile, ProjectProfiles
from exporter.insight.concurrency import peak
from exporter.insight.config_advice import fitting, fitting_schedules, unmatched, unpriced, unpriced_profiles
from exporter.insight.consumers import Consumer, Way, culprit, largest_consumers
from exporter.insight.contract import (
    UNHELD,
    ContractItem,
    ContractStatus,
    commit_item,
    contract_year,
    credits_item,
    held_seats,
    is_over,
    pool_milli,
    seat_items,
    seat_kind_month,
    with_unheld_seats,
)
from exporter.insight.credit_month import CreditOutlook, credit_outlook, usual_week
from exporter.insight.credit_use import CreditGrowth, CreditUse, growth_span
from exporter.insight.growth import Growth, growth_between
from exporter.insight.money import COMPONENTS, MONEY, Money, money_of
from exporter.insight.past_assumptions import unknown_past
from exporter.insight.plans import plan_months, ruled_out
from exporter.insight.redundancy import count_repeats, longest_gap_ms
from exporter.insight.run_usage import UNBILLED, UNITS, Tally, Use
from exporter.insight.schedule_firings import (
    ALLOWED_DELAY_MS,
    ALLOWED_EARLY_MS,
    WEEK_MS,
    missed_firings,
    next_firing,
    project_firings,
    replaced_firings,
    scheduled_week_runs,
)
from exporter.insight.seat_costs import roles_of, seat_months, seats_share, unpriced_keys
from exporter.insight.seat_history import SeatHistory, SeatSpan, SeatUse, seat_uses, seats_as_listed, seats_cost
from exporter.insight.tariffs import MICRO, Tariff, Tariffs, tariff

__all__ = [
    "ALLOWED_DELAY_MS",
    "ALLOWED_EARLY_MS",
    "APP_IDLE_MS",
    "BASES",
    "COMPONENTS",
    "MICRO",
    "MONEY",
    "UNBILLED",
    "UNHELD",
    "UNITS",
    "WEEK_MS",
    "WINDOWS_MS",
    "AppSessions",
    "Basis",
    "BudgetCurve",
    "BudgetStatus",
    "ComputeProfile",
    "Consumer",
    "ContractItem",
    "ContractStatus",
    "CreditGrowth",
    "CreditOutlook",
    "CreditUse",
    "Grants",
    "Growth",
    "Money",
    "Period",
    "ProjectProfiles",
    "SeatHistory",
    "SeatSpan",
    "SeatUse",
    "Spent",
    "Tally",
    "Tariff",
    "Tariffs",
    "Use",
    "ViewedApp",
    "Way",
    "apportioned",
    "budget_curve",
    "budget_status",
    "commit_item",
    "contract_year",
    "count_repeats",
    "credit_outlook",
    "credits_cost",
    "credits_item",
    "culprit",
    "days_of",
    "excess_by_user",
    "fitting",
    "fitting_schedules",
    "grants_of",
    "growth_between",
    "growth_span",
    "held_seats",
    "is_over",
    "largest_consumers",
    "local_day",
    "longest_gap_ms",
    "midnight_ms",
    "missed_firings",
    "money_of",
    "months_of",
    "next_firing",
    "peak",
    "period_at",
    "period_before",
    "plan_months",
    "pool_milli",
    "previous_week_bounds",
    "project_firings",
    "replaced_firings",
    "roles_of",
    "ruled_out",
    "same_moment",
    "scheduled_week_runs",
    "seat_items",
    "seat_kind_month",
    "seat_months",
    "seat_uses",
    "seats_as_listed",
    "seats_cost",
    "seats_share",
    "sessions_cost",
    "tariff",
    "unknown_past",
    "unmatched",
    "unpriced",
    "unpriced_keys",
    "unpriced_profiles",
    "usual_week",
    "week_bounds",
    "with_seats",
    "with_unheld_seats",
]
