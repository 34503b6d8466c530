"""The audit's input, looked up by project, by person and by connection; worked out once for all finders."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

from exporter.facts import Project, ProjectVersion, Seat
from exporter.insight.savings.audit_input import DAY_MS, Amount, AuditInput, ProjectUse
from exporter.insight.savings.finding import MONTH_MS, Saving
from exporter.insight.savings.pricing import Claim, Pricing
from exporter.insight.schedule_firings import WEEK_MS, firings

SCHEDULED = "scheduled"

_HOUR_MS = 3_600_000
_SHORTEST_WINDOW_MS = 7 * DAY_MS
_SHORTEST_LIFE_MS = DAY_MS
"""A project that is younger is taken to be so old: the runs of its first hour are not the pace of a month."""
_NO_USE = ProjectUse()
_RARE_WEEKS = 12
"""Over so many weeks the firings are counted of what does not fire every week."""


class AuditContext:
    """The input for one workspace. Answers are of the input's instant, and never change."""

    def __init__(self, audit_input: AuditInput) -> None:
        self.input = audit_input
        self.now_ms = audit_input.now_ms
        since_ms = audit_input.since_ms
        self.window_ms = 0 if since_ms is None else max(0, audit_input.now_ms - since_ms)
        self.week_start_ms = audit_input.now_ms // _HOUR_MS * _HOUR_MS
        self.pricing = Pricing(
            audit_input.tariff, audit_input.compute_hour_micro, max(1, self.window_ms), self._queries_of_schedules()
        )
        self._week_firings: dict[str, float] = {}

    def _queries_of_schedules(self) -> Mapping[str, tuple[int, float]]:
        """What each project's scheduled queries cost a month in the warehouse, and its scheduled runs in the window."""
        queries, sums = self.input.queries, Counter[str]()
        for one in () if queries is None else queries.hours:
            if SCHEDULED in one.context.split("_"):
                sums[one.project_id] += one.usd_micro
        span_ms = 1 if queries is None else queries.span_ms
        return {
            project_id: (micro * MONTH_MS // span_ms, self.scheduled_runs(project_id).runs)
            for project_id, micro in sums.items()
        }

    @property
    def are_runs_known(self) -> bool:
        """Whether the runs are known for a week at least."""
        return self.window_ms >= _SHORTEST_WINDOW_MS

    @cached_property
    def projects(self) -> Mapping[str, Project]:
        """The known projects by id."""
        return {project.project_id: project for project in self.input.projects or ()}

    @cached_property
    def scheduled_projects(self) -> tuple[Project, ...]:
        """The published projects that have an enabled schedule, and whose schedules did run in the window."""
        return tuple(
            project
            for project in self.projects.values()
            if project.state == "published" and has_schedule(project) and self.scheduled(project.project_id).runs
        )

    def use(self, project_id: str) -> ProjectUse:
        """The project's runs; none if there were none."""
        return self.input.uses.get(project_id, _NO_USE)

    def age_ms(self, project: Project) -> int | None:
        """How long the project has been there: since it was made, None if Hex does not say when."""
        return None if project.created_ms is None else max(0, self.now_ms - project.created_ms)

    def has_been_there(self, project: Project, span_ms: int) -> bool:
        """Whether the project is known to have been there for so long, by when it was made or first touched."""
        moments = (project.created_ms, project.edited_ms, project.published_ms, project.viewed_ms)
        known = project.created_ms if project.created_ms is not None else min(filter(None, moments), default=None)
        return known is not None and known <= self.now_ms - span_ms

    def all_runs(self, project_id: str) -> Claim:
        """All of the project's runs, for a whole window."""
        return self._for_window(project_id, _sum(list(self.use(project_id).by.values())))

    def scheduled_runs(self, project_id: str, *statuses: str) -> Claim:
        """Its scheduled runs, of these statuses if any are given, for a whole window."""
        return self._for_window(project_id, self.scheduled(project_id, *statuses))

    def scheduled(self, project_id: str, *statuses: str) -> Amount:
        """Its scheduled runs in the window, of these statuses if any are given."""
        return _sum(
            [
                amount
                for (trigger, status), amount in self.use(project_id).by.items()
                if trigger == SCHEDULED and (not statuses or status in statuses)
            ]
        )

    def week_runs(self, project: Project) -> float:
        """How many runs a week its schedules start from now on; what fires more rarely counts as a part of one.

        Where a schedule cannot be understood, as many as it started so far.
        """
        known = self._week_firings.get(project.project_id)
        if known is None:
            scheduled = _week_firings(project, self.week_start_ms)
            known = self.observed_week_runs(project.project_id) if scheduled is None else scheduled
            self._week_firings[project.project_id] = known
        return known

    def observed_week_runs(self, project_id: str) -> float:
        """How many scheduled runs it had in a week of the window, or of its life if that is shorter."""
        return self.scheduled_runs(project_id).runs * WEEK_MS / max(1, self.window_ms)

    def lasting(self, project: Project) -> float:
        """The part of its scheduled runs that goes on: below 1 once schedules were slowed down or switched off."""
        observed = self.observed_week_runs(project.project_id)
        return min(1.0, self.week_runs(project) / observed) if observed else 0.0

    def claim(self, project: Project, share: float = 1.0, *statuses: str) -> Claim:
        """So large a part of the scheduled runs that go on, of these statuses if any are given."""
        scheduled = self.scheduled_runs(project.project_id, *statuses)
        part = max(0.0, min(1.0, share)) * self.lasting(project)
        return Claim(scheduled.runs * part, int(scheduled.ms * part) if part < 1 else scheduled.ms)

    def going_on(self, project: Project) -> Claim:
        """All of its runs, the scheduled ones as far as they go on."""
        project_id = project.project_id
        every, scheduled, kept = self.all_runs(project_id), self.scheduled_runs(project_id), self.claim(project)
        return Claim(every.runs - scheduled.runs + kept.runs, every.ms - scheduled.ms + kept.ms)

    def completed(self, project_id: str) -> Amount:
        """Its completed runs in the window, whatever started them."""
        by = self.use(project_id).by.items()
        return _sum([amount for (_, status), amount in by if status == "completed"])

    @cached_property
    def settled_projects(self) -> tuple[tuple[Project, ProjectVersion], ...]:
        """The published projects whose settings are known, with them."""
        settings = self.input.settings or {}
        return tuple(
            (project, settings[project.project_id])
            for project in self.projects.values()
            if project.state == "published" and project.project_id in settings
        )

    def schedules_cost(self, project: Project) -> Saving:
        """What its schedules cost a month from now on: as many runs as they start, each of the usual run time.

        Schedules that were just switched on, or off, cost what they will, whatever they cost in the window.
        """
        runs = self.week_runs(project) * self.window_ms / WEEK_MS
        done = self.scheduled(project.project_id)
        ms = int(done.ms * runs / done.runs) if done.runs else 0
        return self.pricing.month(project.project_id, Claim(runs, ms))

    def _for_window(self, project_id: str, amount: Amount) -> Claim:
        """What would have run had the project been there for the whole window, at the pace of its life so far.

        The time before a project was made says nothing about it: three days are not divided by four weeks.
        """
        project = self.projects.get(project_id)
        age_ms = None if project is None else self.age_ms(project)
        span_ms = self.window_ms if age_ms is None else min(self.window_ms, max(age_ms, _SHORTEST_LIFE_MS))
        if span_ms >= self.window_ms:
            return Claim(*amount)
        return Claim(amount.runs * self.window_ms / span_ms, amount.ms * self.window_ms // span_ms)

    # People

    @cached_property
    def projects_by_address(self) -> Mapping[str, Sequence[Project]]:
        """The projects that somebody with this address owns or made, those in the bin left out."""
        found: dict[str, list[Project]] = defaultdict(list)
        for project in self.projects.values():
            if project.state != "trashed":
                for address in {plain(project.owner), plain(project.creator)} - {""}:
                    found[address].append(project)
        return found

    @cached_property
    def seats_by_address(self) -> Mapping[str, Sequence[Seat]]:
        """Everybody with this address; Hex lets several share one."""
        found: dict[str, list[Seat]] = defaultdict(list)
        for seat in self.input.seats or ():
            found[plain(seat.email)].append(seat)
        return found

    def seen_ms(self, seat: Seat) -> int | None:
        """When this person was last seen to do anything, None if never.

        Logins, edits of their projects, runs of those that no schedule started, and whatever else the input has.
        """
        moments = [seat.last_login_ms, self.input.seen_ms.get(seat.user_id)]
        address = plain(seat.email)
        for project in self.projects_by_address.get(address, ()) if address else ():
            moments.append(project.edited_ms)
            moments += [at for trigger, at in self.use(project.project_id).last_ms.items() if trigger != SCHEDULED]
        return max((at_ms for at_ms in moments if at_ms is not None), default=None)

    def is_idle(self, seat: Seat) -> bool:
        """Whether no one has used the seat for long, or ever."""
        seen_ms = self.seen_ms(seat)
        return seen_ms is None or seen_ms <= self.now_ms - self.input.inactive_after_ms

    # Connections

    @cached_property
    def projects_by_connection(self) -> Mapping[str, Sequence[str]]:
        """The ids of the known projects that query each connection."""
        found: dict[str, list[str]] = defaultdict(list)
        for project_id, tables in (self.input.tables or {}).items():
            if project_id in self.projects:
                for connection_id in dict.fromkeys(table.connection_id for table in tables):
                    found[connection_id].append(project_id)
        return found

    def connection_cost(self, connection_id: str) -> Saving:
        """What the runs of the projects that query it cost a month; what else these query is included."""
        users = self.projects_by_connection.get(connection_id, ())
        return self.pricing.months({project_id: self.all_runs(project_id) for project_id in users})

    # Time

    def is_quiet_since(self, at_ms: int | None, span_ms: int) -> bool:
        """Whether something happened that long ago, or never; a moment ahead of this clock is recent."""
        return at_ms is None or at_ms <= self.now_ms - span_ms


def plain(address: str | None) -> str:
    """An address for comparison: upper and lower case are alike; empty where there is none."""
    return (address or "").strip().lower()


def has_schedule(project: Project) -> bool:
    """Whether any of its schedules is enabled."""
    return any(schedule.enabled for schedule in project.schedules)


def _week_firings(project: Project, start_ms: int) -> float | None:
    """None if nothing says when an enabled schedule fires."""
    total = 0.0
    for schedule in project.schedules if project.state == "published" else ():
        if schedule.enabled:
            found: float = len(firings(schedule, start_ms, start_ms + WEEK_MS))
            if not found:
                found = len(firings(schedule, start_ms, start_ms + _RARE_WEEKS * WEEK_MS)) / _RARE_WEEKS
            if not found:
                return None
            total += found
    return total


def _sum(amounts: Sequence[Amount]) -> Amount:
    return Amount(sum(amount.runs for amount in amounts), sum(amount.ms for amount in amounts))
