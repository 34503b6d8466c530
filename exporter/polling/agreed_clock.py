"""Agreed time: what Hex's answers and the steady clock say together, so that no single clock or answer is believed.

Time begins when clocks agree and then runs by the steady clock. What lasts is adopted, what passes is not.

The bound: at each true date of a quick exchange, agreed time is within `ERROR_MS` of Hex's clock, if since the date
before it at most one thing happened: the machine slept, its clock was set, or passing dates were wrong by more than is
tolerated. Two at once may take what lasts: ten answers over ten minutes.
"""

from dataclasses import dataclass

TOLERATED_MS = 3_000
"""Clocks that differ by less agree: it is the network and the whole seconds of the Date header."""

DATE_STEP_MS = 1_000
"""The Date header names whole seconds: Hex's clock is known to no more than that."""

_FINE_MS = 900
"""The machine's clock is finer than a date up to so far from the middle of its second: a tenth is left for rounding."""

_QUICK_MS = 1_000
"""An exchange that took longer leaves Hex's clock less certain than the agreed time is."""

ERROR_MS = DATE_STEP_MS // 2 + _FINE_MS + _QUICK_MS
"""The most that agreed time is off: half the second of a date, what the machine may differ from that, and half of a
quick exchange for each. It and half a second are within `TOLERATED_MS`, so a true date always confirms the time."""

_SECOND_MS = 1_000
_MINUTE_MS = 60_000
_HOUR_MS = 60 * _MINUTE_MS
_DAY_MS = 24 * _HOUR_MS

_ALIKE_MS = 30 * _SECOND_MS
"""Answers whose dates differ by less say the same: several servers answer for Hex."""

_STALE_MS = 10 * _MINUTE_MS
_STOPPED_MS = 2 * _SECOND_MS
_SILENT_ANSWERS = 3
_DISPUTED_MS = _MINUTE_MS
_PACE = 100  # a clock that is corrected by 1 % never runs backwards


@dataclass(frozen=True, slots=True)
class _Votes:
    """Answers in a row that say the same: how many, since when by the steady clock, and what the first of them said."""

    offset_ms: int
    since_ms: int
    count: int = 1

    def and_one(self) -> "_Votes":
        return _Votes(self.offset_ms, self.since_ms, self.count + 1)

    def have(self, count: int, span_ms: int, steady_ms: int) -> bool:
        return self.count >= count and steady_ms - self.since_ms >= span_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One answer of Hex, at the middle of its exchange by this machine's two clocks, the wall's and the steady one.

    `date_ms` is the second that its Date header names, None without one; `newest_ms` the newest moment of the past that
    it speaks of, None if it speaks of none or that is not known; `took_ms` how long the exchange took.
    """

    wall_ms: int
    steady_ms: int
    date_ms: int | None
    newest_ms: int | None = None
    took_ms: int = 0


class AgreedClock:
    """The agreed time of one workspace: pure, a state that only `observe` moves. Others may read it from any thread."""

    def __init__(self) -> None:
        self._offset_ms: int | None = None  # agreed minus steady time
        self._machine_ms = 0  # wall minus steady time, when a date last confirmed what is agreed
        self._confirmed_ms = 0
        self._votes: _Votes | None = None
        self._seen: _Votes | None = None
        self._shown: tuple[int, int] | None = None

    @property
    def is_agreed(self) -> bool:
        """Whether time has begun."""
        return self._offset_ms is not None

    def now_ms(self, steady_ms: int) -> int | None:
        """Epoch milliseconds at this steady time; None before anything is agreed."""
        return None if self._offset_ms is None else self._offset_ms + steady_ms

    def dispute_ms(self, steady_ms: int) -> int | None:
        """How far Hex's answers have been dated from the agreed time for a minute and more; None while they are not."""
        votes = self._votes
        if self._offset_ms is None or votes is None or steady_ms - votes.since_ms < _DISPUTED_MS:
            return None
        return votes.offset_ms - self._offset_ms

    def observe(self, sample: Sample) -> int:
        """Take in an answer. Returns by how much it set the time on (back if below 0); 0 as a rule."""
        machine_ms = sample.wall_ms - sample.steady_ms
        date_ms = self._believable(sample)
        said_ms = None if date_ms is None else date_ms + DATE_STEP_MS // 2 - sample.steady_ms
        before_ms = self._offset_ms
        if before_ms is None:
            self._begin(sample, said_ms, machine_ms)
        elif said_ms is not None:
            self._go_on(sample, said_ms, machine_ms, before_ms)
        if before_ms is None or self._offset_ms is None:
            return 0
        moved_ms = self._offset_ms - before_ms
        return moved_ms if abs(moved_ms) > TOLERATED_MS else 0

    def _begin(self, sample: Sample, said_ms: int | None, machine_ms: int) -> None:
        """Agree on a time if this answer and the machine's clock do, or a few answers, or nothing says one."""
        steady_ms = sample.steady_ms
        self._seen = _Votes(0, steady_ms) if self._seen is None else self._seen.and_one()
        if said_ms is None:
            if sample.date_ms is not None:
                self._votes = None  # they came from where this answer did
            if self._votes is None and self._seen.count >= _SILENT_ANSWERS:
                self._agree(machine_ms, machine_ms, sample)
            return
        if abs(said_ms - machine_ms) <= TOLERATED_MS + sample.took_ms // 2:
            self._agree(_refined_ms(said_ms, machine_ms, sample), machine_ms, sample)
            return
        self._vote(said_ms, steady_ms)
        is_far = abs(said_ms - machine_ms) > _HOUR_MS
        assert self._votes is not None
        if (
            self._votes.have(4, 10 * _SECOND_MS, steady_ms)
            if is_far
            else self._votes.have(3, 5 * _SECOND_MS, steady_ms)
        ):
            self._agree(said_ms, machine_ms, sample)
        elif self._seen.have(20, _MINUTE_MS, steady_ms):
            # Dates that contradict each other say no more than none.
            self._agree(machine_ms, machine_ms, sample)

    def _go_on(self, sample: Sample, said_ms: int, machine_ms: int, offset_ms: int) -> None:
        steady_ms, tolerated_ms = sample.steady_ms, TOLERATED_MS + sample.took_ms // 2
        is_fine = sample.took_ms <= _QUICK_MS and abs(said_ms - machine_ms) <= TOLERATED_MS
        moved_ms, slept_ms = said_ms - offset_ms, machine_ms - self._machine_ms
        is_confirmed, is_slept = abs(moved_ms) <= tolerated_ms, abs(moved_ms - slept_ms) <= tolerated_ms
        if is_confirmed or is_slept:
            # The agreed time follows at its pace. Where the machine slept, and its steady clock with it, the two other
            # clocks went on together: it follows as far as they did. It goes back so far only if it must.
            reached_ms = offset_ms + (slept_ms if abs(moved_ms - slept_ms) < abs(moved_ms) else 0)
            target_ms = _refined_ms(said_ms, machine_ms if is_fine else reached_ms, sample)
            pace_ms = max(0, steady_ms - self._confirmed_ms) // _PACE
            least_ms = -pace_ms + (0 if is_confirmed else min(0, slept_ms))
            most_ms = pace_ms + max(0, slept_ms)
            self._agree(offset_ms + max(least_ms, min(target_ms - offset_ms, most_ms)), machine_ms, sample)
            return
        self._vote(said_ms, steady_ms)
        assert self._votes is not None
        span_ms = _HOUR_MS if abs(moved_ms) > _HOUR_MS else 10 * _MINUTE_MS
        if self._votes.have(10, span_ms, steady_ms):
            self._agree(_refined_ms(said_ms, machine_ms if is_fine else said_ms, sample), machine_ms, sample)

    def _agree(self, offset_ms: int, machine_ms: int, sample: Sample) -> None:
        self._machine_ms, self._confirmed_ms = machine_ms, sample.steady_ms + sample.took_ms // 2
        self._votes = self._seen = None
        self._offset_ms = offset_ms

    def _vote(self, said_ms: int, steady_ms: int) -> None:
        votes = self._votes
        is_same = votes is not None and abs(said_ms - votes.offset_ms) <= _ALIKE_MS
        self._votes = votes.and_one() if votes is not None and is_same else _Votes(said_ms, steady_ms)

    def _believable(self, sample: Sample) -> int | None:
        """The answer's date, unless it comes from a cache: it stands still, or the answer speaks of what came later."""
        date_ms = sample.date_ms
        if date_ms is None:
            return None
        if self._shown is None or self._shown[0] != date_ms:
            self._shown = (date_ms, sample.steady_ms)
        elif sample.steady_ms - self._shown[1] > _STOPPED_MS:
            return None
        latest_ms = max(sample.wall_ms, date_ms, self.now_ms(sample.steady_ms) or 0) + _DAY_MS
        newest_ms = sample.newest_ms
        is_stale = newest_ms is not None and date_ms + _STALE_MS < newest_ms <= latest_ms
        return None if is_stale else date_ms


def _refined_ms(said_ms: int, finer_ms: int, sample: Sample) -> int:
    """A finer clock than the answer's date, as far as the date allows it."""
    room_ms = _FINE_MS + sample.took_ms // 2
    return max(said_ms - room_ms, min(finer_ms, said_ms + room_ms))
