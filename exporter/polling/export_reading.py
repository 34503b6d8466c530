"""Which versions of projects are read, and when: one request each, behind everything else."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import structlog

from exporter.errors import ApiError
from exporter.facts import Project, ProjectVersion
from exporter.hexapi import ApiRequest, Endpoint, Page
from exporter.ledger import LATEST, KnownProject, RunVersion, WorkspaceLedger
from exporter.polling.due_times import HOUR_MS, NEVER_MS

SHARE = 0.2
"""The most of the allowed requests that exports take: settings are no figures, those come first."""

MOST_VERSIONS = 5
"""So many versions with runs are read of a project: who publishes every hour needs no more for a price."""

_MOST_PREFERRED = 1_000  # as many as a workspace has projects that are requested at the gateway, and no more memory

_NAMES_EVERY_MS = 60_000  # which versions runs name is a query over two weeks of runs
_LISTED_EVERY_MS = 60_000  # going through every project for each request would take longer the more there are
_QUEUED_MS = HOUR_MS  # a run that was queued before the project was published has the version before
_LATER_FIRST_MS = HOUR_MS
_LATER_LONGEST_MS = 24 * HOUR_MS

_log = structlog.get_logger()

_Key = tuple[str, str]
"""Project id and version."""


class ExportReader:
    """What is still to be learned of each project's versions, and where the answers go. For one thread at a time."""

    def __init__(self, ledger: WorkspaceLedger, requests_per_hour: int) -> None:
        """Reads nothing; `requests_per_hour` is how many the whole workspace may cost."""
        self._ledger = ledger
        self._every_ms = round(HOUR_MS / (requests_per_hour * SHARE))
        self._next_ms = 0
        self._waiting: list[tuple[Project, str]] = []
        self._listed_at_ms: int | None = None
        self._later: dict[_Key, tuple[int, int]] = {}
        self._logged: set[_Key] = set()
        self._refused: set[str] = set()
        """The projects that were refused since a version came."""
        self._named: dict[str, tuple[RunVersion, ...]] = {}
        self._named_at_ms: int | None = None
        self._preferred: dict[str, None] = {}
        self._adopted_at: int | None = None
        """The revision of the known versions when numbers were last given to them."""

    def load(self) -> None:
        """Go on from what the ledger knows."""
        self._named_at_ms = self._adopted_at = self._listed_at_ms = None
        self._next_ms = 0

    def look(self, projects: Iterable[KnownProject], since_ms: int, now_ms: int) -> None:
        """Look which versions the runs since then name; what was read as the latest gets its number by it."""
        if self._named_at_ms is None or not 0 <= now_ms - self._named_at_ms < _NAMES_EVERY_MS:
            self._named = self._ledger.versions.named_by_runs(since_ms)
            self._named_at_ms = now_ms
            self._adopted_at = self._listed_at_ms = None
        if self._adopted_at != self._ledger.versions.revision:
            for known in projects:
                self._adopt(known.project, now_ms)
            self._adopted_at = self._ledger.versions.revision

    def prefer(self, project_id: str) -> None:
        """Read what is published of this project next: until its cells are known the gateway runs it each time."""
        if len(self._preferred) < _MOST_PREFERRED:
            self._preferred[project_id] = None

    def next_preferred(self, known: Mapping[str, KnownProject], now_ms: int) -> ApiRequest | None:
        """What is published of the project that was preferred first, None if none is due."""
        if self._is_early(now_ms):
            return None
        for project_id in tuple(self._preferred):
            if (one := known.get(project_id)) is not None:
                version = self._number_of_published(one.project) or LATEST
                if one.project.state == "published" and self._is_due(one.project, version, now_ms, by_hex=True):
                    return ApiRequest(Endpoint.EXPORT, project_id, version=version)
            del self._preferred[project_id]
        return None

    def next_request(self, projects: Iterable[KnownProject], now_ms: int) -> ApiRequest | None:
        """The next version to request as of the last look, None if none is due.

        The newest version of every project comes first, then those that runs name; of two projects the one whose runs
        took longer. What has failed waits behind what was never requested.
        """
        if self._is_early(now_ms):
            return None
        if self._listed_at_ms is None or not 0 <= now_ms - self._listed_at_ms < _LISTED_EVERY_MS:
            self._waiting = self._list(projects, now_ms)
            self._listed_at_ms = now_ms
        while self._waiting:
            project, version = self._waiting.pop()
            if self._is_due(project, version, now_ms):
                return ApiRequest(Endpoint.EXPORT, project.project_id, version=version)
        return None

    def _is_early(self, now_ms: int) -> bool:
        return 0 < self._next_ms - now_ms <= self._every_ms

    def _list(self, projects: Iterable[KnownProject], now_ms: int) -> list[tuple[Project, str]]:
        """The versions that are due, the first to request at the end."""
        due: list[tuple[tuple[bool, bool, int, int], Project, str]] = []
        for known in projects:
            named = self._named.get(known.project.project_id, ())
            run_ms = sum(one.run_ms for one in named)
            for place, version in enumerate(self._wanted(known.project, named)):
                if self._is_due(known.project, version, now_ms):
                    has_failed = (known.project.project_id, version) in self._later
                    due.append(((has_failed, place > 0, -run_ms, place), known.project, version))
        due.sort(key=lambda one: one[0], reverse=True)
        return [(project, version) for _, project, version in due]

    @property
    def wake_ms(self) -> int:
        """When the next version may be requested, NEVER_MS if none was wanted at the last look."""
        return self._next_ms if self._waiting or self._preferred else NEVER_MS

    def sent(self, request: ApiRequest, now_ms: int) -> None:
        """A request leaves."""
        if request.endpoint is Endpoint.EXPORT:
            self._next_ms = now_ms + self._every_ms

    def take(self, known: KnownProject, page: Page, now_ms: int) -> None:
        """A version came, or a file that cannot be read, which is requested again later. Raises LedgerError."""
        self._refused.clear()
        for version in page.only(ProjectVersion):
            published_ms = self._published_ms(known.project, version.version)
            self._ledger.record_version(version, published_ms, now_ms)
            latest = self._ledger.versions.of(version.project_id).get(LATEST)
            if latest is not None and latest.facts.is_from_file and latest.published_ms == published_ms is not None:
                self._ledger.record_version(replace(version, version=LATEST), published_ms, now_ms)
            self._later.pop((version.project_id, version.version), None)
        if page.bad:  # which are counted and logged as any bad item
            self._put_off(page.request, now_ms)

    def refused(self, request: ApiRequest, error: ApiError, projects: int, now_ms: int) -> bool:
        """Hex refuses the version; whether it refuses exports altogether, in a workspace of so many published projects.

        One project may be refused for itself; the second in a row is not.
        """
        self._refused.add(request.project_id or "")
        if len(self._refused) < min(2, projects):
            self.failed(request, str(error), now_ms)
            return False
        self._put_off(request, now_ms)
        return True

    def failed(self, request: ApiRequest, reason: str, now_ms: int) -> None:
        """The version could not be read: it is requested again later, and the others meanwhile."""
        key = self._put_off(request, now_ms)
        if key not in self._logged:
            self._logged.add(key)
            _log.warning(
                "A version of a project cannot be read",
                workspace=self._ledger.name,
                project_id=key[0],
                version=key[1],
                reason=reason,
            )

    def _put_off(self, request: ApiRequest, now_ms: int) -> _Key:
        key = (request.project_id or "", request.version or LATEST)
        _, wait_ms = self._later.get(key, (0, _LATER_FIRST_MS))
        self._later[key] = (now_ms + wait_ms, min(2 * wait_ms, _LATER_LONGEST_MS))
        return key

    def _adopt(self, project: Project, now_ms: int) -> None:
        """Give the newest version the number by which a run since its publication names it: it is not read again."""
        known = self._ledger.versions.of(project.project_id)
        newest = self._number_of_published(project)
        if newest is None:
            return
        own, latest = known.get(newest), known.get(LATEST)
        if own is not None and own.published_ms != project.published_ms:
            self._ledger.record_version(own.facts, project.published_ms, now_ms)
        elif latest is not None and latest.published_ms == project.published_ms:
            facts = replace(latest.facts, version=newest)
            if own is None or (own.facts.is_from_file and own.facts != facts):
                self._ledger.record_version(facts, project.published_ms, now_ms)

    def _number_of_published(self, project: Project) -> str | None:
        """The number of what is published, where a run that cannot have been queued before has named it."""
        named = self._named.get(project.project_id, ())
        if not named or named[0].last_ms <= (project.published_ms or NEVER_MS) + _QUEUED_MS:
            return None
        return named[0].version

    def _published_ms(self, project: Project, version: str) -> int | None:
        """When the version was published: known of the one that is published, None of an older one."""
        is_published = version in (LATEST, self._number_of_published(project))
        return project.published_ms if is_published else None

    def _wanted(self, project: Project, named: tuple[RunVersion, ...]) -> Iterator[str]:
        """The versions of a project that are worth a request, the newest first."""
        if project.state != "published":
            return
        if self._number_of_published(project) is None:
            yield LATEST
        for one in named[:MOST_VERSIONS]:
            yield one.version

    def _is_due(self, project: Project, version: str, now_ms: int, *, by_hex: bool = False) -> bool:
        """Whether the version is to be requested: it is not known, or not `by_hex` but from a file."""
        known = self._ledger.versions.of(project.project_id).get(version)
        is_known = known is not None and (version != LATEST or known.published_ms == project.published_ms)
        if is_known and known is not None and not (by_hex and known.facts.is_from_file):
            return False
        due_ms, _ = self._later.get((project.project_id, version), (0, 0))
        return due_ms <= now_ms or due_ms - now_ms > _LATER_LONGEST_MS
