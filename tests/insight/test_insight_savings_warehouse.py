"""Findings by warehouses' logs, each with its near misses; money from the facts, to the millionth of a dollar."""

from dataclasses import replace
from typing import Any

import pytest

from exporter.config import Prices
from exporter.facts import Project, Schedule
from exporter.insight.savings import Amount, AuditInput, ProjectUse, QueryHour, SourceUse, WarehouseQueries, audit
from exporter.insight.tariffs import tariff

HOUR_MS = 3_600_000
WEEK_MS = 168 * HOUR_MS
MONTH_MS = 2_629_800_000
NOW_MS = 1_800_000_000_000 - 1_800_000_000_000 % HOUR_MS
URL = "https://app.hex.tech/org"


def hour(ago: int, usd: int, project: str = "p", cell: str = "c", context: str = "scheduled_run") -> QueryHour:
    return QueryHour(NOW_MS - ago * HOUR_MS, project, cell, context, 2, usd)


def given(*hours: QueryHour, **known: Any) -> AuditInput:
    projects = tuple(Project(project_id=one, title=one.upper(), created_ms=1, published_ms=1) for one in ("p", "q"))
    return AuditInput(
        now_ms=NOW_MS,
        since_ms=None,
        tariff=tariff(Prices()),
        month=(NOW_MS - MONTH_MS, NOW_MS),
        projects=projects,
        queries=WarehouseQueries(span_ms=2 * WEEK_MS, hours=hours, url=URL),
        **known,
    )


def found(evidence: AuditInput, kind: str) -> Any:
    return [one for one in audit(evidence).findings if one.kind == kind]


def month(micro: int) -> int:
    return micro * MONTH_MS // (2 * WEEK_MS)


def test_the_costliest_cell_has_its_link_and_its_cost() -> None:
    evidence = given(
        hour(1, 30_000_001, cell="dear"), hour(200, 20_000_000, cell="dear"), hour(2, 1_500_000, cell="cheap")
    )

    (one,) = found(evidence, "costliest_cell")

    assert (one.subject, one.subjects) == ("dear", ("dear", "p"))
    assert one.where == f"{URL}/hex/p/draft/logic?selectedCellId=dear"
    assert one.cost.money("other") == month(50_000_001)
    assert one.saving.rank == (0, 0, 0.0, 0)


def test_no_cell_stands_out_of_eleven_equal_ones_nor_below_a_dollar_a_week() -> None:
    assert found(given(*(hour(1, 9_000_000, cell=f"c{n}") for n in range(11))), "costliest_cell") == []
    assert found(given(hour(1, 1_999_999)), "costliest_cell") == []
    assert found(given(hour(1, 2_000_000)), "costliest_cell")
    assert found(given(hour(1, 9_000_000, project="gone")), "costliest_cell") == []


SOURCE = SourceUse("orders", NOW_MS - 2 * WEEK_MS, NOW_MS, 3, checked_runs=30, unchanged_runs=21)


def test_a_full_refresh_saves_the_part_of_runs_that_repeated_an_unchanged_source() -> None:
    evidence = given(hour(1, 10_000_001), hour(2, 7_000_000, context="app_view"), sources={"p": SOURCE})

    (one,) = found(evidence, "full_refresh")

    assert one.saving.money("other") == month(10_000_001 * 21 // 30)
    assert one.saving.money("billed") is None


@pytest.mark.parametrize(
    ("hours", "source"),
    [
        ([hour(1, 10_000_000)], SOURCE._replace(unchanged_runs=19)),
        ([hour(1, 10_000_000)], SOURCE._replace(checked_runs=4, unchanged_runs=4)),
        ([hour(1, 10_000_000)], SOURCE._replace(since_ms=NOW_MS - WEEK_MS + 1)),
        ([hour(1, 1_999_999)], SOURCE),
        ([hour(1, 10_000_000, context="app_view")], SOURCE),
    ],
)
def test_what_changes_is_cheap_or_not_compared_is_no_full_refresh(hours: Any, source: SourceUse) -> None:
    assert found(given(*hours, sources={"p": source}), "full_refresh") == []


def by_hand(*ago: int, context: str = "logic_view") -> AuditInput:
    return given(*(hour(one, 1_000_000 + one, context=context) for one in ago))


def test_a_notebook_left_running_saves_the_hours_after_a_working_day() -> None:
    (one,) = found(by_hand(*range(20, 30)), "notebook_by_hand")

    # The first of ten hours is 29 hours ago, the ninth and the tenth 21 and 20.
    assert one.saving.money("other") == month(1_000_021 + 1_000_020)


@pytest.mark.parametrize(
    "evidence", [by_hand(*range(8)), by_hand(*range(5), *range(6, 12)), by_hand(*range(12), context="app_view")]
)
def test_a_working_day_a_pause_and_an_app_are_no_notebook_left_running(evidence: AuditInput) -> None:
    assert found(evidence, "notebook_by_hand") == []


def test_without_a_log_nothing_is_judged() -> None:
    missing = {one.kind: one.needs for one in audit(replace(given(), queries=None)).not_judged}

    assert {missing[kind] for kind in ("costliest_cell", "full_refresh", "notebook_by_hand")} == {"warehouses"}


def test_schedules_that_are_not_needed_save_warehouse_money_too_and_it_counts_once() -> None:
    """Half of the scheduled queries' money for half of the runs; of two findings on it, the larger counts."""
    schedule = Schedule(cadence="hourly", enabled=True, cron="0 * * * *")
    project = Project(
        project_id="p",
        title="P",
        created_ms=1,
        published_ms=1,
        schedules=(schedule,),
        viewed_ms=NOW_MS,
        views_7d=1,
    )
    use = ProjectUse(by={("scheduled", "completed"): Amount(336, 336_000)})
    evidence = replace(
        given(hour(1, 10_000_000), hour(2, 5_000_000, context="app_view"), sources={"p": SOURCE}),
        projects=(project,),
        since_ms=NOW_MS - 2 * WEEK_MS,
        uses={"p": use},
    )
    whole = audit(evidence)
    (refreshed,) = found(evidence, "over_refreshed")
    (full,) = found(evidence, "full_refresh")
    share = min(1 - 1.5 / 168, 21 / 30)
    assert refreshed.saving.other_micro == pytest.approx(month(10_000_000) * share, abs=2)
    assert full.saving.other_micro == month(10_000_000 * 21 // 30)
    assert {refreshed.counted.other_micro, full.counted.other_micro} == {0, whole.saving.other_micro}
    assert whole.spent.other_micro == month(10_000_000)
