"""Which runs repeated an unchanged source: observed runs against what probes saw of the data behind them."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from exporter.facts import Run
from exporter.insight.run_usage import UNBILLED

_COMPLETED = "completed"


_GAP_OF_INTERVALS = 3


def longest_gap_ms(every_seconds: float) -> int:
    """How far apart two probes on this interval may be, in milliseconds, for the time between them to count as watched.

    Three intervals: one probe may fail or come late, and its next one too.
    """
    return _GAP_OF_INTERVALS * round(every_seconds * 1000)


class SeenSpan(Protocol):
    """A time over which every probe saw the same, from its first probe to its last; in epoch milliseconds."""

    @property
    def first_finished_ms(self) -> int:
        """When the first probe that saw it had ended: the source was in this state by then."""

    @property
    def last_began_ms(self) -> int:
        """When the last probe that saw it began: the source was in this state until then."""


class Repeats(NamedTuple):
    """How many runs were checked, and how many of them repeated an unchanged source."""

    checked: int
    unchanged: int


class _Place(NamedTuple):
    """Where an instant lies: in the span of this number, or in the gap behind it, where the state was changing."""

    span: int
    is_within: bool


def count_repeats(
    runs: Iterable[Run], spans: Sequence[SeenSpan], *, since_ms: int, until_ms: int, longest_gap_ms: int
) -> Mapping[str, Repeats]:
    """By trigger, the runs of one project that started in [since_ms, until_ms), compared with the source's spans.

    A run repeats the project's last completed one that had ended when it started. It is checked when probes cover
    both starts: each lies in a span, or between two that are no more than `longest_gap_ms` apart. It is unchanged when
    both lie in the same span; one in a gap may have come before the change or after it, and is taken for changed, so
    that the result is rather too low than too high. Runs that have not ended or got no kernel are left out. `runs`
    may begin earlier than `since_ms`, for the sake of the run before; `spans` are in order.
    """
    started = sorted(
        ((run.start_ms, run) for run in runs if run.start_ms is not None and run.start_ms < until_ms),
        key=lambda one: one[0],
    )
    repeatable = sorted(
        (run.ended_ms, start_ms) for start_ms, run in started if run.status == _COMPLETED and run.ended_ms is not None
    )
    checked: Counter[str] = Counter()
    unchanged: Counter[str] = Counter()
    begins = [span.first_finished_ms for span in spans]
    earlier_ms: int | None = None
    following = 0
    for start_ms, run in started:
        while following < len(repeatable) and repeatable[following][0] <= start_ms:
            ended_start_ms = repeatable[following][1]
            earlier_ms = ended_start_ms if earlier_ms is None else max(earlier_ms, ended_start_ms)
            following += 1
        if start_ms < since_ms or run.is_active or run.status == UNBILLED or earlier_ms is None:
            continue
        before = _place(spans, begins, earlier_ms, longest_gap_ms)
        now = _place(spans, begins, start_ms, longest_gap_ms)
        if before is None or now is None:
            continue
        checked[run.trigger] += 1
        unchanged[run.trigger] += before == now and now.is_within
    return {trigger: Repeats(count, unchanged[trigger]) for trigger, count in checked.items()}


def _place(spans: Sequence[SeenSpan], begins: Sequence[int], at_ms: int, longest_gap_ms: int) -> _Place | None:
    """Where the instant lies, None where no probe says."""
    number = bisect_right(begins, at_ms) - 1
    if number < 0:
        return None
    if at_ms <= spans[number].last_began_ms:
        return _Place(number, True)
    is_between = number + 1 < len(spans) and begins[number + 1] - spans[number].last_began_ms <= longest_gap_ms
    return _Place(number, False) if is_between else None
