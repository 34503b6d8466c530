"""Projects on a billed compute profile that they do not need: SQL only, or so short that a smaller one does."""

from exporter.facts import Project, ProjectVersion
from exporter.insight.savings.audit_context import AuditContext
from exporter.insight.savings.candidate import Candidate, Found, not_judged, project_candidate, unready, unsettled
from exporter.insight.savings.finding import Fact
from exporter.insight.tariffs import MICRO

SQL_ONLY = "sql_on_paid_compute"
OVERSIZED = "oversized_compute"

_SIZES = ("xs", "small", "medium", "large", "xl", "2xl", "4xl")
"""Each has twice the memory of the one before. Of GPUs none is the smaller one of another."""

_LONGEST_MS = 10 * 60_000
"""A run that would end within ten minutes is waited for by no one: most schedules start hours before work does."""

_FEWEST_RUNS = 5
"""Of fewer completed runs the longest says little about the next."""

_LEAST_PART = 10
"""A tenth of the price: half the price at twice the time saves nothing, but for how prices are rounded."""

_WHERE = "Hex: the project, Environment, Compute profile"


def paid_compute(context: AuditContext) -> Found:
    """One finding at the most for each project whose profile has a price."""
    for kind in (SQL_ONLY, OVERSIZED):
        if reason := unready(context, kind) or unsettled(context, kind):
            yield reason
    unpriced: set[str] = set()
    tariff = context.input.tariff
    for project, settings in context.settled_projects if context.are_runs_known else ():
        profile = context.input.profiles.get(project.project_id)
        if profile is None or not context.all_runs(project.project_id).runs:
            continue
        if not tariff.has_compute_price(profile):
            unpriced.add(profile)
        elif hour := tariff.compute_hour_micro_usd(profile):
            found = _sql_only if settings.is_sql_only else _oversized
            if one := found(context, project, settings, profile, hour):
                yield one
    for profile in sorted(unpriced):
        for kind in (SQL_ONLY, OVERSIZED):
            needs = f"prices.compute_hour_usd.{profile}"
            yield not_judged(context, kind, "", f"no price for profile {profile}", needs, is_partial=True)


def _sql_only(
    context: AuditContext, project: Project, settings: ProjectVersion, profile: str, hour: int
) -> Candidate | None:
    queries = sum(cell.cell_type == "sql" for cell in settings.cells or ())
    return project_candidate(
        context,
        SQL_ONLY,
        project,
        context.going_on(project)._replace(hour_micro=hour),
        evidence=(*_facts(context, project, profile, hour), Fact("SQL cells", queries)),
        confidence="measured",
        why="all of its cells that compute are SQL, which runs in the warehouse, not on Hex's compute",
        action=f"put it on {_included(context)}, which the plan includes",
        where=_WHERE,
    )


def _oversized(
    context: AuditContext, project: Project, settings: ProjectVersion, profile: str, hour: int
) -> Candidate | None:
    longest_ms = context.use(project.project_id).longest_ms
    if profile not in _SIZES or context.completed(project.project_id).runs < _FEWEST_RUNS or not longest_ms:
        return None
    saved, smaller = max(_smaller(context, profile, hour, longest_ms), default=(0, 0))
    if saved * _LEAST_PART < hour:
        return None
    return project_candidate(
        context,
        OVERSIZED,
        project,
        context.going_on(project)._replace(hour_micro=saved),
        evidence=(
            *_facts(context, project, profile, hour),
            Fact("longest completed run", round(longest_ms / 60_000, 1), "minutes"),
        ),
        confidence="estimated",
        why="even at twice the time for each size less its longest run would end within 10 minutes; "
        "how much memory it needs is not known",
        action=f"try it on {_SIZES[smaller]}, and go back if a run fails",
        where=_WHERE,
    )


def _smaller(context: AuditContext, profile: str, hour: int, longest_ms: int) -> list[tuple[int, int]]:
    """What an hour saves on each smaller profile that does, at the longer time there, and the place of its size."""
    tariff, size = context.input.tariff, _SIZES.index(profile)
    return [
        (hour - tariff.compute_hour_micro_usd(_SIZES[place]) * 2 ** (size - place), place)
        for place in range(size)
        if longest_ms * 2 ** (size - place) <= _LONGEST_MS
    ]


def _included(context: AuditContext) -> str:
    """The largest profile without a price; the smallest of all where each has one."""
    free = [one for one in _SIZES if not context.input.tariff.compute_hour_micro_usd(one)]
    return free[-1] if free else _SIZES[0]


def _facts(context: AuditContext, project: Project, profile: str, hour: int) -> tuple[Fact, ...]:
    month = context.pricing.month(project.project_id, context.going_on(project))
    return (
        Fact("compute profile", profile),
        Fact("its price", hour / MICRO, "USD an hour"),
        Fact("run time", round(month.minutes / 60, 1), "hours a month"),
    )
