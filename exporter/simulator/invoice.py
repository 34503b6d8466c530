"""The invoice that the simulated vendor sends for a month: what the API shows of it, and what it does not."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Mapping
from math import ceil

from exporter.simulator.people import PAID_ROLES
from exporter.simulator.project_settings import COMPUTE_USD, profile_at
from exporter.simulator.simulation import Simulation

SEAT_USD = {"editor": 28.0, "explorer": 10.0}
"""What the demo's workspace pays a month, as cli/demo.yml has it."""

_SESSION_HOURS = {"4XL": 3.5, "Large": 0.0}
"""Hours in which notebooks were open on a paid profile: on the bill, and not in the API."""

_GRANTS = {"editor": 40, "explorer": 10}
_TOP_UP = (50, 25.0)
"""How many credits one top-up buys, and for what."""

_HIDDEN_TOP_UPS = 2
"""Top-ups that threads used up which the API does not list."""

_GOODWILL_USD = -2.5
_TAX = 0.081
_HOUR_MS = 3_600_000


def invoice_csv(simulation: Simulation, period: tuple[int, int]) -> str:
    """The invoice for [start, end) in epoch milliseconds, as CSV."""
    rows: list[tuple[str, str, float]] = []
    seats = Counter(_kind(one.role) for one in simulation.seats if one.role in PAID_ROLES)
    rows += [(f"Team plan: {kind} seats", f"{seats[kind]}", seats[kind] * price) for kind, price in SEAT_USD.items()]
    run_hours = _run_hours(simulation, period)
    for profile, usd in COMPUTE_USD.values():
        hours = run_hours[profile.lower()] + _SESSION_HOURS[profile]
        rows.append((f"Advanced compute: {profile}", f"{hours * 60:.0f} minutes", hours * usd))
    top_ups = ceil(_excess_credits(simulation, period) / _TOP_UP[0]) + _HIDDEN_TOP_UPS
    rows.append(("AI credits: automatic top-ups", f"{top_ups * _TOP_UP[0]} credits", top_ups * _TOP_UP[1]))
    rows.append(("Goodwill for compute, incident of the 12th", "", _GOODWILL_USD))
    net = sum(round(usd, 2) for *_, usd in rows)
    rows.append(("VAT 8.1 %", "", net * _TAX))
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(("description", "quantity", "amount", "currency"))
    writer.writerows((description, quantity, f"{usd:.2f}", "USD") for description, quantity, usd in rows)
    writer.writerow(("Total", "", f"{sum(round(usd, 2) for *_, usd in rows):.2f}", "USD"))
    return written.getvalue()


def _excess_credits(simulation: Simulation, period: tuple[int, int]) -> float:
    """What the listed threads of the period used beyond the grant of each user."""
    used: Counter[str] = Counter()
    for thread in simulation.threads:
        if thread.created_ms is not None and period[0] <= thread.created_ms < period[1]:
            used[thread.user_id or ""] += thread.credits_milli or 0
    grants = {one.user_id: _GRANTS[_kind(one.role)] for one in simulation.seats if one.role in PAID_ROLES}
    return sum(max(0.0, milli / 1000 - grants.get(user_id, 0)) for user_id, milli in used.items())


def _kind(role: str) -> str:
    return "explorer" if role == "explorer" else "editor"


def _run_hours(simulation: Simulation, period: tuple[int, int]) -> Mapping[str, float]:
    """By compute profile the time of the runs that started in the period, each at the profile of its version."""
    hours: dict[str, float] = defaultdict(float)
    for project in simulation.projects:
        if project.is_runnable:
            for run in simulation.runs_between(*period, project_id=project.project_id):
                profile = profile_at(simulation.seed, project, int(run.version or 1))
                hours[profile or ""] += (run.elapsed_ms or 0) / _HOUR_MS
    return hours
