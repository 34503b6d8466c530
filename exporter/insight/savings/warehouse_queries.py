"""What queries cost in the warehouse: the costliest cells, refreshes of unchanged data, notebooks left running by hand.

This money is on the warehouse's bill, not Hex's: it stands apart from what other findings save.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from exporter.facts import Project
from exporter.insight.savings.audit_context import AuditContext
from exporter.insight.savings.audit_input import WarehouseQueries
from exporter.insight.savings.candidate import Candidate, Found, unready
from exporter.insight.savings.finding import MONTH_MS, Fact, Finding, NotJudged, Saving
from exporter.insight.savings.frequency import source_use
from exporter.insight.savings.pricing import Claim
from exporter.insight.schedule_firings import WEEK_MS
from exporter.insight.tariffs import MICRO

COSTLIEST = "costliest_cell"
FULL_REFRESH = "full_refresh"
BY_HAND = "notebook_by_hand"

_MOST_CELLS = 3
_LEAST_PART = 10
"""A tenth of all that queries cost: below it, no one cell is where the money goes."""

_LEAST_WEEK_MICRO = 1_000_000
"""A dollar a week: what costs less is not worth the look."""

_FEWEST_COMPARED = 5
_UNCHANGED_SHARE = 2 / 3

_HOUR_MS = 3_600_000
_WORKING_HOURS = 8
"""So many hours in a row people may work in a notebook; what goes on after them runs by itself."""


def warehouse_queries(context: AuditContext) -> Found:
    """Nothing is judged without a query log that was read for a week."""
    queries = context.input.queries
    for kind in (COSTLIEST, FULL_REFRESH, BY_HAND):
        if reason := unready(context, kind, runs=False):
            yield reason
        elif queries is None:
            yield NotJudged(kind=kind, why="no warehouse's query log is known for a week", needs="warehouses")
    if queries is not None and context.input.projects is not None:
        yield from _costliest(context, queries)
        yield from _full_refreshes(context, queries)
        yield from _by_hand(context, queries)


def _costliest(context: AuditContext, queries: WarehouseQueries) -> Iterator[Candidate]:
    """The cells that a tenth of the money goes to, three at the most."""
    cells = Counter[tuple[str, str]]()
    numbers = Counter[tuple[str, str]]()
    for one in queries.hours:
        if one.cell_id and one.project_id in context.projects:
            cells[one.project_id, one.cell_id] += one.usd_micro
            numbers[one.project_id, one.cell_id] += one.queries
    whole = sum(one.usd_micro for one in queries.hours)
    for (project_id, cell_id), micro in cells.most_common(_MOST_CELLS):
        week = micro * WEEK_MS // queries.span_ms
        if micro * _LEAST_PART < whole or week < _LEAST_WEEK_MICRO:
            break
        project = context.projects[project_id]
        yield _candidate(
            context,
            COSTLIEST,
            project,
            queries,
            micro,
            0,
            subject=cell_id,
            evidence=(
                Fact("its queries in the warehouse", week / MICRO, "USD a week"),
                Fact("of all that Hex's queries cost", round(100 * micro / whole, 1), "percent"),
                Fact("queries", round(numbers[project_id, cell_id] * WEEK_MS / queries.span_ms, 1), "a week"),
            ),
            why="by the warehouse's own query log; what another query would cost instead is not known",
            action="look at its query: fewer columns, a filter on the partition, a table that is kept up to date",
            where=queries.cell_url(project_id, cell_id),
        )


def _full_refreshes(context: AuditContext, queries: WarehouseQueries) -> Iterator[Candidate | NotJudged]:
    """Scheduled runs that query all again while their source has not changed."""
    spent = Counter[str]()
    for one in queries.hours:
        if "scheduled" in one.context.split("_"):
            spent[one.project_id] += one.usd_micro
    unwatched = 0
    for project_id, micro in spent.items():
        project = context.projects.get(project_id)
        if project is None or micro * WEEK_MS // queries.span_ms < _LEAST_WEEK_MICRO:
            continue
        source = source_use(context, project)
        if source is None or source.checked_runs < _FEWEST_COMPARED:
            unwatched += 1
            continue
        share = source.unchanged_runs / source.checked_runs
        if share >= _UNCHANGED_SHARE:
            yield _candidate(
                context,
                FULL_REFRESH,
                project,
                queries,
                micro,
                micro * source.unchanged_runs // source.checked_runs,
                subject=project_id,
                evidence=(
                    Fact("its scheduled queries in the warehouse", _week_usd(micro, queries), "USD a week"),
                    Fact("repeated an unchanged source", source.unchanged_runs, f"of {source.checked_runs} runs"),
                    Fact("source", source.name),
                ),
                why="by probes of its source and the warehouse's query log",
                action="let its schedule use cached results, or run it when its source changes (triggers)",
                where="Hex: the project, Logic, Run settings, Use cached query results",
            )
    if unwatched:
        why = f"{unwatched} projects with queries by schedule have no source that was compared for a week"
        yield NotJudged(kind=FULL_REFRESH, why=why, needs="sources", is_partial=True)


def _by_hand(context: AuditContext, queries: WarehouseQueries) -> Iterator[Candidate]:
    """Notebooks whose queries went on, hour after hour, for longer than people work."""
    hours: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for one in queries.hours:
        if one.context.split("_")[0] == "logic":
            hours[one.project_id][one.hour_ms] += one.usd_micro
    for project_id, spent in hours.items():
        project = context.projects.get(project_id)
        streaks = [one for one in _streaks(sorted(spent)) if len(one) > _WORKING_HOURS]
        if project is None or not streaks:
            continue
        beyond = sum(spent[at_ms] for streak in streaks for at_ms in streak[_WORKING_HOURS:])
        yield _candidate(
            context,
            BY_HAND,
            project,
            queries,
            sum(spent.values()),
            beyond,
            subject=project_id,
            evidence=(
                Fact("longest without a pause", max(map(len, streaks)), "hours"),
                Fact("times", len(streaks), f"in {round(queries.span_ms / (24 * _HOUR_MS))} days"),
                Fact("its notebook's queries in the warehouse", _week_usd(sum(spent.values()), queries), "USD a week"),
            ),
            why="a notebook sent queries in every hour for longer than a working day; the hours after the eighth count",
            action="ask who left it open, and put what has to repeat on a schedule",
            where="Hex: the project, Logic",
        )


def _streaks(hours: list[int]) -> Iterator[list[int]]:
    """Hours that follow each other without a gap."""
    streak: list[int] = []
    for at_ms in hours:
        if streak and at_ms != streak[-1] + _HOUR_MS:
            yield streak
            streak = []
        streak.append(at_ms)
    if streak:
        yield streak


def _week_usd(micro: int, queries: WarehouseQueries) -> float:
    return round(micro * WEEK_MS / queries.span_ms / MICRO, 2)


def _candidate(
    context: AuditContext,
    kind: str,
    project: Project,
    queries: WarehouseQueries,
    spent: int,
    saved: int,
    *,
    subject: str,
    evidence: tuple[Fact, ...],
    why: str,
    action: str,
    where: str,
) -> Candidate:
    """A finding on queries of a project, which cost and would save so many millionths in the time of the log."""
    saving = Saving(other_micro=saved * MONTH_MS // queries.span_ms)
    is_cell = subject != project.project_id
    finding = Finding(
        kind=kind,
        subject=subject,
        subject_type="queries" if is_cell else "project",
        subject_name=f"a cell of {project.title or project.project_id}" if is_cell else project.title,
        subjects=(subject, project.project_id) if is_cell else (project.project_id,),
        team=context.input.teams.get(project.project_id, ""),
        owner=project.owner,
        evidence=evidence,
        saving=saving,
        counted=saving,
        cost=Saving(other_micro=spent * MONTH_MS // queries.span_ms),
        confidence="measured",
        why=why,
        action=action,
        where=where,
    )
    # Of money for schedules, runs that are not needed may be the larger finding: only one of them counts.
    claims = {project.project_id: Claim(0, 0, other_micro=saving.other_micro)} if kind == FULL_REFRESH else {}
    return Candidate(finding=finding, claims=claims)
