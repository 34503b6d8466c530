"""Which connections a project uses: its queried tables, or, where the plan has none, the cells of its draft."""

from exporter.facts import Cell, QueriedTable
from exporter.hexapi import ApiRequest, Endpoint, ListingWalk, Page
from exporter.ledger import KnownProject, WorkspaceLedger
from exporter.polling.due_times import HOUR_MS

CELLS_PER_DAY = 200
"""Requests a day for cells, which only hint at what a project uses."""

_DAY_MS = 24 * HOUR_MS
_TABLES_EVERY_MS = 7 * _DAY_MS
_SPENT_KEY = "cells_requests_of_day"
_READ_KEY = "details_read"


class DetailReader:
    """What is still to be learned of each project's connections, and where the answers go.

    Queried tables are read when a project was published since, and once a week; cells once per project and edit.
    """

    def __init__(self, ledger: WorkspaceLedger, *, wants_tables: bool, wants_cells: bool) -> None:
        self._ledger = ledger
        self._wants_tables = wants_tables
        self._wants_cells = wants_cells
        self._walk: ListingWalk | None = None
        self._read_ms: dict[str, int] = {}
        self._spent_on = (0, 0)

    def load(self, now_ms: int) -> None:
        """Go on from what the ledger knows. Raises LedgerError."""
        self._walk = None
        known: dict[str, int] = self._ledger.value(_READ_KEY) or {}
        # What was read in the future was read at a time that was wrong: of unknown age.
        self._read_ms = {project_id: read_ms for project_id, read_ms in known.items() if read_ms <= now_ms}
        day, spent = self._ledger.value(_SPENT_KEY) or (0, 0)
        self._spent_on = (day, spent)

    def next_request(self, known: KnownProject, now_ms: int, tables_paused_until_ms: int) -> ApiRequest | None:
        """The next page to request about this project, None if nothing new is to be learned now."""
        project = known.project
        if project.state != "published":
            return None
        walk = self._walk
        if walk is not None and walk.next is not None and walk.next.project_id == project.project_id:
            return walk.next
        read_ms = self._read_ms.get(project.project_id, 0)
        if self._wants_tables and tables_paused_until_ms <= now_ms:
            if max(project.published_ms or 0, now_ms - _TABLES_EVERY_MS) >= read_ms:
                return ApiRequest(endpoint=Endpoint.QUERIED_TABLES, project_id=project.project_id)
        elif self._wants_cells and (project.edited_ms or 1) >= read_ms and self._cells_left(now_ms) > 0:
            return ApiRequest(endpoint=Endpoint.CELLS, project_id=project.project_id)
        return None

    def sent(self, ask: ApiRequest, now_ms: int) -> None:
        """A request leaves: cells have a daily allowance."""
        if ask.endpoint is Endpoint.CELLS:
            self._spent_on = (now_ms // _DAY_MS, CELLS_PER_DAY - self._cells_left(now_ms) + 1)
            self._ledger.set_value(_SPENT_KEY, self._spent_on)

    def take(self, known: KnownProject, page: Page, sent_ms: int) -> None:
        """Add a page; the last one brings the project's connections into the ledger."""
        project_id = known.project.project_id
        if page.request.after is None or self._walk is None:
            self._walk = ListingWalk(page.request.endpoint, project_id)
        walk = self._walk
        walk.add(page)
        if walk.next is not None:
            return
        self._walk = None
        if page.request.endpoint is Endpoint.CELLS:
            self._ledger.record_cells(project_id, walk.only(Cell), known.project.edited_ms, sent_ms)
        else:
            self._ledger.record_tables(project_id, walk.only(QueriedTable), sent_ms)
        self.skip(project_id, sent_ms)

    def skip(self, project_id: str, now_ms: int) -> None:
        """Have this project wait until it changes."""
        self._walk = None
        self._read_ms[project_id] = now_ms
        self._ledger.set_value(_READ_KEY, self._read_ms)

    def _cells_left(self, now_ms: int) -> int:
        day, spent = self._spent_on
        return CELLS_PER_DAY - (spent if day == now_ms // _DAY_MS else 0)
