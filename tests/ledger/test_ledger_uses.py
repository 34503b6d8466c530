"""What runs used, and the number that shows whether that can have changed."""

import pytest

from exporter.insight.run_usage import Use
from exporter.ledger import open_ledger

MINUTE_MS = 60_000
DAY_MS = 86_400_000


def test_a_use_is_a_run_reduced_to_what_counts(bench, make_run, now_ms):
    bench.begin("p")
    bench.see(
        make_run("told", start_ms=now_ms, end_ms=now_ms + 9_000, elapsed_ms=5_000),
        make_run("reckoned", start_ms=now_ms + 1, end_ms=now_ms + 9_001, elapsed_ms=None),
        make_run("active", start_ms=now_ms + 2, end_ms=None, elapsed_ms=None, status="running"),
        make_run("absurd", start_ms=now_ms + 3, end_ms=now_ms, elapsed_ms=None),
    )

    assert sorted(bench.workspace.uses_between(now_ms, now_ms + MINUTE_MS), key=lambda use: use.started_ms) == [
        Use("p", "scheduled", "completed", now_ms, 5_000),
        Use("p", "scheduled", "completed", now_ms + 1, 9_000),
        Use("p", "scheduled", "running", now_ms + 2, 0),
        Use("p", "scheduled", "completed", now_ms + 3, 0),
    ]


def test_a_run_without_a_start_is_placed_where_it_was_first_seen(bench, make_run, now_ms):
    bench.begin("p")
    bench.see(make_run("r", start_ms=None, end_ms=None, elapsed_ms=None, status="pending"), at_ms=now_ms + 5)

    assert [use.started_ms for use in bench.workspace.uses_between(now_ms, now_ms + MINUTE_MS)] == [now_ms + 5]
    assert list(bench.workspace.uses_between(now_ms, now_ms + 5)) == []


def test_a_run_that_ended_without_a_start_is_placed_where_it_ended(bench, make_run, now_ms):
    """A history that is read today has runs that got no kernel weeks ago: they are of their week, not of today."""
    bench.begin("p")
    stillborn = make_run(
        "r", start_ms=None, end_ms=now_ms - DAY_MS, elapsed_ms=None, status="unable_to_allocate_kernel"
    )
    bench.see(stillborn, at_ms=now_ms)

    assert [use.started_ms for use in bench.workspace.uses_between(now_ms - 2 * DAY_MS, now_ms)] == [now_ms - DAY_MS]
    assert bench.workspace.last_runs() == {("p", "unable_to_allocate_kernel"): now_ms - DAY_MS}


class TestRevision:
    def test_grows_with_a_run_of_that_time_alone(self, bench, make_run, now_ms):
        bench.begin("p")
        today, long_ago = (now_ms, now_ms + DAY_MS), (now_ms - 30 * DAY_MS, now_ms - 20 * DAY_MS)
        before = bench.workspace.runs_revision(*today), bench.workspace.runs_revision(*long_ago)

        bench.see(make_run("r", start_ms=now_ms + 1))

        assert bench.workspace.runs_revision(*today) > before[0]
        assert bench.workspace.runs_revision(*long_ago) == before[1]

    def test_stays_when_nothing_new_is_seen(self, bench, make_run, now_ms):
        bench.begin("p")
        bench.see(make_run("r"))
        before = bench.workspace.runs_revision(now_ms, now_ms + DAY_MS)

        bench.see(make_run("r"))

        assert bench.workspace.runs_revision(now_ms, now_ms + DAY_MS) == before

    def test_grows_when_a_run_ends_and_when_runs_are_forgotten(self, bench, make_run, now_ms):
        bench.begin("p")
        bench.see(make_run("r", status="running", end_ms=None, elapsed_ms=None))
        active = bench.workspace.runs_revision(now_ms, now_ms + DAY_MS)
        bench.see(make_run("r"))
        ended = bench.workspace.runs_revision(now_ms, now_ms + DAY_MS)
        bench.workspace.prune(now_ms)

        assert active < ended < bench.workspace.runs_revision(now_ms, now_ms + DAY_MS)

    @pytest.mark.slow
    def test_a_reader_beside_the_writer_sees_the_uses(self, bench, make_run, now_ms, manual_clock):
        bench.begin("p")
        bench.see(make_run("r"))
        beside = open_ledger(bench.url, clock=manual_clock, read_only=True)

        assert len(list(beside.workspace("acme").uses_between(now_ms, now_ms + DAY_MS))) == 1
        beside.close()
