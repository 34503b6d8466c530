"""AI threads that come by the clock: Tasks and scheduled Evals, which no admin can list.

Every firing of a Task makes a new thread of its creator, and Hex names neither Task nor Eval on it (API reference):
what belongs together is found by user, title and spacing. Only threads with a title can be: private ones have none.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from exporter.facts import Thread
from exporter.insight.ai_credits import grants_of
from exporter.insight.savings.audit_context import AuditContext
from exporter.insight.savings.audit_input import DAY_MS
from exporter.insight.savings.candidate import Candidate, Found, not_judged
from exporter.insight.savings.finding import MONTH_MS, Fact, Finding, Saving

RECURRING = "recurring_threads"

WHERE = "Hex: Tasks, which shows each person only their own; Evals: Context Studio"

_HOUR_MS = 3_600_000
_WINDOW_MS = 35 * DAY_MS
"""Five weeks, so that what comes once a week is seen often enough."""

_STEPS = tuple(hours * _HOUR_MS for hours in (168, 24, 12, 8, 6, 4, 3, 2, 1))
"""The spacings that are looked for, the longest first."""

_FEWEST = 4
"""So many firings: four that keep to ten minutes of a day are no chance."""

_LATE_MS = 12 * 60_000
"""A start may be delayed by up to ten minutes (Hex, scheduled runs), and the next may not."""

_REGULAR_SHARE = 0.85
"""Now and then one is missed, or started by hand."""

_PRESENT_SHARE = 0.6
"""Of the firings that the spacing asks for: five days in seven are enough."""

_SAME_FIRING_MS = 5 * 60_000
_QUIET_STEPS = 1.5
_WEEKEND_MS = 3 * DAY_MS
_COUNTER = re.compile(
    r"\d+|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\b(?:january|february|march|april|may|june|july|august"
    r"|september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec)\b",
    re.IGNORECASE,
)


class _Series(NamedTuple):
    """The threads of one user with one title, by when they began, and the spacing they keep."""

    key: tuple[str, str, str, str]
    threads: Sequence[Thread]
    firings: int
    step_ms: int
    milli_month: int

    @property
    def subject(self) -> str:
        """Stays the same from one firing to the next, and shows neither user nor title."""
        return "threads-" + hashlib.sha256("\0".join(self.key).encode()).hexdigest()[:16]


def recurring_threads(context: AuditContext) -> Found:
    """Threads of one user with one title that begin at one spacing and went on until now."""
    threads = context.input.threads
    if threads is None:
        why = "the AI threads cannot be listed"
        yield not_judged(context, RECURRING, "threads", why, "a token of a Manager or an Admin")
        return
    if untitled := sum(thread.title is None for thread in threads):
        why = f"{untitled} threads have no title that this token may see"
        yield not_judged(context, RECURRING, "threads", why, "threads that are not private", is_partial=True)
    found = sorted(_series(threads, context.now_ms), key=lambda one: (-one.milli_month, one.subject))
    yield from _priced(context, found)


def _series(threads: Iterable[Thread], now_ms: int) -> Iterator[_Series]:
    since_ms = now_ms - _WINDOW_MS
    groups: dict[tuple[str, str, str, str], list[tuple[int, Thread]]] = defaultdict(list)
    for thread in threads:
        at_ms = thread.created_ms
        if at_ms is not None and since_ms <= at_ms <= now_ms and thread.user_id and thread.title:
            key = (thread.user_id, _plain(thread.title), thread.source, thread.thread_type)
            groups[key].append((at_ms, thread))
    for key, dated in groups.items():
        dated.sort(key=lambda one: (one[0], one[1].thread_id))
        firings = _firings([at_ms for at_ms, _ in dated])
        step_ms = _spacing(firings, now_ms)
        if step_ms is None:
            continue
        used = sum(thread.credits_milli or 0 for _, thread in dated)
        # From the first firing to the one that is due next: so many times the spacing was paid for.
        span_ms = max(step_ms, firings[-1] + step_ms - firings[0])
        threads_of = tuple(thread for _, thread in dated)
        yield _Series(key, threads_of, len(firings), step_ms, used * MONTH_MS // span_ms)


def _firings(instants: Sequence[int]) -> list[int]:
    """The instants, those within minutes of each other as one: an Eval begins many threads at once."""
    found: list[int] = []
    for at_ms in instants:
        if not found or at_ms - found[-1] > _SAME_FIRING_MS:
            found.append(at_ms)
    return found


def _spacing(firings: Sequence[int], now_ms: int) -> int | None:
    """The longest spacing that the firings keep, None if they keep none or have ended."""
    if len(firings) < _FEWEST:
        return None
    gaps = [later - earlier for earlier, later in pairwise(firings)]
    for step_ms in _STEPS:
        late_ms = min(_LATE_MS, step_ms // 12)
        strays = [abs(gap - max(1, round(gap / step_ms)) * step_ms) for gap in gaps]
        regular = sum(stray <= late_ms for stray in strays)
        if step_ms >= DAY_MS:  # one change of clocks moves one firing by an hour
            regular += any(abs(stray - _HOUR_MS) <= late_ms for stray in strays)
        due = round((firings[-1] - firings[0]) / step_ms) + 1
        quiet_ms = max(step_ms * _QUIET_STEPS, step_ms + _WEEKEND_MS if step_ms <= DAY_MS else 0)
        if regular >= _REGULAR_SHARE * len(gaps) and len(firings) >= _PRESENT_SHARE * due:
            return step_ms if now_ms - firings[-1] <= quiet_ms else None
    return None


def _priced(context: AuditContext, found: Sequence[_Series]) -> Found:
    """Each with what a month without it would cost less: only what its user uses beyond the grant is paid for."""
    tariff, plan = context.input.tariff, context.input.tariff.prices.plan
    seats, use = context.input.seats, context.input.credits
    grants = None if plan is None or seats is None else grants_of(tariff, plan, seats)
    months: Counter[str] = Counter()
    if use is not None:
        window_ms = 4 * 7 * DAY_MS
        for user, milli in use.by(lambda one: one.user_id or "", context.now_ms - window_ms, context.now_ms).items():
            months[user] = milli * MONTH_MS // window_ms
    left = Counter(months)
    for series in found:
        user = series.key[0]
        own = counted = None
        if grants is not None and use is not None:
            grant = grants.get(user, 0)
            own = _saved(months[user], series.milli_month, grant) * tariff.ai_credit_micro_usd // 1000
            counted = _saved(left[user], series.milli_month, grant) * tariff.ai_credit_micro_usd // 1000
            left[user] = max(0, left[user] - series.milli_month)
        yield _candidate(context, series, own, counted)


def _saved(month_milli: int, part_milli: int, grant_milli: int) -> int:
    return max(0, month_milli - grant_milli) - max(0, month_milli - part_milli - grant_milli)


def _candidate(context: AuditContext, series: _Series, own: int | None, counted: int | None) -> Candidate:
    last = series.threads[-1]
    seat = next((one for one in context.input.seats or () if one.user_id == last.user_id), None)
    is_eval = len(series.threads) >= 2 * series.firings
    what = "scheduled Eval" if is_eval else "Task"
    full = series.milli_month * context.input.tariff.ai_credit_micro_usd // 1000
    return Candidate(
        finding=Finding(
            kind=RECURRING,
            subject=series.subject,
            subject_type="threads",
            subject_name=last.title or "",
            subjects=(series.subject, *((last.user_id,) if last.user_id else ())),
            team=context.input.teams.get(last.user_id or "", ""),
            owner=seat.email if seat is not None and seat.email else None,
            evidence=(
                Fact("credits a month", series.milli_month / 1000, "credits"),
                Fact("threads seen", len(series.threads)),
                Fact("one every", series.step_ms / _HOUR_MS, "hours"),
                Fact("last began", last.created_ms, "ms"),
                Fact("source", last.source),
            ),
            saving=Saving(micro=own),
            counted=Saving(micro=counted),
            cost=Saving(micro=None if own is None else full),
            confidence="estimated",
            why=(
                f"{len(series.threads)} threads of one person with one title, begun every {_words(series.step_ms)}: "
                f"probably a {what}, which no admin screen lists; only what is used beyond the grant is money"
            ),
            action=f"have its creator end the {what} or let it come less often",
            where=WHERE,
        )
    )


def _words(step_ms: int) -> str:
    hours = step_ms // _HOUR_MS
    return {168: "week", 24: "day", 1: "hour"}.get(hours, f"{hours} hours")


def _plain(title: str) -> str:
    """A title for comparison: numbers, weekdays and months are what changes from one firing to the next."""
    return " ".join(_COUNTER.sub("#", title.lower()).split())
