"""A workspace's week as charges, each with who caused it: what a bill in FOCUS's columns is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

from exporter.facts import Project
from exporter.insight import (
    MICRO,
    UNBILLED,
    UNHELD,
    Basis,
    ComputeProfile,
    Period,
    Tariff,
    Tariffs,
    apportioned,
    local_day,
    period_at,
)
from exporter.view import Accounts, Snapshot, Total, WarehouseTotal, WeekAccount

Component = Literal["seats", "compute", "ai_credits", "warehouse", "own_estimate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What one thing cost in the part of a week that lies in one month; money in millionths of a dollar.

    `resource_id` is a project's or a user's, None for credits. `quantity` is in `unit`, both as FOCUS writes them;
    `sku` says what was bought. Only one charge of a project has `runs`, so that they can be summed. `team`
    and `owner` are empty where there is none, or none to show. `corrected_ms` and `reason` are of a correction: when a
    closed period was found to differ by it, which may be below 0. `list_unit_micro` and `unit_micro` are the price of
    one on Hex's list and in this workspace, of an hour for compute; None: not known. `commitment` is the id of what
    a contract has of it, empty where there is none. `basis` is what the compute profile rests on, None: not known.
    `provider` is who bills it, empty for Hex and for the owners' own estimate.
    """

    component: Component
    period: Period
    month: Period
    micro_usd: int
    resource_id: str | None
    resource_name: str
    team: str
    owner: str
    quantity: float
    unit: str
    sku: str
    runs: int | None = None
    list_unit_micro: int | None = None
    unit_micro: int | None = None
    corrected_ms: int | None = None
    reason: str = ""
    commitment: str = ""
    basis: Basis | None = None
    provider: str = ""


def charges(snapshot: Snapshot, accounts: Accounts) -> Iterator[Charge]:
    """The charges of the week that the snapshot is in. They add up to the costs of its components, to the millionth."""
    tariffs = Tariffs(snapshot.config.price_history(snapshot.name))
    timezone = snapshot.config.week(snapshot.name).timezone
    for charge in _charges(snapshot, accounts):
        # Of the last day: where a price changed in between, the cost says what a unit was worth on average.
        tariff = tariffs.on(local_day(charge.period[1] - 1, timezone))
        listed, paid = _unit_prices(tariff, charge.sku)
        yield replace(charge, list_unit_micro=listed, unit_micro=paid)


def _unit_prices(tariff: Tariff, sku: str) -> tuple[int | None, int | None]:
    """What the list asks for one, and what this workspace pays: for an hour, a month of a seat, a credit."""
    kind, _, name = sku.partition("-")
    if kind == "compute":
        listed = tariff.book.compute_hour.get(name)
        return None if listed is None else int(listed * MICRO), tariff.compute_hour_micro_usd(name)
    if kind == "ai":
        return int(tariff.book.ai_credit * MICRO), tariff.ai_credit_micro_usd
    plan = tariff.prices.plan
    if kind == "seat" and plan is not None:
        seat = tariff.book.seats.get(name)
        configured = None if seat is None else getattr(tariff.book.plans[plan], f"{seat}_month")
        return None if configured is None else int(configured * MICRO), tariff.seat_month_micro_usd(plan, name)
    return (0, 0) if sku == "own-estimate" else (None, None)


_UNHELD_NAME = "seats that no one holds"


def _charges(snapshot: Snapshot, accounts: Accounts) -> Iterator[Charge]:
    week = snapshot.config.week(snapshot.name)
    parts = [(part, period_at(part.period[0], "month", week)) for part in accounts.months]
    if "seats" in accounts.week.costs:
        yield from _seat_charges(snapshot, accounts, parts)
    for part, month in parts:
        yield from _project_charges(snapshot, part, month)
    if "ai_credits" in accounts.week.costs:
        yield from _credit_charges(accounts, parts)
    if "warehouse" in accounts.week.costs:
        for part, month in parts:
            yield from charges_of_warehouses(snapshot, part, month)


_PROVIDERS = {"snowflake": "Snowflake", "bigquery": "Google Cloud", "databricks": "Databricks", "redshift": "AWS"}


def charges_of_warehouses(snapshot: Snapshot, part: WeekAccount, month: Period) -> Iterator[Charge]:
    """What each project's queries cost in each warehouse; idle time and what is unattributed by themselves."""
    kinds = {one.name: one.kind for one in snapshot.config.warehouses_of(snapshot.name)}
    known = {each.project.project_id: each.project for each in snapshot.stored.projects}
    sums: dict[tuple[str, str, str], WarehouseTotal] = {}
    for use, total in part.warehouse.items():
        key = (use.warehouse, use.part, use.project_id)
        sums[key] = sums.get(key, WarehouseTotal()).plus(total)
    for (warehouse, what, project_id), total in sums.items():
        project = known.get(project_id) or Project(project_id=project_id)
        is_idle = what == "idle"
        if any(total):
            yield Charge(
                component="warehouse",
                period=part.period,
                month=month,
                micro_usd=total.micro_usd,
                resource_id=project_id or warehouse,
                resource_name=project.title if project_id else warehouse,
                team=snapshot.team_of(project) if project_id else "",
                owner=snapshot.owner_label(project.owner) if project_id else "",
                quantity=total.hours if is_idle else total.queries,
                unit="Hours" if is_idle else "Queries",
                sku=f"warehouse-{what}",
                provider=_PROVIDERS.get(kinds.get(warehouse, ""), warehouse),
            )


def _seat_charges(snapshot: Snapshot, accounts: Accounts, parts: list[tuple[WeekAccount, Period]]) -> Iterator[Charge]:
    """Each paid seat by itself, for the days on which it was held: their cost is shared out by price and days."""
    paid = [(part, month, use) for part, month in parts for use in part.seats if use.weight]
    if not paid:
        return
    shares = apportioned(accounts.week.costs["seats"], [use.weight for *_, use in paid])
    for (part, month, use), micro_usd in zip(paid, shares, strict=True):
        yield Charge(
            component="seats",
            period=part.period,
            month=month,
            micro_usd=micro_usd,
            resource_id=use.user_id,
            resource_name=_UNHELD_NAME if use.user_id.startswith(UNHELD) else snapshot.owner_label(use.email),
            team=snapshot.team_of_person(use),
            owner=snapshot.owner_label(use.email),
            quantity=round(use.seat_months, 6),
            unit="Seat-Months",
            sku=f"seat-{use.role}",
        )


def _project_charges(snapshot: Snapshot, part: WeekAccount, month: Period) -> Iterator[Charge]:
    """What each project's runs cost, by what Hex bills and by the owners' own estimate."""
    known = {each.project.project_id: each.project for each in snapshot.stored.projects}
    by_profile = sums_by_profile(part)
    for project_id, total in sums_by_project(part).items():
        project = known.get(project_id) or Project(project_id=project_id)
        yield from charges_of_runs(
            snapshot,
            part.period,
            month,
            project,
            total,
            has_estimate="own_estimate" in part.costs,
            by_profile=by_profile.get(project_id, {}),
        )


def sums_by_project(account: WeekAccount) -> dict[str, Total]:
    """What the runs of each project come to, without those that got no kernel."""
    sums: dict[str, Total] = {}
    for (project_id, _, status), total in (account.totals or {}).items():
        if status != UNBILLED:
            sums[project_id] = sums.get(project_id, Total()).plus(total)
    return sums


def sums_by_profile(account: WeekAccount) -> dict[str, dict[ComputeProfile, Total]]:
    """The same by compute profile, of the projects of which the parts are known that make up the whole."""
    parts: dict[str, dict[ComputeProfile, Total]] = {}
    for (project_id, profile), total in account.profiles.items():
        parts.setdefault(project_id, {})[profile] = total
    sums = sums_by_project(account)
    return {key: one for key, one in parts.items() if reduce(Total.plus, one.values()) == sums.get(key)}


def charges_of_runs(
    snapshot: Snapshot,
    period: Period,
    month: Period,
    project: Project,
    total: Total,
    *,
    has_estimate: bool,
    by_profile: Mapping[ComputeProfile, Total],
) -> Iterator[Charge]:
    """One project's compute in a period of this month, a charge for each profile that its runs had.

    With `has_estimate` the owners' own estimate of its runs, too.
    """
    billed = Charge(
        component="compute",
        period=period,
        month=month,
        micro_usd=total.compute_micro_usd,
        resource_id=project.project_id,
        resource_name=project.title,
        team=snapshot.team_of(project),
        owner=snapshot.owner_label(project.owner),
        quantity=total.duration_ms / 1000,
        unit="Seconds",
        sku=f"compute-{snapshot.profile_of(project)}",
        runs=total.runs,
    )
    if not by_profile:
        yield billed
    for profile, part in by_profile.items():
        yield replace(
            billed,
            micro_usd=part.compute_micro_usd,
            quantity=part.duration_ms / 1000,
            sku=f"compute-{profile.name}",
            runs=part.runs,
            basis=profile.basis,
        )
    if has_estimate:
        yield replace(
            billed,
            component="own_estimate",
            micro_usd=total.own_micro_usd,
            quantity=total.runs,
            unit="Runs",
            sku="own-estimate",
            runs=None,
        )


def _credit_charges(accounts: Accounts, parts: list[tuple[WeekAccount, Period]]) -> Iterator[Charge]:
    """AI credits belong to no project; what is beyond the grants is billed to the workspace."""
    shares = apportioned(accounts.week.costs["ai_credits"], [part.costs.get("ai_credits", 0) for part, _ in parts])
    for (part, month), micro_usd in zip(parts, shares, strict=True):
        yield Charge(
            component="ai_credits",
            period=part.period,
            month=month,
            micro_usd=micro_usd,
            resource_id=None,
            resource_name="",
            team="",
            owner="",
            quantity=(part.credits_milli or 0) / 1000,
            unit="Credits",
            sku="ai-credit",
        )
