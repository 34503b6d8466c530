"""A simulated Hex workspace: the same past for the same seed, plus what was done to it over HTTP."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, takewhile

from exporter.clock import Clock
from exporter.facts import Connection, Group, Run, Seat, Thread
from exporter.simulator.ai_threads import Talks
from exporter.simulator.connections import Link, connect
from exporter.simulator.event_times import WEEK_MS, Calendar
from exporter.simulator.people import Staff, hire
from exporter.simulator.planted_waste import Published, Waste, planted
from exporter.simulator.population import PUBLISHES_SHARE, SimulatedProject, plant, populate
from exporter.simulator.project_settings import profile_at
from exporter.simulator.seeded_random import chance, identifier
from exporter.simulator.timeline import Burst, PlannedRun, Timeline, version_at

ANCHOR_MS = 1_735_689_600_000
"""1 January 2025: by then everybody has been hired and every project made, so that the past never moves."""

DEFAULT_PROJECTS = 40

_START_WAIT_MS = 1_500
"""What a run started over HTTP waits for its kernel."""

_RENEWAL_LOOK_BACK = 400
"""How many runs are searched for the one that renewed the published results; a project run wild has thousands."""


class Simulation:
    """One workspace.

    `projects` is their number without the planted one, which exists when `plant_since_ms` is given and has a run every
    `plant_every_seconds` since then. `bursts` let projects run away. `run_seconds` fixes how long runs started over
    HTTP take. To be used from one thread.
    """

    def __init__(
        self,
        seed: int = 1,
        projects: int = DEFAULT_PROJECTS,
        *,
        clock: Clock,
        timezone: str = "Europe/Zurich",
        anchor_ms: int = ANCHOR_MS,
        plant_since_ms: int | None = None,
        plant_every_seconds: float = 5.0,
        bursts: Iterable[Burst] = (),
        run_seconds: float | None = None,
    ) -> None:
        self.seed = seed
        self.clock = clock
        self.calendar = Calendar(timezone)
        self.org_id = identifier(seed, "org")
        self.staff: Staff = hire(seed, projects, anchor_ms, self.calendar)
        self.links: tuple[Link, ...] = connect(seed, anchor_ms)
        self.talks = Talks(seed, self.staff, anchor_ms, self.calendar)
        self._run_seconds = run_seconds
        population = populate(seed, projects, anchor_ms, self.calendar, self.staff, self.links)
        bursts = list(bursts)
        self.planted: SimulatedProject | None = None
        if plant_since_ms is not None:
            self.planted = plant(seed, anchor_ms, self.calendar, self.staff, self.links)
            population = (*population, self.planted)
            bursts.append(
                Burst(
                    project_id=self.planted.project_id,
                    since_ms=plant_since_ms,
                    every_ms=max(1, int(plant_every_seconds * 1000)),
                    triggers=("api", "app_refresh"),
                )
            )
        self.projects: tuple[SimulatedProject, ...] = population
        self._by_age = sorted(population, key=lambda project: (-project.created_ms, project.project_id))
        self.by_id: Mapping[str, SimulatedProject] = {project.project_id: project for project in population}
        self._timelines = {project.project_id: Timeline(seed, project, self.calendar) for project in population}
        self._requested: dict[str, list[PlannedRun]] = {}
        self._changed: dict[str, PlannedRun] = {}
        self._renewing: set[str] = set()
        self._callers: dict[str, str] = {}
        for burst in bursts:
            self.run_away(burst)

    @property
    def now_ms(self) -> int:
        """The instant of the clock, in milliseconds since the epoch."""
        return int(self.clock.now() * 1000)

    # --- runs

    def newest(self, project_id: str, now_ms: int | None = None) -> Iterator[PlannedRun]:
        """The runs that the API lists for a project at an instant, the latest start first."""
        now_ms = self.now_ms if now_ms is None else now_ms
        requested = [run for run in self._requested.get(project_id, ()) if run.queued_ms <= now_ms]
        runs = self._timelines[project_id].newest(now_ms, requested)
        if not self._changed:
            return runs
        return (self._changed.get(run.run_id, run) for run in runs)

    def runs_between(
        self, start_ms: int, end_ms: int, *, at_ms: int | None = None, project_id: str | None = None
    ) -> Iterator[Run]:
        """The truth: every run with a start in [start, end), as it stands at `at_ms` (now if None).

        Runs older than the history of the API at `end_ms` are left out. A run that got no kernel, or is still
        pending, counts by the instant at which it starts or would have.
        """
        at_ms = self.now_ms if at_ms is None else at_ms
        for known in self.by_id if project_id is None else (project_id,):
            for run in self.newest(known, min(at_ms, end_ms)):
                if run.start_ms < start_ms:
                    break
                if run.start_ms < end_ms:
                    yield run.seen(at_ms)

    def find_run(self, project_id: str, run_id: str) -> PlannedRun | None:
        """A run that the API lists, None if there is none of that id."""
        return next((run for run in self.newest(project_id) if run.run_id == run_id), None)

    def start_run(self, project: SimulatedProject, *, caller: str = "", updates_results: bool = False) -> PlannedRun:
        """Start a run as RunProject does: pending, then running, then ended after its time."""
        now_ms = self.now_ms
        number = sum(map(len, self._requested.values()))
        dice = chance(self.seed, "asked", number, now_ms)
        timeline = self._timelines[project.project_id]
        run = timeline.plan(dice, f"asked{number}", "api", now_ms, now_ms + _START_WAIT_MS)
        if self._run_seconds is not None:
            run = run._replace(end_ms=run.start_ms + int(self._run_seconds * 1000))
        self._requested.setdefault(project.project_id, []).append(run)
        self._callers[run.run_id] = caller
        if updates_results:
            self._renewing.add(run.run_id)
        return run

    def cancel_run(self, run: PlannedRun) -> bool:
        """Kill a run; False if it had ended already, which changes nothing."""
        now_ms = self.now_ms
        if now_ms >= run.end_ms:
            return False
        self._changed[run.run_id] = run._replace(end_ms=now_ms, outcome="killed", has_end=True)
        return True

    def kernels_of(self, caller: str) -> int:
        """How many runs that this caller started over HTTP hold a kernel, or wait for one."""
        now_ms = self.now_ms
        return sum(
            1
            for runs in self._requested.values()
            for run in runs
            if self._callers[run.run_id] == caller and self._changed.get(run.run_id, run).end_ms > now_ms
        )

    def run_away(self, burst: Burst) -> None:
        """Let a project run at even steps from an instant on. KeyError if there is no such project."""
        old = self._timelines[burst.project_id]
        self._timelines[burst.project_id] = Timeline(self.seed, old.project, self.calendar, (*old.bursts, burst))

    # --- what moves with time on a project

    def listed(self, now_ms: int) -> list[SimulatedProject]:
        """The projects that exist at an instant, the most recently created first."""
        return [project for project in self._by_age if project.created_ms <= now_ms]

    def edited_ms(self, project: SimulatedProject, now_ms: int) -> int:
        """When it was last edited."""
        return (project.edits.last(now_ms) if project.edits else None) or project.created_ms

    def published_ms(self, project: SimulatedProject, now_ms: int) -> int | None:
        """When its current version was published, None if there is none."""
        if project.published_ms is None or project.edits is None:
            return project.published_ms
        for ordinal, at_ms in project.edits.backwards(now_ms):
            if int(ordinal * PUBLISHES_SHARE) > int((ordinal - 1) * PUBLISHES_SHARE):
                return at_ms
        return project.published_ms

    def viewed_ms(self, project: SimulatedProject, now_ms: int) -> int | None:
        """When its app was last opened, None if never."""
        return project.views.last(now_ms) if project.views else None

    def results_ms(self, project: SimulatedProject, now_ms: int) -> int | None:
        """When its published results were last renewed: by a completed schedule, a refresh, or by publishing."""
        published_ms = self.published_ms(project, now_ms)
        if published_ms is None:
            return None
        for run in islice(self.newest(project.project_id, now_ms), _RENEWAL_LOOK_BACK):
            renews = run.trigger != "api" or run.run_id in self._renewing
            if renews and run.outcome == "completed" and run.end_ms <= now_ms:
                return max(run.end_ms, published_ms)
            if run.start_ms < published_ms:
                break
        return published_ms

    def source_state(self, project: SimulatedProject, now_ms: int) -> tuple[int, int]:
        """How often the data behind a project had changed by an instant, and when it last did."""
        return project.source.count(now_ms), project.source.last(now_ms) or project.created_ms

    # --- the same as facts, for comparison with what a client learned

    @property
    def seats(self) -> tuple[Seat, ...]:
        """Every seat, as it stands."""
        now_ms = self.now_ms
        return tuple(person.seat(now_ms) for person in self.staff.people)

    @property
    def groups(self) -> tuple[Group, ...]:
        """Every group."""
        return tuple(Group(group_id=team.group_id, name=team.name) for team in self.staff.teams)

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Every connection, without its target."""
        return tuple(
            Connection(connection_id=link.connection_id, name=link.name, connection_type=link.connection_type)
            for link in self.links
        )

    @property
    def threads(self) -> tuple[Thread, ...]:
        """Every listed thread, the newest first."""
        now_ms = self.now_ms
        return tuple(talk.seen(now_ms) for talk in self.talks.newest(now_ms))

    @property
    def waste(self) -> tuple[Waste, ...]:
        """What was planted to be found, near misses included (`is_waste`)."""
        regular = [project for project in self.projects if project is not self.planted]
        published = [self._published(project) for project in regular if project.is_runnable]
        return planted(regular, self.staff.people, self.links, self.talks, published)

    def _published(self, project: SimulatedProject) -> Published:
        now_ms = self.now_ms
        recent = takewhile(lambda run: run.start_ms >= now_ms - 4 * WEEK_MS, self.newest(project.project_id, now_ms))
        ended = [run for run in recent if run.outcome != "unable_to_allocate_kernel" and run.end_ms <= now_ms]
        runs = tuple((run.trigger, run.outcome, run.end_ms - run.start_ms) for run in ended)
        return Published(project, profile_at(self.seed, project, version_at(project, now_ms)), runs)
