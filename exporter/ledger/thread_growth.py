"""AI credits: how much each thread's total has grown since first contact."""

from collections.abc import Iterable

from sqlalchemy import select

from exporter.facts import Thread
from exporter.ledger.codec import plausible, storable
from exporter.ledger.histograms import Amounts, combined
from exporter.ledger.schema import THREADS, upsert
from exporter.ledger.store import Transaction

CREDITS = "hex_ai_credits_total"
"""In thousandths of a credit; labels source and thread_type."""


def record_growth(
    transaction: Transaction, workspace: str, threads: Iterable[Thread], first_contact_ms: int
) -> Amounts:
    """Remember each thread's total and return what they have grown by.

    A thread that was created after first contact counts whole. One that was there before, or does not say, counts from
    the total at its first sight. A total that falls changes nothing: growth goes on from the highest.
    """
    rows = transaction.connection.execute(
        select(THREADS.c.thread_id, THREADS.c.credits_milli).where(THREADS.c.workspace == workspace)
    )
    highest: dict[str, int] = {row[0]: row[1] for row in rows}
    grown: list[Amounts] = []
    changed: dict[str, int] = {}
    for thread in threads:
        thread_id = storable(thread.thread_id)
        total = plausible(thread.credits_milli)
        known = highest.get(thread_id)
        if known is None:
            is_new = thread.created_ms is not None and thread.created_ms >= first_contact_ms
            known = 0 if is_new else total
        if known is None:
            continue
        after = max(known, total or 0)
        if after != highest.get(thread_id):
            highest[thread_id] = changed[thread_id] = after
        grown.append({(CREDITS, (thread.source, thread.thread_type)): after - known})
    upsert(
        transaction.connection,
        THREADS,
        [
            {"workspace": workspace, "thread_id": thread_id, "credits_milli": credits_milli}
            for thread_id, credits_milli in changed.items()
        ],
    )
    return combined(grown)
