"""What the page shows of one workspace: budgets, the week's curve, top projects, findings and the age of the data."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from exporter.config import DEFAULT_BUDGET, DOLLARS, Currency
from exporter.insight import COMPONENTS, BudgetStatus, Money, local_day
from exporter.insight.savings import Audit
from exporter.view import Snapshot, project_url, run_time_by_basis, subject_name

TOP = 5
"""How many projects and findings are shown: as many as are read at a glance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetFigures:
    """One budget, in its unit. `is_default`: no one chose its limit, so that nothing is judged by it.

    `level` is the highest of `info`, `warning` and `critical` that its use has reached, empty for none.
    `is_exceeded_by_forecast` None: there is no forecast.
    """

    name: str
    unit: str
    period: str
    limit: float
    used: float | None
    forecast: float | None
    resets_ms: int
    level: str
    is_exceeded_by_forecast: bool | None
    is_default: bool
    unreadable_projects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFigures:
    """One project: its runs since the week began and in the whole week before, and what this week's cost, by kind."""

    title: str
    url: str
    project_id: str
    runs: int
    previous_runs: int | None
    money: Mapping[Money, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingFigures:
    """One thing to switch off, with what that saves a month: of Hex's bill, other bills, the estimate, and runs."""

    kind: str
    subject: str
    action: str
    billed_micro: int | None
    other_micro: int | None
    estimate_micro: int | None
    runs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BillFigures:
    """Hex's bill of this week so far, and of the week before, None where that is not known; by component.

    `missing` says which prices are missing. Compute is a lower bound, as Hex shows no sessions; `exact_share` is the
    share of run time that is priced by the version that ran, None without run time.
    """

    micro: int | None
    previous_micro: int | None
    components: Mapping[str, int]
    missing: tuple[str, ...]
    exact_share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A feature that is not on: its state in words, and what it needs."""

    feature: str
    state: str
    needs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceFigures:
    """One workspace. Runs are None until every run since the week's start is known, and so are those of last week.

    `previous_runs_by_now` are last week's up to the same local moment. `findings` None: no audit yet.
    `complete_until_ms`: every run that started before it is known. Times are shown in `timezone`, money in `currency`.
    """

    name: str
    timezone: str
    now_ms: int
    budgets: tuple[BudgetFigures, ...]
    runs: int | None
    previous_runs: int | None
    previous_runs_by_now: int | None
    curve: tuple[int, ...]
    previous_curve: tuple[int, ...]
    bill: BillFigures
    projects: tuple[ProjectFigures, ...]
    findings: tuple[FindingFigures, ...] | None
    more_findings: int
    billed_saving_micro: int | None
    other_saving_micro: int | None
    estimate_saving_micro: int | None
    complete_until_ms: int | None
    unreadable_projects: int
    unreadable_runs: int
    gaps: tuple[Gap, ...]
    currency: Currency = DOLLARS


def workspace_figures(snapshot: Snapshot) -> WorkspaceFigures:
    """The figures of this workspace now; those that are not known are None or empty."""
    stored = snapshot.stored
    is_known = snapshot.is_complete_from(stored.week[0])
    is_previous_known = snapshot.is_complete_from(stored.previous_week[0])
    timezone = snapshot.config.week(snapshot.name).timezone
    audit = snapshot.status.audit
    return WorkspaceFigures(
        name=snapshot.name,
        timezone=timezone,
        now_ms=snapshot.now_ms,
        budgets=tuple(_budgets(snapshot)),
        runs=sum(stored.week_counts.values()) if is_known else None,
        previous_runs=sum(stored.previous_week_counts.values()) if is_previous_known else None,
        previous_runs_by_now=sum(stored.previous_week_by_now.values()) if is_previous_known else None,
        curve=stored.curve.this if is_known else (),
        previous_curve=stored.curve.previous if is_previous_known else (),
        bill=_bill(snapshot),
        projects=tuple(_projects(snapshot, is_previous_known=is_previous_known)) if is_known else (),
        findings=None if audit is None else tuple(_findings(snapshot, audit)),
        more_findings=0 if audit is None else max(0, len(audit.findings) - TOP),
        billed_saving_micro=None if audit is None else audit.saving.money("billed"),
        other_saving_micro=None if audit is None else audit.saving.money("other"),
        estimate_saving_micro=None if audit is None else audit.saving.money("estimate"),
        complete_until_ms=snapshot.complete_until_ms,
        unreadable_projects=len(snapshot.unreadable),
        unreadable_runs=sum(one.runs for one in snapshot.stored.unreadable_runs),
        gaps=tuple(
            Gap(feature=feature, state=state.replace("_", " "), needs=needs)
            for feature, (state, needs) in snapshot.features.items()
            if state != "on"
        ),
        currency=snapshot.config.currency(local_day(snapshot.now_ms, timezone)),
    )


def _budgets(snapshot: Snapshot) -> Iterator[BudgetFigures]:
    accounts = snapshot.accounts
    if accounts is None:
        return
    missing = accounts.unreadable_projects or (0,) * len(accounts.budgets)
    for status, unreadable in sorted(zip(accounts.budgets, missing, strict=True), key=lambda one: _urgency(one[0])):
        budget = status.budget
        exceeds = None if status.forecast is None else status.forecast > budget.limit
        yield BudgetFigures(
            name=budget.name,
            unit=budget.unit,
            period=budget.period,
            limit=budget.limit,
            used=status.used,
            forecast=status.forecast,
            resets_ms=status.period[1],
            level=_level(status),
            is_exceeded_by_forecast=exceeds,
            is_default=budget == DEFAULT_BUDGET,
            unreadable_projects=unreadable,
        )


def _urgency(status: BudgetStatus) -> float:
    """Orders budgets: the one of which most will be gone comes first."""
    return -max(status.used or 0, status.forecast or 0) / (status.budget.limit or 1)


def _level(status: BudgetStatus) -> str:
    used, limit, thresholds = status.used, status.budget.limit, status.budget.thresholds
    if used is None:
        return ""
    for name, part in (
        ("critical", thresholds.critical),
        ("warning", thresholds.warning),
        ("info", thresholds.info),
    ):
        if used >= part * limit:
            return name
    return ""


def _bill(snapshot: Snapshot) -> BillFigures:
    accounts = snapshot.accounts
    if accounts is None:
        return BillFigures(micro=None, previous_micro=None, components={}, missing=())
    billed = {name: micro for name, micro in accounts.week.costs.items() if COMPONENTS[name] == "billed"}
    missing = snapshot.features["prices"]
    micro = accounts.week.money.get("billed")
    run_ms = run_time_by_basis(accounts.week.profiles)
    whole_ms = sum(run_ms.values())
    return BillFigures(
        # Nothing of what is priced was used: 0 would pass for a bill.
        micro=micro if micro or missing.state == "on" else None,
        previous_micro=accounts.previous_week.money.get("billed"),
        components=billed if accounts.week.money else {},
        missing=() if missing.state == "on" else (missing.needs,),
        exact_share=run_ms["exact"] / whole_ms if whole_ms else None,
    )


def _projects(snapshot: Snapshot, *, is_previous_known: bool) -> Iterator[ProjectFigures]:
    """The projects with the most runs this week."""
    stored, accounts = snapshot.stored, snapshot.accounts
    projects = {known.project.project_id: known.project for known in stored.projects}
    kinds = () if accounts is None else accounts.run_money
    totals = {} if accounts is None or accounts.week.totals is None else accounts.week.totals
    ranked = sorted(stored.week_counts.items(), key=lambda one: (-one[1], one[0]))[:TOP]
    money: dict[str, dict[Money, int]] = {project_id: dict.fromkeys(kinds, 0) for project_id, _ in ranked}
    for (project_id, *_), total in totals.items():
        for kind in kinds if project_id in money else ():
            money[project_id][kind] += total.money(kind)
    for project_id, runs in ranked:
        project = projects.get(project_id)
        yield ProjectFigures(
            title=project_id if project is None else project.title or project_id,
            url=project_url(snapshot, project_id),
            project_id=project_id,
            runs=runs,
            previous_runs=stored.previous_week_counts.get(project_id, 0) if is_previous_known else None,
            money=money[project_id],
        )


def _findings(snapshot: Snapshot, audit: Audit) -> Iterator[FindingFigures]:
    # The audit ranks what saves nothing on this bill by its cost; here only what it saves is shown.
    for finding in sorted(audit.findings, key=lambda one: one.saving.rank, reverse=True)[:TOP]:
        yield FindingFigures(
            kind=finding.kind,
            subject=subject_name(snapshot, finding),
            action=finding.action,
            billed_micro=finding.saving.money("billed"),
            other_micro=finding.saving.money("other"),
            estimate_micro=finding.saving.money("estimate"),
            runs=finding.saving.runs,
        )
