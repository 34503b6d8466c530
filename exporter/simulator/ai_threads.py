"""The AI threads of the simulated workspace, whose credits grow while somebody goes on asking."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

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

TOPICS = ("Revenue", "Marketing", "Data quality", "Product use")

_MIX = (("HEX", "THREADS"), ("HEX", "NOTEBOOK"), ("HEX", "NOTEBOOK"), ("SLACK", "THREADS"), ("MCP", "THREADS"))
_RARE = (("PUBLIC_API", "THREADS"), ("HEX", "MODELING"))
_LABELS = {"THREADS": "Thread", "NOTEBOOK": "Notebook agent", "MODELING": "Modeling agent"}
_MODELS = ("claude-sonnet-4-5", "gpt-5", None)


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

    def seen(self, now_ms: int) -> Thread:
        """The same as the fact that a client should learn."""
        return Thread(
            thread_id=self.thread_id,
            source=self.source.lower(),
            thread_type=self.type_label.lower(),
            user_id=self.user_id,
            created_ms=self.created_ms,
            credits_milli=self.credits_milli(now_ms),
        )


class Talks:
    """All threads of a workspace, by absolute time."""

    def __init__(self, seed: int, staff: Staff, anchor_ms: int, calendar: Calendar) -> None:
        per_week = min(MOST_THREADS_A_WEEK, THREADS_A_WEEK_PER_SEAT * len(staff.people))
        self._seed = seed
        self._users = tuple(person for person in staff.people if person.logins is not None)
        self._rhythm = Rhythm(calendar, per_week, seed, "threads", since_ms=anchor_ms)
        self._talk = lru_cache(maxsize=8192)(self._draw)

    def newest(self, now_ms: int) -> Iterator[Talk]:
        """Every thread that is listed at an instant, the newest first."""
        for ordinal, created_ms in self._rhythm.backwards(now_ms):
            if created_ms < now_ms - KEPT_MS:
                return
            yield self._talk(ordinal, created_ms)

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
