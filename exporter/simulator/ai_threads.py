"""The AI threads of the simulated workspace, whose credits grow while somebody goes on asking, for days if need be."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from heapq import merge

from exporter.facts import Thread
from exporter.simulator.event_times import DAY_MS, Calendar, Rhythm
from exporter.simulator.people import Person, Staff
from exporter.simulator.seeded_random import chance, identifier

KEPT_MS = 90 * DAY_MS
"""How far back threads are listed; what the real API keeps is not known."""

THREADS_A_WEEK_PER_SEAT = 0.5
MOST_THREADS_A_WEEK = 60.0
"""Enough to see credits by source and type, and few enough that a listing stays a handful of pages."""

CREDITS_MEAN = 1.6
"""A Team editor's grant is 40 credits a month: a busy one uses it up, most do not."""

LONG_SHARE = 0.12
"""How many threads are taken up again on later days."""

LONGEST_MS = 12 * DAY_MS
"""No thread goes on for longer."""

TOPICS = ("Revenue", "Marketing", "Data quality", "Product use")

_ANSWER_MS = 600_000

_MIX = (("HEX", "THREADS"), ("HEX", "NOTEBOOK"), ("HEX", "NOTEBOOK"), ("SLACK", "THREADS"), ("MCP", "THREADS"))
_RARE = (("PUBLIC_API", "THREADS"), ("HEX", "MODELING"))
_LABELS = {"THREADS": "Thread", "NOTEBOOK": "Notebook agent", "MODELING": "Modeling agent"}
_MODELS = ("claude-sonnet-4-5", "gpt-5", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Routine:
    """Threads with one title that come again and again: of a Task, of a scheduled Eval, or of a person of habit.

    `worker` is the place of the one whose they are among those who make projects; `weekdays` are from Monday, 0;
    `minute` is the local time, `jitter_minutes` how far the start strays from it, to either side for a person.
    """

    title: str
    worker: int
    minute: int
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4)
    threads: int = 1
    source: str = "HEX"
    type_filter: str = "THREADS"
    jitter_minutes: float = 1.5
    is_by_hand: bool = False


ROUTINES = (
    Routine(title="Daily revenue summary", worker=3, minute=7 * 60 + 30),
    Routine(title="Weekly recap for marketing", worker=4, minute=8 * 60, weekdays=(0,)),
    Routine(
        title="Eval: metrics questions",
        worker=2,
        minute=2 * 60 + 15,
        weekdays=tuple(range(7)),
        threads=2,
        source="PUBLIC_API",
    ),
    Routine(title="What happened yesterday?", worker=3, minute=9 * 60 + 30, jitter_minutes=75, is_by_hand=True),
)
"""Two Tasks, an Eval, and somebody who asks the same each morning by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """One thread. `steps` are its messages: when, and what had been used by then, in thousandths of a credit."""

    thread_id: str
    user_id: str
    source: str
    type_filter: str
    created_ms: int
    is_private: bool
    title: str
    topics: tuple[str, ...]
    model: str | None
    steps: tuple[tuple[int, int], ...]
    routine: Routine | None = None

    @property
    def type_label(self) -> str:
        """The type as Hex displays it, which is not the word its filter takes."""
        return _LABELS[self.type_filter]

    def credits_milli(self, now_ms: int) -> int:
        """Thousandths of a credit used until an instant; never falls."""
        return max((used for at_ms, used in self.steps if at_ms <= now_ms), default=0)

    def updated_ms(self, now_ms: int) -> int:
        """When somebody last said something."""
        return max((at_ms for at_ms, _ in self.steps if at_ms <= now_ms), default=self.created_ms)

    def is_running(self, now_ms: int) -> bool:
        """Whether an answer is under way: the next message comes within minutes."""
        return any(now_ms < at_ms <= now_ms + _ANSWER_MS for at_ms, _ in self.steps)

    def seen(self, now_ms: int) -> Thread:
        """The same as the fact that a client should learn."""
        return Thread(
            thread_id=self.thread_id,
            source=self.source.lower(),
            thread_type=self.type_label.lower(),
            user_id=self.user_id,
            created_ms=self.created_ms,
            credits_milli=self.credits_milli(now_ms),
            updated_ms=self.updated_ms(now_ms),
            title=None if self.is_private else self.title,
            model=self.model or "unknown",
        )


class Talks:
    """All threads of a workspace, by absolute time."""

    def __init__(self, seed: int, staff: Staff, anchor_ms: int, calendar: Calendar) -> None:
        per_week = min(MOST_THREADS_A_WEEK, THREADS_A_WEEK_PER_SEAT * len(staff.people))
        self._seed = seed
        self._users = tuple(person for person in staff.people if person.logins is not None)
        self._workers = tuple(person for person in staff.people if person.is_working)
        self._calendar = calendar
        self._anchor_ms = anchor_ms
        self._rhythm = Rhythm(calendar, per_week, seed, "threads", since_ms=anchor_ms)
        self._talk = lru_cache(maxsize=8192)(self._draw)
        self._fired = lru_cache(maxsize=8192)(self._draw_fired)

    def newest(self, now_ms: int) -> Iterator[Talk]:
        """Every thread that is listed at an instant, the newest first."""
        yield from self._backwards(now_ms, now_ms - KEPT_MS)

    def used(self, start_ms: int, end_ms: int) -> Counter[str]:
        """The truth: thousandths of a credit used after `start_ms` up to `end_ms`, by user id, private threads too."""
        used: Counter[str] = Counter()
        for talk in self._backwards(end_ms, start_ms - LONGEST_MS):
            used[talk.user_id] += talk.credits_milli(end_ms) - talk.credits_milli(start_ms)
        return used

    def user_of(self, routine: Routine) -> Person:
        """Whose threads they are."""
        return self._workers[routine.worker % len(self._workers)]

    def _backwards(self, until_ms: int, since_ms: int) -> Iterator[Talk]:
        def asked() -> Iterator[Talk]:
            for ordinal, created_ms in self._rhythm.backwards(until_ms):
                if created_ms < since_ms:
                    return
                yield self._talk(ordinal, created_ms)

        streams = [asked(), *(self._firings(routine, until_ms, since_ms) for routine in ROUTINES)]
        return merge(*streams, key=lambda talk: -talk.created_ms)

    def _firings(self, routine: Routine, until_ms: int, since_ms: int) -> Iterator[Talk]:
        since_ms = max(since_ms, self._anchor_ms)
        zone = self._calendar.zone
        day = datetime.fromtimestamp(until_ms / 1000, zone).date()
        while True:
            midnight = datetime.combine(day, time(), zone)
            if midnight.timestamp() * 1000 < since_ms - DAY_MS:
                return
            if day.weekday() in routine.weekdays:
                due = datetime.combine(day, time(routine.minute // 60, routine.minute % 60), zone)
                talks = (self._fired(routine, number, int(due.timestamp() * 1000)) for number in range(routine.threads))
                for talk in sorted(talks, key=lambda one: -one.created_ms):
                    if since_ms <= talk.created_ms <= until_ms:
                        yield talk
            day -= timedelta(days=1)

    def _draw_fired(self, routine: Routine, number: int, due_ms: int) -> Talk:
        dice = chance(self._seed, "fired", routine.title, number, due_ms)
        stray_ms = routine.jitter_minutes * 60_000 * (2 * dice.random() - 1 if routine.is_by_hand else dice.random())
        created_ms = due_ms + int(stray_ms) + number
        steps = tuple(
            (created_ms + 30_000 * (place + 1), (place + 1) * int(CREDITS_MEAN * 300 * (0.8 + 0.4 * dice.random())))
            for place in range(3)
        )
        return Talk(
            thread_id=identifier(self._seed, "fired", routine.title, number, due_ms),
            user_id=self.user_of(routine).user_id,
            source=routine.source,
            type_filter=routine.type_filter,
            created_ms=created_ms,
            is_private=False,
            title=routine.title,
            topics=(),
            model="claude-sonnet-4-5",
            steps=steps,
            routine=routine,
        )

    def _draw(self, ordinal: int, created_ms: int) -> Talk:
        dice = chance(self._seed, "thread", ordinal)
        source, kind = dice.choice(_RARE if dice.random() < 0.1 else _MIX)
        person: Person = dice.choice(self._users)
        if not person.is_working:
            # The agents of notebooks and models are for those who make projects.
            kind = "THREADS"
        steps, at_ms, used = [], created_ms, 0
        for _ in range(1 + int(dice.expovariate(0.3))):
            at_ms += 20_000 + int(dice.expovariate(1 / 240_000))
            used += 1 + int(dice.expovariate(1 / (CREDITS_MEAN * 250)))
            steps.append((at_ms, used))
        later = chance(self._seed, "thread", ordinal, "later")
        while later.random() < (LONG_SHARE if at_ms < created_ms + DAY_MS else 0.5):
            at_ms += DAY_MS + int(later.random() * DAY_MS)
            if at_ms > created_ms + LONGEST_MS:
                break
            used += 1 + int(later.expovariate(1 / (CREDITS_MEAN * 1000)))
            steps.append((at_ms, used))
        return Talk(
            thread_id=identifier(self._seed, "thread", ordinal),
            user_id=person.user_id,
            source=source,
            type_filter=kind,
            created_ms=created_ms,
            is_private=dice.random() < 0.15,
            title=f"Why did {dice.choice(TOPICS).lower()} change?",
            topics=tuple(topic for topic in TOPICS if dice.random() < 0.3),
            model=dice.choice(_MODELS),
            steps=tuple(steps),
        )
