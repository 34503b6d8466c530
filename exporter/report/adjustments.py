"""What was found to differ from a closed week or month: rows of the report, and corrections of the bill."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from exporter.config import Currency
from exporter.facts import Project
from exporter.insight import MICRO, Money, money_of, period_at
from exporter.report.charges import (
    Charge,
    charges_of_runs,
    charges_of_warehouses,
    sums_by_profile,
    sums_by_project,
)
from exporter.report.week_tables import Cell, Table
from exporter.view import Adjustment, ClosedPeriod, Snapshot, Total, WeekAccount

COLUMNS = ("adjustment", "component", "project", "title", "runs", "seconds", "usd", "reason")


def closing_remarks(closed: ClosedPeriod | None, timezone: str, currency: Currency) -> Iterator[str]:
    """When a period that is over was closed, and what the adjustments since come to."""
    if closed is None:
        yield "not closed yet: until all runs are known its figures may change"
        return
    yield f"closed on {_day(closed.at_ms, timezone)}: the figures are those of then"
    if closed.adjustments:
        money = Counter[Money]()
        for one in closed.adjustments:
            money.update(money_of(one.delta.whole.costs))
        sums = ", ".join(
            f"{currency.text(micro, '+')} {kind}" for kind, micro in money.items() if micro or kind == "billed"
        )
        runs = sum(total.runs for one in closed.adjustments for total in (one.delta.whole.totals or {}).values())
        count = len(closed.adjustments)
        yield (
            f"{count} adjustment{'' if count == 1 else 's'} since, to be added to them: {runs:+,} runs"
            f"{', ' if sums else ''}{sums}"
        )


def adjustment_tables(snapshot: Snapshot, closed: ClosedPeriod, timezone: str) -> Iterator[Table]:
    """The adjustments since the close, one row for each date, component and project; no table without any."""
    if closed.adjustments:
        rows = (row for one in closed.adjustments for row in _rows(snapshot, one, timezone))
        yield Table("adjustment", COLUMNS, tuple(rows))


def _rows(snapshot: Snapshot, adjustment: Adjustment, timezone: str) -> Iterator[tuple[Cell, ...]]:
    """Runs and seconds stand in the row of a project's compute only, so that they can be summed."""
    at = datetime.fromtimestamp(adjustment.at_ms / 1000, ZoneInfo(timezone)).isoformat(timespec="seconds")
    whole = adjustment.delta.whole
    for project_id, total in _by_project(whole).items():
        title = _project(snapshot, project_id).title
        runs, seconds, usd = total.runs, total.duration_ms / 1000, total.compute_micro_usd / MICRO
        yield at, "compute", project_id, title, runs, seconds, usd, adjustment.reason
        if total.own_micro_usd:
            yield at, "own_estimate", project_id, title, None, None, total.own_micro_usd / MICRO, adjustment.reason
    for component, micro_usd in whole.costs.items():
        if component not in ("compute", "own_estimate") and micro_usd:
            yield at, component, "", "", None, None, micro_usd / MICRO, adjustment.reason


def correction_charges(snapshot: Snapshot, closed: ClosedPeriod) -> Iterator[Charge]:
    """The adjustments as charges, to be added to those of the close: by project, else by component."""
    week = snapshot.config.week(snapshot.name)
    for adjustment in closed.adjustments:
        left = Counter(adjustment.delta.whole.costs)
        for index, part in enumerate(adjustment.delta.months):
            month = period_at(part.period[0], "month", week)
            is_last = index == len(adjustment.delta.months) - 1
            blank = Charge(
                component="seats",
                period=part.period,
                month=month,
                micro_usd=0,
                resource_id=None,
                resource_name="",
                team="",
                owner="",
                quantity=0,
                unit="Seat-Months",
                sku="seats",
                corrected_ms=adjustment.at_ms,
                reason=adjustment.reason,
            )
            yield from _project_corrections(snapshot, part, blank)
            for charge in charges_of_warehouses(snapshot, part, month):
                yield replace(charge, corrected_ms=adjustment.at_ms, reason=adjustment.reason)
            for component in ("seats", "ai_credits"):
                # Parts are rounded one by one: the last takes what the whole differs by.
                micro_usd = left[component] if is_last else part.costs.get(component, 0)
                left[component] -= micro_usd
                if not micro_usd:
                    continue
                if component == "seats":
                    months = sum(use.seat_months for use in part.seats)
                    yield replace(blank, micro_usd=micro_usd, quantity=round(months, 6))
                else:
                    credits = (part.credits_milli or 0) / 1000
                    yield replace(
                        blank,
                        component="ai_credits",
                        micro_usd=micro_usd,
                        quantity=credits,
                        unit="Credits",
                        sku="ai-credit",
                    )


def _project_corrections(snapshot: Snapshot, part: WeekAccount, blank: Charge) -> Iterator[Charge]:
    by_profile = sums_by_profile(part)
    for project_id, total in _by_project(part).items():
        project = _project(snapshot, project_id)
        for charge in charges_of_runs(
            snapshot,
            part.period,
            blank.month,
            project,
            total,
            has_estimate=bool(total.own_micro_usd),
            by_profile=by_profile.get(project_id, {}),
        ):
            yield replace(charge, corrected_ms=blank.corrected_ms, reason=blank.reason)


def _by_project(account: WeekAccount) -> dict[str, Total]:
    """The differences by project, those that come to nothing left out."""
    return {project_id: total for project_id, total in sums_by_project(account).items() if any(total)}


def _project(snapshot: Snapshot, project_id: str) -> Project:
    known = (one.project for one in snapshot.stored.projects if one.project.project_id == project_id)
    return next(known, Project(project_id=project_id))


def _day(at_ms: int, timezone: str) -> str:
    return str(datetime.fromtimestamp(at_ms / 1000, ZoneInfo(timezone)).date())
