"""The projects of a workspace: listed, gone, with series of their own or not, and how far their runs are known."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from sqlalchemy import func, select

from exporter.facts import Project
from exporter.ledger.changed_rows import ChangedRows
from exporter.ledger.codec import decode, encode, storable
from exporter.ledger.schema import PROJECTS, RUNS, WORKSPACES, upsert
from exporter.ledger.series_limit import ACTIVITY_MS, DAY_MS, FORGET_GONE_MS, Candidate, choose_series
from exporter.ledger.store import Store, Transaction

ORDER_MARGIN_MS = 15 * 60_000
"""How far start times may be out of order in a listing that falls.

A listing in order of creation shows a run that waited for its kernel among later ones, and clocks differ.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far a project's run history is known, for the planner to go on from.

    `known_until_ms`: every run that started before it is known; `known_from_ms`: the earliest start that has been read
    without a gap (0: all that the API has). `disorder_ms`: how far start times were seen out of order in its pages;
    `is_unordered`: further than that, so that only its last page says where they end. `last_read_ms`: when its newest
    page was read last. `refusals`: Hex refused its newest page so often in a row, the last time with `refused_status`.
    `schedule_checked_ms`: its schedules have been compared with its runs up to then.
    """

    known_until_ms: int | None = None
    known_from_ms: int | None = None
    is_unordered: bool = False
    last_read_ms: int | None = None
    disorder_ms: int = 0
    refusals: int = 0
    refused_status: int | None = None
    schedule_checked_ms: int | None = None

    @property
    def margin_ms(self) -> int:
        """How far start times may be out of order in its pages."""
        return max(ORDER_MARGIN_MS, self.disorder_ms)

    @property
    def complete_from_ms(self) -> int | None:
        """Every run that started since then is known, 0: all; a page yet to come may hold runs up to a margin later."""
        return self.known_from_ms + self.margin_ms if self.known_from_ms else self.known_from_ms

    @property
    def was_never_readable(self) -> bool:
        """Whether Hex refuses its runs and never gave them: there is nothing that could be waited for."""
        return self.refusals > 0 and self.known_until_ms is None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProject:
    """A project as last listed. `gone_since_ms`: the first listing without it, None while it is listed.

    `has_series`: its counters carry its own id rather than `other`. `schedules_since_ms`: its schedules are the same
    since then.
    """

    project: Project
    first_seen_ms: int
    gone_since_ms: int | None = None
    has_series: bool = False
    schedules_since_ms: int
    progress: RunProgress = field(default_factory=RunProgress)


class Projects:
    """The projects of one workspace: in the table, and mirrored in memory once they are committed."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace
        self._known: Mapping[str, KnownProject] = {}
        self._reading = ChangedRows(store, PROJECTS, workspace)
        self.load()

    def load(self, *, only_changes: bool = False) -> None:
        """Read every project from the table, or those that another replica has written since."""
        rows = self._reading.rows(only_changes=only_changes)
        if not rows and only_changes:
            return
        read = {
            row.project_id: KnownProject(
                project=decode(row.body, Project) or Project(project_id=row.project_id),
                first_seen_ms=row.first_seen_ms,
                gone_since_ms=row.gone_since_ms,
                has_series=row.has_series,
                schedules_since_ms=row.schedules_since_ms,
                progress=decode(row.progress, RunProgress) or RunProgress(),
            )
            for row in rows
        }
        known = {**self._known, **read} if only_changes else read
        self._known = dict(sorted(known.items()))

    @property
    def known(self) -> Mapping[str, KnownProject]:
        """Every project by id, those that are gone included; never changed in place."""
        return self._known

    def record_listing(
        self, transaction: Transaction, listed: Iterable[Project], at_ms: int, unreadable: Collection[str] | None = ()
    ) -> Mapping[str, KnownProject]:
        """Take in a whole listing: what it lacks is gone, unless its item was `unreadable` (None: any may have been).

        Returns all projects as they are then.
        """
        spared = self._known.keys() if unreadable is None else {storable(one) for one in unreadable}
        changes: dict[str, KnownProject] = {}
        present = {storable(project.project_id): project for project in listed}
        for project_id, project in present.items():
            known = self._known.get(project_id)
            after = _listed(known, project, at_ms)
            if after != known:
                changes[project_id] = after
        for project_id, known in self._known.items():
            if project_id not in present and project_id not in spared and known.gone_since_ms is None:
                changes[project_id] = replace(known, gone_since_ms=at_ms)
        return self._write(transaction, changes)

    def record_progress(self, transaction: Transaction, project_id: str, progress: RunProgress, at_ms: int) -> None:
        """Remember how far the project's runs are known."""
        known = self._known.get(project_id) or KnownProject(
            project=Project(project_id=project_id), first_seen_ms=at_ms, schedules_since_ms=at_ms
        )
        self._write(transaction, {project_id: replace(known, progress=progress)})

    def known_after(self, at_ms: int) -> list[KnownProject]:
        """The projects whose runs are said to have been read after this moment, or to be known up to it."""
        return [
            known
            for known in self._known.values()
            if max(known.progress.known_until_ms or 0, known.progress.last_read_ms or 0) > at_ms
        ]

    def disbelieve_after(self, transaction: Transaction, at_ms: int) -> None:
        """Have the runs of those projects read whole again: nothing says how far they are known."""
        changes = {
            known.project.project_id: replace(
                known,
                progress=replace(
                    known.progress,
                    known_until_ms=None,
                    known_from_ms=None,
                    is_unordered=True,
                    last_read_ms=None,
                    schedule_checked_ms=min(known.progress.schedule_checked_ms or at_ms, at_ms),
                ),
            )
            for known in self.known_after(at_ms)
        }
        self._write(transaction, changes)

    def choose_members(
        self, transaction: Transaction, limit: int, now_ms: int, left_out: Collection[str] = ()
    ) -> Mapping[str, KnownProject]:
        """Decide who has series: room is filled at once, members are displaced at most daily.

        Returns all projects as they are then.
        """
        workspace = transaction.connection.execute(
            select(WORKSPACES.c.members_chosen_ms, WORKSPACES.c.members_limit).where(
                WORKSPACES.c.workspace == self._workspace
            )
        ).one_or_none()
        chosen_ms, last_limit = (None, None) if workspace is None else workspace
        is_due = chosen_ms is None or not 0 <= now_ms - chosen_ms < DAY_MS or last_limit != limit
        runs = self._recent_runs(transaction, now_ms) if is_due else {}
        candidates = [
            Candidate(
                project_id=project_id,
                is_member=known.has_series,
                runs=runs.get(project_id, 0),
                is_published=known.project.published_ms is not None,
                viewed_ms=known.project.viewed_ms or 0,
            )
            for project_id, known in self._known.items()
            if (known.gone_since_ms is None or now_ms - known.gone_since_ms < FORGET_GONE_MS)
            and project_id not in left_out
        ]
        members = choose_series(candidates, limit, may_displace=is_due)
        changes = {
            project_id: replace(known, has_series=project_id in members)
            for project_id, known in self._known.items()
            if known.has_series != (project_id in members)
        }
        if is_due:
            upsert(
                transaction.connection,
                WORKSPACES,
                [{"workspace": self._workspace, "members_chosen_ms": now_ms, "members_limit": limit}],
            )
        return self._write(transaction, changes)

    def _recent_runs(self, transaction: Transaction, now_ms: int) -> dict[str, int]:
        rows = transaction.connection.execute(
            select(RUNS.c.project_id, func.count())
            .where(RUNS.c.workspace == self._workspace, RUNS.c.started_ms >= now_ms - ACTIVITY_MS)
            .group_by(RUNS.c.project_id)
        )
        return {row[0]: row[1] for row in rows}

    def _write(self, transaction: Transaction, changes: Mapping[str, KnownProject]) -> Mapping[str, KnownProject]:
        upsert(
            transaction.connection,
            PROJECTS,
            [
                {
                    "workspace": self._workspace,
                    "project_id": project_id,
                    "body": encode(known.project),
                    "first_seen_ms": known.first_seen_ms,
                    "gone_since_ms": known.gone_since_ms,
                    "has_series": known.has_series,
                    "schedules_since_ms": known.schedules_since_ms,
                    "progress": encode(known.progress),
                    "lease_version": transaction.version,
                }
                for project_id, known in changes.items()
            ],
        )
        after = {**self._known, **changes}
        transaction.after_commit(lambda: self._replace(after))
        return after

    def _replace(self, after: Mapping[str, KnownProject]) -> None:
        self._known = after


def _listed(known: KnownProject | None, project: Project, at_ms: int) -> KnownProject:
    if known is None:
        return KnownProject(project=project, first_seen_ms=at_ms, schedules_since_ms=at_ms)
    is_same = frozenset(known.project.schedules) == frozenset(project.schedules)
    return replace(
        known,
        project=project,
        gone_since_ms=None,
        schedules_since_ms=known.schedules_since_ms if is_same else at_ms,
    )


def is_head_known(before: RunProgress, after: RunProgress) -> bool:
    """Whether a project's newest runs were known, and what has been read does not lead further into its past."""
    is_older_page = after.known_until_ms == before.known_until_ms and after.known_from_ms != before.known_from_ms
    return before.known_until_ms is not None and not is_older_page
