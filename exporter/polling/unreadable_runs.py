"""Runs of a page that cannot be read: where they lie, and whether they are known all the same."""

from collections import Counter
from collections.abc import Iterator, Sequence

import structlog

from exporter.facts import Run
from exporter.hexapi import Page
from exporter.ledger import WorkspaceLedger
from exporter.polling.due_times import HOUR_MS
from exporter.polling.history_reading import HeadRead

WAIT_MS = 24 * HOUR_MS
"""So long nothing is complete beyond a run that cannot be read; then it is left out, with a line in the log."""

_MOST_RUNS = 1000
"""Nor is it waited for once so many runs are newer: each look would read them all again."""

_log = structlog.get_logger()


class UnreadableRuns:
    """Those of one workspace. For one thread at a time."""

    def __init__(self, ledger: WorkspaceLedger) -> None:
        self._ledger = ledger
        self._left_out: set[tuple[str, int]] = set()

    def look(self, project_id: str, page: Page, read: HeadRead, sent_ms: int) -> None:
        """Have the read say that it is not whole where a page has a run that cannot be read and is not known."""
        if not page.bad:
            return
        runs = page.only(Run)
        ids = {run.run_id for run in runs}
        for (since_ms, until_ms), count in Counter(_spans(page, runs, sent_ms)).items():
            known = (run.run_id for run in self._ledger.runs_between(since_ms, until_ms + 1, project_id))
            if len(set(known) - ids) >= count:
                continue  # one that was read before it broke
            if until_ms > sent_ms - WAIT_MS and page.request.offset < _MOST_RUNS:
                read.leave_gap(max(since_ms, sent_ms - 2 * WAIT_MS))
            elif (project_id, since_ms) not in self._left_out:
                self._left_out.add((project_id, since_ms))
                _log.warning(
                    "A run that cannot be read is left out of what is complete",
                    workspace=self._ledger.name,
                    project_id=project_id,
                    started_after=since_ms,
                    started_before=until_ms,
                )


def _spans(page: Page, runs: Sequence[Run], sent_ms: int) -> Iterator[tuple[int, int]]:
    """Between which starts each one lies, by its neighbours; one at the end of a page is on the next one, too."""
    for item in page.bad:
        older = [run.start_ms for run in runs[item.place :] if run.start_ms is not None]
        newer = [run.start_ms for run in runs[: item.place] if run.start_ms is not None]
        if older or not page.has_more:
            yield older[0] if older else 0, newer[-1] if newer else sent_ms
