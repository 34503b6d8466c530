"""Reading run histories page by page: the head down to what is known, and the past behind it."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import accumulate

from exporter.facts import Run
from exporter.hexapi import ApiRequest, Endpoint, Page
from exporter.ledger import RunProgress

_MOST_STEP_BACKS = 3
_MOST_STALE_PAGES = 3
"""A server that keeps giving the same page is believed to have no other; new runs may repeat a page a few times."""

ALL_KNOWN_MS = 0
"""`known_from_ms` of a project whose whole history has been read."""


LATE_MS = 4 * 3_600_000
"""How far back a deep read goes behind what is known. Runs may be listed up to three hours after their start, and
deep reads are an hour apart."""


class HeadRead:
    """The newest runs of one project, read page by page until they join what is known.

    `next` is the page to request, None when done. A listing whose start times are further out of order than they are
    known to be is read to its end, since its order is not documented; so is one that no longer shows a run that was
    active. One that `is_deep` goes on behind what is known, for runs that are listed late. `flaw` says in one phrase
    why a read led nowhere: nothing follows from it then.
    """

    def __init__(
        self, project_id: str, progress: RunProgress, active_run_ids: Collection[str], *, is_deep: bool = False
    ) -> None:
        self.is_deep = is_deep
        self.next: ApiRequest | None = ApiRequest(endpoint=Endpoint.RUNS, project_id=project_id)
        self.flaw: str | None = None
        self._progress = progress
        self._missing = set(active_run_ids)
        self._seen: set[str] = set()
        self._offset = 0
        self._oldest_ms: int | None = None
        self._disorder_ms = 0
        self._must_reach_end = progress.is_unordered
        self._is_cut = False
        self._first_sent_ms: int | None = None
        self._reached_end = False
        self._step_backs = 0
        self._stale_pages = 0
        self._gap_ms: int | None = None
        self._past_ms: int | None = None

    def leave_gap(self, since_ms: int) -> None:
        """A run that started then or later cannot be read: nothing is known whole from there on."""
        self._gap_ms = since_ms if self._gap_ms is None else min(self._gap_ms, since_ms)

    def leave_past(self, until_ms: int) -> None:
        """A run that started before then cannot be read, long ago: what lies behind it comes with the past."""
        self._past_ms = until_ms if self._past_ms is None else max(self._past_ms, until_ms)

    @property
    def oldest_ms(self) -> int | None:
        """The earliest start that has come, None before the first."""
        return self._oldest_ms

    def add(self, page: Page, sent_ms: int) -> None:
        """Take the page that `next` requested; `sent_ms` is when it was requested, by Hex's clock."""
        if self._first_sent_ms is None:
            self._first_sent_ms = sent_ms
        runs = page.only(Run)
        length = page.size
        ids = {run.run_id for run in runs}
        if page.has_more and not length:
            self._end_here("an empty page names a next one")
            return
        if self._slipped(ids, length):
            return
        self._stale_pages = self._stale_pages + 1 if ids <= self._seen else 0
        self._observe_order(runs)
        self._seen |= ids
        self._missing -= ids
        self._offset = page.request.offset + length
        self._reached_end = not page.has_more
        if self._reached_end or self._joins_known():
            self.next = None
        elif self._stale_pages > _MOST_STALE_PAGES:
            self._end_here("the same runs came on every page")
        else:
            # One run of overlap shows whether the listing shrank between two pages.
            offset = max(self._offset - 1, page.request.offset + 1)
            self.next = ApiRequest(Endpoint.RUNS, page.request.project_id, offset=offset)

    def cut_off(self) -> bool:
        """Have the read end where it is, because Hex refuses the next page; whether something follows from it."""
        self._end_here("an older page is refused")
        return self.flaw is None

    @property
    def has_begun(self) -> bool:
        """Whether the newest page has come."""
        return self._first_sent_ms is not None

    @property
    def gone_run_ids(self) -> frozenset[str]:
        """Runs that were active and that Hex no longer lists; known only when the read is done."""
        is_over = self.next is None and self.flaw is None and (self._reached_end or self._is_cut)
        return frozenset(self._missing) if is_over else frozenset()

    def progress(self) -> RunProgress:
        """The project's progress once the read is done."""
        assert self.next is None
        assert self._first_sent_ms is not None
        known_from_ms = self._progress.known_from_ms
        if self._reached_end:
            known_from_ms = ALL_KNOWN_MS
        elif self._oldest_ms is not None:
            is_joined = known_from_ms is not None and self._is_joined()
            # Where Hex has forgotten every run since `known_from_ms`, no older page would ever touch what is known.
            known_from_ms = min(known_from_ms or 0, self._oldest_ms + 1) if is_joined else self._oldest_ms + 1
        if self._past_ms is not None:
            known_from_ms = max(known_from_ms or ALL_KNOWN_MS, self._past_ms + 1)
        known_until_ms = max(self._first_sent_ms, self._progress.known_until_ms or 0)
        return replace(
            self._progress,
            known_until_ms=known_until_ms if self._gap_ms is None else min(known_until_ms, self._gap_ms),
            known_from_ms=known_from_ms,
            is_unordered=False,
            disorder_ms=max(self._progress.disorder_ms, self._disorder_ms),
            last_read_ms=self._first_sent_ms,
            refusals=0,
            refused_status=None,
        )

    def _slipped(self, ids: set[str], length: int) -> bool:
        """Step back if the page does not overlap the one before: runs vanished in between, some were skipped."""
        if not self._seen or not length or ids & self._seen or self._step_backs >= _MOST_STEP_BACKS:
            return False
        self._step_backs += 1
        offset = max(0, self._offset - 2 * length)
        assert self.next is not None
        self.next = replace(self.next, offset=offset)
        return True

    def _end_here(self, why: str) -> None:
        """What was read is known without a gap only if it joins what was known, or if its order can be trusted."""
        self.next = None
        self._is_cut = True
        is_ordered = not self._must_reach_end and self._disorder_ms <= self._progress.margin_ms
        if self._oldest_ms is None or not is_ordered:
            self.flaw = why

    def _observe_order(self, runs: Sequence[Run]) -> None:
        for run in runs:
            if run.start_ms is None or run.run_id in self._seen:
                continue
            if self._oldest_ms is not None:
                self._disorder_ms = max(self._disorder_ms, run.start_ms - self._oldest_ms)
            self._oldest_ms = run.start_ms if self._oldest_ms is None else min(self._oldest_ms, run.start_ms)

    def _joins_known(self) -> bool:
        margin_ms = self._progress.margin_ms
        if self._must_reach_end or self._disorder_ms > margin_ms or self._missing or self._oldest_ms is None:
            return False
        known_until_ms = self._progress.known_until_ms
        if self.is_deep and known_until_ms is not None:
            # What is older than all that is known comes page by page from the past.
            return self._oldest_ms < max(known_until_ms - LATE_MS, self._progress.known_from_ms or 0)
        return self._is_joined()

    def behind_what_is_known(self, runs: Sequence[Run]) -> frozenset[str]:
        """The ids of those that started when all was known already: one that is not known was listed late.

        Where there is one there may be others behind it, which a deep read finds.
        """
        until_ms = (self._progress.known_until_ms or 0) - self._progress.margin_ms
        since_ms = max(until_ms - LATE_MS, self._progress.known_from_ms or 0)
        return frozenset(one.run_id for one in runs if one.start_ms is not None and since_ms <= one.start_ms < until_ms)

    def _is_joined(self) -> bool:
        known_until_ms = self._progress.known_until_ms
        assert self._oldest_ms is not None
        return known_until_ms is None or self._oldest_ms < known_until_ms - self._progress.margin_ms


def older_page(project_id: str, known_runs: int) -> ApiRequest:
    """The request for the page behind the runs that are known, `known_runs` of them; it overlaps them by a few."""
    return ApiRequest(endpoint=Endpoint.RUNS, project_id=project_id, offset=max(0, known_runs - 3))


def extend_back(progress: RunProgress, page: Page) -> RunProgress | None:
    """The progress with an older page joined to it; None if the page does not touch what is known, or is no page.

    A page whose start times are further out of order than they are known to be cannot be joined: the project is then
    read whole, as unordered.
    """
    assert progress.known_from_ms is not None
    starts = [run.start_ms for run in page.only(Run) if run.start_ms is not None]
    if not page.size and page.request.offset > 0:
        return None  # of runs that Hex has forgotten since there are fewer behind it than were counted
    if page.request.offset > 0 and starts and max(starts) == progress.known_from_ms - 1:
        # It may begin with known runs, or behind others of that millisecond: which, only a whole read shows.
        return replace(progress, is_unordered=True)
    if not page.has_more:
        if starts and max(starts) < progress.known_from_ms - 1 and page.request.offset > 0:
            return None
        return replace(progress, known_from_ms=ALL_KNOWN_MS)
    if not starts:
        # Where none of the page can be read, no order follows from it.
        return None if page.bad else replace(progress, is_unordered=True)
    if any(start > oldest + progress.margin_ms for oldest, start in zip(accumulate(starts, min), starts, strict=True)):
        return replace(progress, is_unordered=True)
    if max(starts) < progress.known_from_ms - 1:
        return None
    # Another run may have started in the very millisecond of the oldest one and stand on the next page.
    return replace(progress, known_from_ms=min(progress.known_from_ms, min(starts) + 1))
