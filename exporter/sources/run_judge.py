"""Observed runs, judged by what probes saw: how many of them repeated an unchanged source."""

from collections.abc import Sequence

from exporter.facts import TRIGGERS, Run
from exporter.insight import count_repeats, longest_gap_ms
from exporter.ledger import SOURCE_METRICS, KnownProject, WorkspaceLedger

_DAY_MS = 86_400_000

# The line belongs to the project, whatever source it has at the time: a run is judged once, even if the
# configuration gives the project another source and then the old one back.
_LINE = "*"


class RunJudge:
    """Compares the runs of projects with the spans of their sources, each run once, across restarts.

    For use by the thread that writes the ledger.
    """

    def __init__(self, ledger: WorkspaceLedger) -> None:
        self._ledger = ledger
        self._forget()
        ledger.when_lost(self._forget)

    def _forget(self) -> None:
        """What is remembered follows from a ledger; this may be called while runs are judged, by another thread."""
        self._lines: dict[str, int] = {}
        self._first_ms: dict[str, int] = {}

    def judge(self, known: KnownProject, key: str, every_seconds: float, began_ms: int, now_ms: int) -> None:
        """Judge the project's runs up to where both are known: its runs, and its source by a probe that began then.

        A run that has not ended holds the line for a day; what it becomes after that is not judged.
        """
        project_id, lines = known.project.project_id, self._lines
        if project_id not in lines:
            for metric in SOURCE_METRICS:
                self._ledger.foresee(metric, [(project_id, trigger) for trigger in TRIGGERS], now_ms)
        known_until_ms = known.progress.known_until_ms
        if known_until_ms is None:
            return
        until_ms = min(began_ms, known_until_ms)
        since_ms = self._line_ms(project_id, key)
        if since_ms >= until_ms:
            return
        runs = list(self._ledger.runs_between(since_ms, until_ms, project_id))
        held_ms = [run.start_ms for run in runs if run.is_active and run.start_ms is not None]
        until_ms = min([until_ms, *(start_ms for start_ms in held_ms if start_ms > now_ms - _DAY_MS)])
        if since_ms >= until_ms:
            return
        if runs:
            self._record(project_id, key, runs, (since_ms, until_ms), every_seconds, now_ms)
        lines[project_id] = until_ms

    def _record(
        self,
        project_id: str,
        key: str,
        runs: Sequence[Run],
        bounds_ms: tuple[int, int],
        every_seconds: float,
        now_ms: int,
    ) -> None:
        since_ms, until_ms = bounds_ms
        before = self._last_completed(project_id, key, since_ms)
        from_ms = min((run.start_ms or since_ms for run in before), default=since_ms)
        amounts = count_repeats(
            [*before, *runs],
            self._ledger.sources.spans(key, from_ms),
            since_ms=since_ms,
            until_ms=until_ms,
            longest_gap_ms=longest_gap_ms(every_seconds),
        )
        counts = {trigger: (one.checked, one.unchanged) for trigger, one in amounts.items()}
        self._ledger.sources.record_judged(project_id, _LINE, until_ms, counts, now_ms)

    def _last_completed(self, project_id: str, key: str, since_ms: int) -> Sequence[Run]:
        """The runs before then back to one that completed, sought no further back than the first probe."""
        earliest_ms = self._probed_since_ms(key)
        days = 1
        while True:
            from_ms = max(earliest_ms, since_ms - days * _DAY_MS)
            runs = list(self._ledger.runs_between(from_ms, since_ms, project_id))
            if from_ms == earliest_ms or any(run.status == "completed" and run.start_ms for run in runs):
                return runs
            days *= 4

    def _line_ms(self, project_id: str, key: str) -> int:
        """Up to when the project's runs have been judged, else since the first probe."""
        line_ms = self._lines.get(project_id)
        if line_ms is None:
            line_ms = self._ledger.sources.judged_until_ms(project_id, _LINE)
        if line_ms is None:
            line_ms = max(self._probed_since_ms(key), self._ledger.first_contact_ms or 0)
        self._lines[project_id] = line_ms
        return line_ms

    def _probed_since_ms(self, key: str) -> int:
        """When the first probe that is remembered began; called after one that succeeded, so there is one."""
        if key not in self._first_ms:
            self._first_ms[key] = self._ledger.sources.spans(key, 0)[0].first_began_ms
        return self._first_ms[key]
