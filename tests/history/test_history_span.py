from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from exporter.history import span_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CONTACT_MS = 1_795_000_000_123

moments = st.integers(min_value=1_700_000_000_000, max_value=1_900_000_000_000)


class TestSpan:
    def test_ends_in_the_second_before_first_contact(self) -> None:
        span = span_of(CONTACT_MS, CONTACT_MS - 90 * DAY_MS, CONTACT_MS + DAY_MS, 90)

        assert span is not None
        assert span.end_ms == 1_795_000_000_000

    def test_a_contact_on_the_second_is_left_to_live_scraping(self) -> None:
        span = span_of(1_795_000_000_000, CONTACT_MS - DAY_MS, CONTACT_MS + DAY_MS, 90)

        assert span is not None
        assert span.end_ms == 1_794_999_999_000

    def test_never_ends_later_than_three_hours_ago(self) -> None:
        """A block that reaches into what Prometheus has in memory costs other jobs their samples."""
        span = span_of(CONTACT_MS, CONTACT_MS - DAY_MS, CONTACT_MS + 60_000, 90)

        assert span is not None
        assert CONTACT_MS + 60_000 - span.end_ms >= 3 * HOUR_MS

    def test_begins_no_earlier_than_so_many_days_before_its_end(self) -> None:
        span = span_of(CONTACT_MS, 0, CONTACT_MS + DAY_MS, 7)

        assert span is not None
        assert 7 * DAY_MS <= span.end_ms - span.start_ms < 7 * DAY_MS + HOUR_MS

    def test_is_none_where_all_runs_are_too_new(self) -> None:
        assert span_of(CONTACT_MS, CONTACT_MS - HOUR_MS, CONTACT_MS, 90) is None
        assert span_of(CONTACT_MS, CONTACT_MS + HOUR_MS, CONTACT_MS + 9 * HOUR_MS, 90) is None

    @given(moments, moments, moments, st.integers(min_value=1, max_value=40))
    def test_instants_rise_and_stay_within_it(self, contact_ms: int, oldest_ms: int, now_ms: int, days: int) -> None:
        span = span_of(contact_ms, oldest_ms, now_ms, days)

        if span is None:
            return
        assert span.end_ms < contact_ms
        assert span.end_ms <= now_ms - 3 * HOUR_MS
        for instants, longest_ms in ((span.hours, HOUR_MS), (span.steps, 300_000)):
            assert (instants[0], instants[-1]) >= (span.start_ms, span.end_ms - longest_ms)
            assert all(0 < after - before <= longest_ms for before, after in pairwise(instants))
            assert all(at_ms % 1000 == 0 for at_ms in instants)
        assert span.hours[-1] == span.end_ms
