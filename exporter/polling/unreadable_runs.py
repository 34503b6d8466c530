"""Runs of a page that cannot be read: where they lie, since when, and whether they are still waited for."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import structlog

from exporter.facts import Run
from exporter.hexapi import Page
from exporter.ledger import RunProgress, UnreadableRuns, WorkspaceLedger, bounded_unreadable_runs
from exporter.polling.due_times import HOUR_MS
from exporter.polling.history_reading import LATE_MS, HeadRead

WAIT_MS = 24 * HOUR_MS
"""So long nothing is complete beyond a run that cannot be read; then it is left out, and every figure says so."""

_MOST_RUNS = 1000
"""Where so many runs are newer a look does not read them all again: it is waited for as the past is."""

_log = structlog.get_logger()


class UnreadableRunsWatch:
    """Those of one workspace, which the ledger keeps. For one thread at a time."""

    def __init__(self, ledger: WorkspaceLedger) -> None:
        self._ledger = ledger
        self._said: set[tuple[str, int]] = set()
        self._known: dict[str, tuple[UnreadableRuns, ...]] | None = None

    def load(self) -> None:
        """Have the next look go by what the ledger holds."""
        self._known = None

    def look_at_newest(self, project_id: str, page: Page, read: HeadRead, progress: RunProgress, sent_ms: int) -> None:
        """Have the read say how far it is whole, where its page has runs that cannot be read and are not known."""
        for one in self._waiting(project_id, page, progress, read.oldest_ms or sent_ms, sent_ms):
            if one.since_ms > sent_ms - 2 * WAIT_MS and page.request.offset < _MOST_RUNS:
                read.leave_gap(one.since_ms)
            else:
                read.leave_past(one.until_ms)

    def readable_part(self, project_id: str, page: Page, progress: RunProgress, sent_ms: int) -> Page | None:
        """What an older page has above the runs that are waited for; None if there are none, and all of it applies."""
        newer_ms = progress.known_from_ms or sent_ms
        waiting = self._waiting(project_id, page, progress, newer_ms, sent_ms)
        if not waiting:
            return None
        until_ms = max(one.until_ms for one in waiting)
        above = tuple(run for run in page.only(Run) if run.start_ms is not None and run.start_ms >= until_ms)
        return replace(page, items=above, bad=(), has_more=True)

    def _waiting(
        self, project_id: str, page: Page, progress: RunProgress, newer_ms: int, sent_ms: int
    ) -> list[UnreadableRuns]:
        if self._known is None:
            self._known = {}
            for one in self._ledger.unreadable_runs:
                self._known[one.project_id] = (*self._known.get(one.project_id, ()), one)
        before = self._known.get(project_id, ())
        if not page.bad and not before:
            return []
        found = list(self._found(project_id, page, progress, newer_ms, sent_ms))
        kept = [one for one in before if not any(map(one.overlaps, found)) and not _is_within(one, page, newer_ms)]
        after = bounded_unreadable_runs({*kept, *found})
        if after != before:
            self._ledger.record_unreadable_runs(project_id, after)
            self._known[project_id] = after
        waiting = [one for one in found if sent_ms - one.noticed_ms < WAIT_MS]
        for one in found:
            if one not in waiting and (project_id, one.since_ms) not in self._said:
                self._said.add((project_id, one.since_ms))
                _log.warning(
                    "Runs that cannot be read are left out of every figure",
                    workspace=self._ledger.name,
                    project_id=project_id,
                    runs=one.runs,
                    started_after=one.since_ms,
                    started_before=one.until_ms,
                )
        return waiting

    def _found(
        self, project_id: str, page: Page, progress: RunProgress, newer_ms: int, sent_ms: int
    ) -> Iterator[UnreadableRuns]:
        """Those of the page that are not known, as they were noticed first."""
        assert self._known is not None
        before = self._known.get(project_id, ())
        runs = page.only(Run)
        ids = {run.run_id for run in runs}
        for (since_ms, until_ms), count in Counter(_spans(page, runs, newer_ms)).items():
            known = (run.run_id for run in self._ledger.runs_between(since_ms, until_ms + 1, project_id))
            if len(set(known) - ids) >= count:
                continue  # read before they broke
            known_ms = progress.known_until_ms
            if known_ms is not None and until_ms > known_ms:
                # All that had been listed by then is known, so it was listed later.
                since_ms = max(since_ms, known_ms - LATE_MS)
            now = UnreadableRuns(project_id, since_ms, until_ms, count, sent_ms)
            same = next((one for one in before if one.overlaps(now)), now)
            yield now._replace(
                since_ms=max(now.since_ms, same.since_ms),
                until_ms=min(now.until_ms, same.until_ms),
                noticed_ms=same.noticed_ms,
            )


def _spans(page: Page, runs: Sequence[Run], newer_ms: int) -> Iterator[tuple[int, int]]:
    """Between which starts each one lies, by its neighbours; one at the end of a page is on the next one, too."""
    for item in page.bad:
        older = [run.start_ms for run in runs[item.place :] if run.start_ms is not None]
        newer = [run.start_ms for run in runs[: item.place] if run.start_ms is not None]
        if older or not page.has_more or not runs:
            yield older[0] if older else 0, newer[-1] if newer else newer_ms


def _is_within(one: UnreadableRuns, page: Page, newer_ms: int) -> bool:
    """Whether the page has all that was listed where these lay: they are gone, or can be read now."""
    starts = [run.start_ms for run in page.only(Run) if run.start_ms is not None]
    newest_ms = max(starts, default=newer_ms) if page.request.offset else newer_ms
    oldest_ms = min(starts, default=newer_ms) if page.has_more else 0
    return oldest_ms <= one.since_ms and one.until_ms <= newest_ms
