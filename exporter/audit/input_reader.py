"""The input of the audit, read from the ledger: for each concept what is known, or why it is not."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from exporter.audit.source_changes import source_uses
from exporter.config import Config
from exporter.facts import Project, ProjectVersion, QueriedTable, Seat, Thread
from exporter.insight import UNBILLED, CreditUse, is_over, local_day, period_at, period_before, tariff
from exporter.insight.savings import WINDOW_MS, Amount, AuditInput, ProjectUse, QueryHour, WarehouseQueries
from exporter.ledger import CollectorState, KnownProject, Listing, WorkspaceLedger
from exporter.view import (
    all_project_profiles,
    awaited,
    complete_since_ms,
    complete_until_ms,
    polled,
    published_settings,
    team_of_person,
    workspace_address,
)

Item = TypeVar("Item")

_WEEK_MS = 7 * 86_400_000
_COMPLETED = "completed"


def read_audit_input(
    ledger: WorkspaceLedger, config: Config, now_ms: int, is_wanted: Callable[[], bool] = lambda: True
) -> AuditInput:
    """Everything that the ledger knows of one workspace as of now. Raises LedgerError, and StoppedError.

    Only reads, from any thread. Runs are added up by the database: memory grows with projects, not with runs.
    `is_wanted` is called between the steps; once it returns False, StoppedError ends the reading.
    """
    view = _View(ledger, config, now_ms)
    known = view.projects
    since_ms = view.since_ms(known)
    _go_on(is_wanted)
    uses = _uses(view, since_ms)
    _go_on(is_wanted)
    seats, threads = view.listed(ledger.listing("users"), "users"), view.listed(ledger.listing("threads"), "threads")
    connections = view.listed(ledger.listing("connections"), "connections")
    tables = view.tables(known)
    _go_on(is_wanted)
    name = ledger.name
    projects = tuple(each.project for each in known)
    week, compute = config.week(name), config.compute(name)
    today = local_day(now_ms, week.timezone)
    contract = config.contract(name)
    prices = tariff(config.prices(name, today), today)
    profiles = all_project_profiles(compute, ledger, projects)
    hours = {key: prices.compute_hour_micro_usd(one.current.name) for key, one in profiles.items()}
    last_month = period_before(period_at(now_ms, "month", week), "month", week)
    return AuditInput(
        now_ms=now_ms,
        since_ms=since_ms,
        tariff=prices,
        month=last_month,
        projects=projects if view.are_projects_known else None,
        uses=uses,
        compute_hour_micro={project_id: hour for project_id, hour in hours.items() if hour},
        seats=seats,
        seen_ms=_seen_ms(threads or ()),
        threads=threads,
        credits=None if threads is None else CreditUse(ledger.credits.growths(last_month[0])),
        connections=connections,
        tables=tables,
        sources=source_uses(ledger, config, known, now_ms, is_wanted) if config.sources else {},
        teams=_teams(config, name, projects, seats or ()),
        missing=dict(view.missing),
        connection_runs=config.limits.connection_runs,
        inactive_after_ms=round(config.seats.inactive_after_seconds * 1000),
        unused_after_ms=round(config.audit.unused_after_seconds * 1000),
        failed_runs=config.audit.failed_runs,
        contract=contract if contract is not None and not is_over(contract, now_ms, week.timezone) else None,
        settings=view.settings(known),
        triggers=_triggers(config, name, projects),
        queries=_queries(ledger, config),
        profiles={key: one.current.name for key, one in profiles.items() if one.current.basis != "assumed"},
    )


class StoppedError(Exception):
    """The input is no longer wanted."""


def _go_on(is_wanted: Callable[[], bool]) -> None:
    if not is_wanted():
        raise StoppedError


class _View:
    """The ledger as of one instant, and for what it lacks the reason."""

    def __init__(self, ledger: WorkspaceLedger, config: Config, now_ms: int) -> None:
        self.ledger = ledger
        self.config = config
        self.now_ms = now_ms
        self.missing: dict[str, str] = {}
        self._collectors = ledger.collectors()
        self.are_projects_known = self._is_fresh("projects")
        # Of a project whose runs Hex never showed, none being known says nothing.
        listed = (one for one in polled(ledger, config) if not one.progress.was_never_readable)
        self.projects = tuple(listed) if self.are_projects_known else ()

    def listed(self, listing: Listing[Item] | None, collector: str) -> tuple[Item, ...] | None:
        """What a listing said, None with a reason if it could not be read or is too old."""
        if listing is not None and self.config.collect.is_fresh(listing.at_ms, self.now_ms):
            return listing.items
        self._lacks(collector)
        return None

    def since_ms(self, known: Sequence[KnownProject]) -> int | None:
        """From when on all runs are known, within the window; None unless that is a week."""
        complete_ms = complete_since_ms(awaited(known), self.ledger.first_contact_ms)
        if not self.are_projects_known or complete_ms is None:
            self._lacks("runs")
            return None
        kept_ms = self.now_ms - round(self.config.storage.keep_runs_seconds * 1000)
        since_ms = max(self.now_ms - WINDOW_MS, complete_ms, kept_ms)
        if since_ms > self.now_ms - _WEEK_MS:
            self.missing["runs"] = "their history is still being read"
            return None
        return since_ms

    def tables(self, known: Sequence[KnownProject]) -> Mapping[str, tuple[QueriedTable, ...]] | None:
        """What each listed project queries; None if that is known of none of those that could."""
        listed = {each.project.project_id for each in known}
        tables = {project_id: tables for project_id, tables in self.ledger.tables().items() if project_id in listed}
        is_complete = all(each.project.project_id in tables for each in known if each.project.state == "published")
        state = self._collectors.get("queried_tables")
        if not is_complete and (state is None or not state.success):
            self._lacks("queried_tables")
        return tables if tables or is_complete else None

    def settings(self, known: Sequence[KnownProject]) -> Mapping[str, ProjectVersion] | None:
        """What projects are published with; None if that is known of none of those that there are."""
        found = published_settings(self.ledger, known)
        if len(found) == sum(each.project.state == "published" for each in known):
            return found
        state = self._collectors.get("export")
        if not self.config.collect.exports:
            self.missing["exports"] = "collect.exports is off"
        elif state is not None and state.refusal_status is not None:
            self.missing["exports"] = f"Hex answered {state.refusal_status}"
        else:
            self.missing["exports"] = "they are still being read"
        return found or None

    def unviewed_weeks(self) -> Iterator[tuple[str, float]]:
        """The projects whose views were watched for a week with the same schedules, and their unviewed runs a week."""
        contact_ms = self.ledger.first_contact_ms
        if contact_ms is None:
            return
        counted = self.ledger.unviewed_runs()
        for each in self.projects:
            watched_ms = self.now_ms - max(contact_ms, each.first_seen_ms)
            is_same = each.schedules_since_ms <= each.first_seen_ms
            value = counted.get(each.project.project_id)
            if value is not None and each.has_series and is_same and watched_ms >= _WEEK_MS:
                yield each.project.project_id, value * _WEEK_MS / watched_ms

    def _is_fresh(self, collector: str) -> bool:
        state = self._collectors.get(collector)
        is_fresh = state is not None and self.config.collect.is_fresh(state.last_success_ms, self.now_ms)
        if not is_fresh:
            self._lacks(collector)
        return is_fresh

    def _lacks(self, collector: str) -> None:
        """Note why a collector has nothing that can be used."""
        state = self._collectors.get(collector)
        if getattr(self.config.collect, collector) is False:
            reason = f"collect.{collector} is off"
        elif state is not None and not state.success:
            status = state.refusal_status
            reason = "the last attempt failed" if status is None else f"Hex answered {status}"
        elif state is None or state.last_success_ms is None:
            reason = "not read yet"
        else:
            reason = f"last read {_ago(self.now_ms - state.last_success_ms)} ago"
        self.missing[collector] = reason


@dataclass(slots=True)
class _Use:
    """One project's runs in the making."""

    by: dict[tuple[str, str], Amount]
    last_ms: dict[str, int]
    longest_ms: int = 0


def _uses(view: _View, since_ms: int | None) -> Mapping[str, ProjectUse]:
    start_ms = view.now_ms if since_ms is None else since_ms
    uses: dict[str, _Use] = defaultdict(lambda: _Use({}, {}))
    for project_id, trigger, status, runs, ms, last_ms, longest_ms in view.ledger.run_sums.since(start_ms, view.now_ms):
        if status != UNBILLED:
            use = uses[project_id]
            use.last_ms[trigger] = max(last_ms, use.last_ms.get(trigger, last_ms))
            if runs:
                use.by[trigger, status] = Amount(runs, ms)
                if status == _COMPLETED:
                    use.longest_ms = max(use.longest_ms, longest_ms)
    last_scheduled: dict[str, list[str]] = defaultdict(list)
    for project_id, status in view.ledger.run_sums.last_scheduled(view.config.audit.failed_runs):
        last_scheduled[project_id].append(status)
    unviewed = dict(view.unviewed_weeks())
    return {
        project_id: ProjectUse(
            by=use.by,
            last_scheduled=tuple(last_scheduled[project_id]),
            last_ms=use.last_ms,
            unviewed_week=unviewed.get(project_id),
            longest_ms=use.longest_ms,
        )
        for project_id, use in uses.items()
    }


def _seen_ms(threads: Iterable[Thread]) -> Mapping[str, int]:
    """When each user last began an AI thread."""
    seen: dict[str, int] = {}
    for thread in threads:
        if thread.user_id is not None and thread.created_ms is not None:
            seen[thread.user_id] = max(thread.created_ms, seen.get(thread.user_id, 0))
    return seen


def _queries(ledger: WorkspaceLedger, config: Config) -> WarehouseQueries | None:
    """What queries cost in the last two weeks that the logs of all warehouses have, None unless that is a week."""
    states = [ledger.warehouses.state(one.name) for one in config.warehouses_of(ledger.name)]
    spans = [(one.complete_since_ms, one.complete_until_ms) for one in states]
    known = [(since, until) for since, until in spans if since is not None and until is not None]
    if not known or len(known) < len(spans):
        return None
    until_ms = min(until for _, until in known)
    since_ms = max(until_ms - 2 * _WEEK_MS, *(since for since, _ in known))
    if until_ms - since_ms < _WEEK_MS:
        return None
    hours = tuple(QueryHour(*one) for one in ledger.warehouses.cell_hours(since_ms, until_ms))
    me = ledger.listing("me")
    org_id = me.items[0].org_id if me is not None and me.items else None
    base = next(one.base_url for one in config.workspaces if one.name == ledger.name)
    return WarehouseQueries(span_ms=until_ms - since_ms, hours=hours, url=workspace_address(base, org_id))


def _teams(config: Config, name: str, projects: Iterable[Project], seats: Iterable[Seat]) -> Mapping[str, str]:
    if not config.teams:
        return {}
    teams = {project.project_id: config.team_of(name, project) for project in projects}
    teams.update((seat.user_id, team_of_person(config, name, seat.email)) for seat in seats)
    return {subject: team for subject, team in teams.items() if team}


def _triggers(config: Config, name: str, projects: Iterable[Project]) -> Mapping[str, Literal["on", "dry"]]:
    """Whether the trigger of each project that has one is on, or only a dry run."""
    if not config.triggers:
        return {}
    found = {one.project_id: config.trigger_of(name, one) for one in projects}
    return {key: "dry" if trigger.dry_run else "on" for key, trigger in found.items() if trigger is not None}


def is_settled(ledger: WorkspaceLedger, config: Config, now_ms: int) -> bool:
    """Whether an audit would see all that is to be seen: what has to be read first, and the tables of each project."""
    known, states = polled(ledger, config), ledger.collectors()
    return are_runs_settled(ledger, config, now_ms) and _are_tables_settled(ledger, config, known, states)


def are_runs_settled(ledger: WorkspaceLedger, config: Config, now_ms: int) -> bool:
    """Whether each listing was tried, and the window's runs are known: what an audit cannot be made without.

    After a pause that means that the projects are listed again and what ran meanwhile has been read.
    """
    states = ledger.collectors()
    wanted = [one for one in ("projects", "users", "connections", "threads") if getattr(config.collect, one)]
    listed = states.get("projects")
    oldest_ms = now_ms - round(config.collect.max_age_seconds * 1000)
    if any(one not in states for one in wanted) or listed is None or (listed.last_success_ms or 0) < oldest_ms:
        return False
    waited_for = awaited(polled(ledger, config))
    if not config.collect.runs or not waited_for:
        return True
    since_ms = complete_since_ms(waited_for, ledger.first_contact_ms)
    until_ms = complete_until_ms(waited_for, ledger.first_contact_ms)
    return since_ms is not None and since_ms <= now_ms - WINDOW_MS and until_ms is not None and until_ms >= oldest_ms


def _are_tables_settled(
    ledger: WorkspaceLedger, config: Config, known: Iterable[KnownProject], states: Mapping[str, CollectorState]
) -> bool:
    if config.collect.queried_tables is False:
        return True
    if any(name in states and not states[name].success for name in ("queried_tables", "cells")):
        return True
    tables = ledger.tables()
    return all(each.project.project_id in tables for each in known if each.project.state == "published")


def _ago(ms: int) -> str:
    hours = ms / 3_600_000
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
