"""The projects that `collect.match` and `collect.except` leave out: no figure includes them; reports say how many."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from exporter.config import Collect, Config
from exporter.ledger import PROJECT_METRICS, KnownProject, WorkspaceLedger
from exporter.view.snapshot import Stored

T = TypeVar("T")


def excluded_of(projects: Iterable[KnownProject], collect: Collect, workspace: str) -> frozenset[str]:
    """The ids of the projects that are left out."""
    if not (collect.match or collect.left_out):
        return frozenset()
    all_projects = (known.project for known in projects)
    return frozenset(one.project_id for one in all_projects if not collect.is_polled(workspace, one))


def polled(ledger: WorkspaceLedger, config: Config) -> tuple[KnownProject, ...]:
    """The listed projects that are followed."""
    return tuple(one for one in ledger.projects() if config.collect.is_polled(ledger.name, one.project))


def without(stored: Stored, excluded: frozenset[str]) -> Stored:
    """What is stored, as if these projects had never been; what the ledger knew of them before is left out, too."""
    if not excluded:
        return stored

    def rest(by_project: Mapping[str, T]) -> Mapping[str, T]:
        return {project_id: one for project_id, one in by_project.items() if project_id not in excluded}

    return replace(
        stored,
        projects=tuple(one for one in stored.projects if one.project.project_id not in excluded),
        excluded=excluded,
        excluded_projects=sum(
            one.gone_since_ms is None and one.project.project_id in excluded for one in stored.projects
        ),
        tables=rest(stored.tables),
        versions=rest(stored.versions),
        settings=rest(stored.settings),
        week_counts=rest(stored.week_counts),
        previous_week_counts=rest(stored.previous_week_counts),
        previous_week_by_now=rest(stored.previous_week_by_now),
        last_7d={kind: amount for kind, amount in stored.last_7d.items() if kind[0] not in excluded},
        counted_7d={series: amount for series, amount in stored.counted_7d.items() if series[1][0] not in excluded},
        active_runs=tuple(run for run in stored.active_runs if run.project_id not in excluded),
        unreadable_runs=tuple(one for one in stored.unreadable_runs if one.project_id not in excluded),
        last_runs={key: at_ms for key, at_ms in stored.last_runs.items() if key[0] not in excluded},
        warehouse_week={key: sums for key, sums in stored.warehouse_week.items() if key[1].project_id not in excluded},
        warehouse_previous_week={
            key: sums for key, sums in stored.warehouse_previous_week.items() if key[1].project_id not in excluded
        },
        counters=tuple(
            one for one in stored.counters if one.metric not in PROJECT_METRICS or one.labels[0] not in excluded
        ),
    )
