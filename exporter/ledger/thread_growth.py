"""AI credits: how much each thread's total has grown, since first contact for counters and by when for all else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, update

from exporter.facts import Thread
from exporter.insight import CreditGrowth, growth_span
from exporter.ledger.codec import plausible, storable
from exporter.ledger.cost_schema import CREDIT_GROWTH
from exporter.ledger.histograms import Amounts, combined
from exporter.ledger.schema import LISTINGS, THREADS, upsert
from exporter.ledger.store import Store, Transaction

CREDITS = "hex_ai_credits_total"
"""In thousandths of a credit; labels source and thread_type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadLook:
    """One look at all threads: when it was, and what it goes by.

    `pruned_before_ms`: threads that were last seen before then have been forgotten.
    """

    at_ms: int
    first_contact_ms: int
    pruned_before_ms: int | None = None

    def may_have_forgotten(self, created_ms: int | None) -> bool:
        """Whether an unknown thread may be one that was pruned, with what it had used by then."""
        return self.pruned_before_ms is not None and created_ms is not None and created_ms < self.pruned_before_ms


@dataclass(frozen=True, slots=True)
class _Known:
    """A thread's highest total so far, and the last look at it."""

    credits_milli: int
    looked_ms: int | None


class CreditRepository:
    """When the credits of one workspace's threads were used. Reads may come from any thread."""

    def __init__(self, store: Store, workspace: str) -> None:
        self._store = store
        self._workspace = workspace
        self._mine = CREDIT_GROWTH.c.workspace == workspace
        self.revision = 0
        """Grows when this process writes here."""

    def load(self) -> None:
        """Have everything read again: another file has taken the place of a damaged one."""
        self._changed()

    def growths(self, since_ms: int) -> tuple[CreditGrowth, ...]:
        """All growth of which a part lies after an instant."""
        growth = CREDIT_GROWTH.c
        wanted = select(*(growth[name] for name in CreditGrowth._fields)).where(self._mine, growth.until_ms >= since_ms)
        with self._store.reading() as connection:
            rows = connection.execute(wanted).all()
        words: dict[str, str] = {}  # the same few values a hundred thousand times
        return tuple(
            CreditGrowth(
                thread_id,
                None if user is None else words.setdefault(user, user),
                words.setdefault(source, source),
                words.setdefault(thread_type, thread_type),
                words.setdefault(model, model),
                *numbers,
            )
            for thread_id, user, source, thread_type, model, *numbers in rows
        )

    def from_ms_seen_after(self, at_ms: int) -> int | None:
        """The earliest instant of the growth that was seen after a look, None if none was."""
        growth = CREDIT_GROWTH.c
        wanted = select(func.min(growth.from_ms)).where(self._mine, growth.seen_ms > at_ms)
        with self._store.reading() as connection:
            from_ms: int | None = connection.execute(wanted).scalar()
        return from_ms

    def record(self, transaction: Transaction, threads: Iterable[Thread], look: ThreadLook) -> Amounts:
        """Remember each thread's total and what it has grown by; returns what of that counters count.

        For a counter a thread that was made after first contact counts whole. One that was there before, or does not
        say, counts from the total at its first sight. A total that falls changes nothing: growth goes on from the
        highest. The listing before this one has to be in the ledger still.
        """
        known, previous_ms = self._known(transaction), self._previous_look_ms(transaction)
        grown: list[Amounts] = []
        growths: dict[str, CreditGrowth] = {}
        looked: dict[str, _Known] = {}
        for thread in threads:
            thread_id, total = storable(thread.thread_id), plausible(thread.credits_milli)
            created_ms = plausible(thread.created_ms)
            before = known.get(thread_id)
            is_forgotten = before is None and look.may_have_forgotten(created_ms)
            is_new = before is None and created_ms is not None and created_ms >= look.first_contact_ms
            is_new = is_new and not is_forgotten
            if before is None and total is None and not is_new:
                continue
            highest = 0 if before is None else before.credits_milli
            amount = max(0, (total or 0) - highest)
            known[thread_id] = looked[thread_id] = _Known(highest + amount, look.at_ms)
            grown.append(
                {(CREDITS, (thread.source, thread.thread_type)): 0 if before is None and not is_new else amount}
            )
            span = growth_span(
                thread, None if before is None else before.looked_ms or previous_ms, previous_ms, look.at_ms
            )
            if amount and span is not None and not is_forgotten:
                growths[thread_id] = CreditGrowth(
                    thread_id=thread_id,
                    user_id=None if thread.user_id is None else storable(thread.user_id),
                    source=storable(thread.source),
                    thread_type=storable(thread.thread_type),
                    model=storable(thread.model),
                    from_ms=span[0],
                    until_ms=span[1],
                    seen_ms=look.at_ms,
                    credits_milli=amount + (growths[thread_id].credits_milli if thread_id in growths else 0),
                )
        self._write(transaction, looked, list(growths.values()))
        transaction.after_commit(self._changed)
        return combined(grown)

    def prune(self, transaction: Transaction, before_ms: int) -> None:
        """Forget what was used before then, and the threads that were not listed since."""
        connection = transaction.connection
        connection.execute(delete(CREDIT_GROWTH).where(self._mine, CREDIT_GROWTH.c.until_ms < before_ms))
        connection.execute(
            delete(THREADS).where(THREADS.c.workspace == self._workspace, THREADS.c.looked_ms < before_ms)
        )
        transaction.after_commit(self._changed)

    def disbelieve_after(self, transaction: Transaction, at_ms: int) -> None:
        """Put what is said to have been seen, or used, after this moment at it: the time was wrong then."""
        connection = transaction.connection
        for table, column in (
            (THREADS, THREADS.c.looked_ms),
            (CREDIT_GROWTH, CREDIT_GROWTH.c.from_ms),
            (CREDIT_GROWTH, CREDIT_GROWTH.c.until_ms),
        ):
            later = update(table).where(table.c.workspace == self._workspace, column > at_ms)
            connection.execute(later.values({column.name: at_ms}))
        transaction.after_commit(self._changed)

    def _changed(self) -> None:
        self.revision += 1

    def _known(self, transaction: Transaction) -> dict[str, _Known]:
        columns = THREADS.c
        wanted = select(columns.thread_id, columns.credits_milli, columns.looked_ms)
        rows = transaction.connection.execute(wanted.where(columns.workspace == self._workspace))
        return {thread_id: _Known(credits_milli, looked_ms) for thread_id, credits_milli, looked_ms in rows}

    def _previous_look_ms(self, transaction: Transaction) -> int | None:
        wanted = select(LISTINGS.c.at_ms).where(
            LISTINGS.c.workspace == self._workspace, LISTINGS.c.collector == "threads"
        )
        found: int | None = transaction.connection.execute(wanted).scalar()
        return found

    def _write(self, transaction: Transaction, looked: dict[str, _Known], growths: Sequence[CreditGrowth]) -> None:
        upsert(
            transaction.connection,
            THREADS,
            [
                {
                    "workspace": self._workspace,
                    "thread_id": thread_id,
                    "credits_milli": known.credits_milli,
                    "looked_ms": known.looked_ms,
                }
                for thread_id, known in looked.items()
            ],
        )
        upsert(
            transaction.connection,
            CREDIT_GROWTH,
            [{"workspace": self._workspace, **growth._asdict()} for growth in growths],
            add=["credits_milli"],
        )
