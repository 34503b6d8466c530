"""Laws of AI credits: whatever the looks show, what was used adds up, lies in its time, and is never taken back."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.facts import Thread
from exporter.insight import CreditUse
from exporter.ledger import open_ledger

HOUR = 3_600_000
START = 1_795_000_000_000

LOOKS = st.lists(
    st.tuples(
        st.integers(1, 60 * HOUR),  # since the look before
        st.dictionaries(
            st.sampled_from("abc"),
            st.tuples(st.none() | st.integers(0, 90_000), st.none() | st.integers(-40 * HOUR, 40 * HOUR)),
        ),
    ),
    min_size=1,
    max_size=12,
)
MADE = {"a": START - 100 * HOUR, "b": START + 30 * HOUR, "c": None}
"""Before first contact, after it, and never said."""


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(looks=LOOKS)
def test_growth_adds_up_to_the_highest_total_and_no_look_changes_what_an_earlier_one_saw(
    looks: Any, manual_clock: Any
) -> None:
    workspace = open_ledger("sqlite://", clock=manual_clock).workspace("acme")
    workspace.first_contact(START)
    highest: dict[str, int] = {}
    first: dict[str, int] = {}
    at_ms = START
    seen: set[Any] = set()
    for passed_ms, listed in looks:
        at_ms += passed_ms
        threads = [
            Thread(
                thread_id=name,
                created_ms=MADE[name],
                updated_ms=None if moved_ms is None else at_ms + moved_ms,
                credits_milli=total,
            )
            for name, (total, moved_ms) in listed.items()
        ]
        for thread in threads:
            if thread.credits_milli is not None:
                first.setdefault(thread.thread_id, at_ms)
                highest[thread.thread_id] = max(thread.credits_milli, highest.get(thread.thread_id, 0))
        workspace.record_threads(threads, at_ms)

        growths = set(workspace.credits.growths(-(1 << 60)))
        assert seen <= growths
        assert all(one.from_ms <= one.until_ms <= at_ms for one in growths - seen)
        assert all(one.seen_ms == at_ms for one in growths - seen)
        seen = growths

    use = CreditUse(seen)
    for name, total in highest.items():
        mine = sum(one.credits_milli for one in seen if one.thread_id == name)
        # Of a thread that says no date at all when it is first seen, nothing says when its first total was used.
        assert mine == total or (MADE[name] is None and mine < total)
    assert use.between(-(1 << 60), at_ms + 1) == use.total
