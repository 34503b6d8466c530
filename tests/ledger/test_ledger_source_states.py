"""The book of sources: what was seen when, since when, what failed, and what was compared with it."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.clock import Clock
from exporter.errors import LedgerError
from exporter.facts import Project
from exporter.ledger import OTHER, GatewayRun, SourceRepository, SourceState, Span, open_ledger

DAY_MS = 86_400_000


def span(digest: str, *times_ms: int) -> Span:
    first_began_ms, first_finished_ms, last_began_ms, last_finished_ms = times_ms
    return Span(
        digest=digest,
        first_began_ms=first_began_ms,
        first_finished_ms=first_finished_ms,
        last_began_ms=last_began_ms,
        last_finished_ms=last_finished_ms,
    )


class TestStates:
    def test_a_first_probe_is_no_change(self, bench: Any) -> None:
        sources: SourceRepository = bench.workspace.sources

        assert sources.record("k", "a", 10, 12) is False

        assert sources.states() == {
            "k": SourceState(key="k", digest="a", since_ms=12, changed_ms=None, began_ms=10, finished_ms=12, span=1)
        }

    def test_an_equal_probe_keeps_since_and_another_digest_is_a_change(self, bench: Any) -> None:
        sources: SourceRepository = bench.workspace.sources
        sources.record("k", "a", 10, 12)

        assert sources.record("k", "a", 20, 22) is False
        assert (sources.states()["k"].since_ms, sources.states()["k"].began_ms) == (12, 20)
        assert sources.record("k", "b", 30, 33) is True
        assert sources.record("k", "b", 40, 41) is False

        assert sources.states()["k"] == SourceState(
            key="k", digest="b", since_ms=33, changed_ms=30, began_ms=40, finished_ms=41, span=2
        )

    def test_a_failure_keeps_what_was_seen_and_the_next_success_clears_it(self, bench: Any) -> None:
        sources: SourceRepository = bench.workspace.sources
        sources.record("k", "a", 10, 12)

        sources.record_failure("k", "no answer within 30 s", 50)
        failed = sources.states()["k"]
        sources.record("k", "a", 60, 61)

        assert (failed.digest, failed.since_ms, failed.failure, failed.failed_ms) == (
            "a",
            12,
            "no answer within 30 s",
            50,
        )
        assert (sources.states()["k"].failure, sources.states()["k"].failed_ms) == (None, None)

    def test_a_source_that_never_answered_has_no_digest(self, bench: Any) -> None:
        sources: SourceRepository = bench.workspace.sources
        sources.record_failure("k", "refused", 50)

        assert sources.states()["k"] == SourceState(key="k", failure="refused", failed_ms=50)
        assert sources.record("k", "a", 60, 61) is False

    def test_states_and_spans_outlive_a_restart(self, bench: Any) -> None:
        bench.workspace.sources.record("k", "a", 10, 12)
        bench.workspace.sources.record("k", "b", 20, 22)
        bench.workspace.sources.record_failure("k", "refused", 30)
        before, spans = bench.workspace.sources.states(), bench.workspace.sources.spans("k", 0)

        bench.restart()

        assert bench.workspace.sources.states() == before
        assert bench.workspace.sources.spans("k", 0) == spans

    def test_workspaces_do_not_mix(self, bench: Any) -> None:
        bench.workspace.sources.record("k", "a", 10, 12)

        assert bench.ledger.workspace("other").sources.states() == {}
        assert bench.ledger.workspace("other").sources.spans("k", 0) == ()

    def test_what_no_database_keeps_is_replaced(self, bench: Any) -> None:
        sources: SourceRepository = bench.workspace.sources
        sources.record("k", "a\x00\ud800", 10, 12)
        sources.record_failure("k", "bad \x00", 13)

        bench.restart()

        state = bench.workspace.sources.states()["k"]
        assert (state.digest, state.failure) == ("a\ufffd\ufffd", "bad \ufffd")


class TestSpans:
    def test_equal_probes_are_one_span(self, bench: Any) -> None:
        sources: SourceRepository = bench.workspace.sources
        for began_ms in (10, 20, 30):
            sources.record("k", "a", began_ms, began_ms + 2)
        sources.record("k", "b", 40, 42)
        sources.record("k", "a", 50, 52)

        assert sources.spans("k", 0) == (
            span("a", 10, 12, 30, 32),
            span("b", 40, 42, 40, 42),
            span("a", 50, 52, 50, 52),
        )
        assert sources.spans("k", 42) == (span("b", 40, 42, 40, 42), span("a", 50, 52, 50, 52))
        assert sources.spans("unknown", 0) == ()

    def test_after_a_step_back_what_was_seen_in_the_future_gives_way(self, bench: Any) -> None:
        sources: SourceRepository = bench.workspace.sources
        sources.record("k", "a", 10, 12)
        sources.record("k", "a", 90, 92)
        sources.record("k", "b", 100, 102)

        assert sources.record("k", "c", 50, 52) is True

        assert sources.spans("k", 0) == (span("a", 10, 12, 50, 50), span("c", 50, 52, 50, 52))
        assert sources.states()["k"].changed_ms == 50

    def test_no_step_of_the_clock_gives_a_change_the_number_of_an_earlier_one(self, bench: Any) -> None:
        sources: SourceRepository = bench.workspace.sources
        numbers = []
        for digest, at_ms in (("a", 10), ("b", 100), ("a", 50), ("a", 60), ("b", 20), ("a", 200), ("a", 210)):
            sources.record("k", digest, at_ms, at_ms + 2)
            numbers.append(sources.states()["k"].span)
            bench.restart()
            sources = bench.workspace.sources
            assert sources.states()["k"].span == numbers[-1]

        assert numbers == [1, 2, 3, 3, 4, 5, 5]

    def test_the_stamp_is_that_of_the_last_probe(self, bench: Any) -> None:
        bench.workspace.sources.record("k", "a", 10, 12, "written at 9")
        bench.restart()
        sources: SourceRepository = bench.workspace.sources
        assert sources.states()["k"].stamp == "written at 9"
        assert sources.record("k", "a", 20, 22, "written at 15") is False
        assert (sources.states()["k"].stamp, sources.states()["k"].since_ms) == ("written at 15", 12)

    def test_after_a_step_back_an_equal_probe_counts_from_the_time_that_it_is_now(self, bench: Any) -> None:
        sources: SourceRepository = bench.workspace.sources
        sources.record("k", "a", 10, 12)
        sources.record("k", "b", 100, 102)

        assert sources.record("k", "b", 50, 52) is False

        assert sources.states()["k"] == SourceState(
            key="k", digest="b", since_ms=52, changed_ms=50, began_ms=50, finished_ms=52, span=3
        )

    def test_a_probe_that_lost_time_began_when_it_finished(self, bench: Any) -> None:
        bench.workspace.sources.record("k", "a", 90, 40)

        assert bench.workspace.sources.spans("k", 0) == (span("a", 40, 40, 40, 40),)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(-40, 60), st.integers(0, 10)),
        min_size=1,
        max_size=25,
    )
)
@pytest.mark.slow
def test_spans_never_overlap_and_a_digest_is_found_at_its_time(probes: list[tuple[str, int, int]]) -> None:
    ledger = open_ledger("sqlite://", clock=_Still())
    sources = ledger.workspace("acme").sources
    now_ms = 1_000
    valid: list[tuple[str, int, int]] = []

    for digest, later_ms, seconds in probes:
        now_ms += later_ms
        began_ms, finished_ms = now_ms, now_ms + seconds
        before = sources.states().get("k")
        assert sources.record("k", digest, began_ms, finished_ms) is (before is not None and before.digest != digest)
        now_ms = finished_ms
        valid = [one for one in valid if one[2] <= began_ms] + [(digest, began_ms, finished_ms)]

    spans = sources.spans("k", 0)
    for one in spans:
        assert one.first_began_ms <= one.first_finished_ms <= one.last_finished_ms
        assert one.first_began_ms <= one.last_began_ms <= one.last_finished_ms
    for earlier, later in pairwise(spans):
        assert earlier.last_finished_ms <= later.first_began_ms
    for digest, began_ms, finished_ms in valid:
        assert any(
            one.digest == digest and one.first_began_ms <= began_ms and finished_ms <= one.last_finished_ms
            for one in spans
        )
    state = sources.states()["k"]
    assert (state.digest, state.since_ms, state.began_ms, state.finished_ms) == (
        spans[-1].digest,
        spans[-1].first_finished_ms,
        spans[-1].last_began_ms,
        spans[-1].last_finished_ms,
    )
    assert state.changed_ms is None or state.changed_ms <= state.began_ms


class TestJudging:
    def test_the_line_and_the_counters_are_one(self, bench: Any, now_ms: int) -> None:
        bench.begin("p")
        sources: SourceRepository = bench.workspace.sources

        sources.record_judged("p", "k", 77, {"api": (5, 3), "scheduled": (2, 0)}, now_ms)
        bench.restart()

        assert bench.workspace.sources.judged_until_ms("p", "k") == 77
        assert bench.workspace.sources.judged_until_ms("p", "other key") is None
        sums = bench.sums()
        assert sums["hex_source_checked_runs_total", ("p", "api")] == 5
        assert sums["hex_source_unchanged_runs_total", ("p", "api")] == 3
        assert sums["hex_source_checked_runs_total", ("p", "scheduled")] == 2

    def test_nothing_is_judged_if_it_cannot_be_counted(self, bench: Any, now_ms: int) -> None:
        bench.begin("p")

        with pytest.raises(ValueError, match="a counter never falls"):
            bench.workspace.sources.record_judged("p", "k", 77, {"api": (-1, 0)}, now_ms)

        assert bench.workspace.sources.judged_until_ms("p", "k") is None

    def test_a_project_without_series_adds_to_other(self, bench: Any, now_ms: int) -> None:
        bench.begin("p", limit=0)

        bench.workspace.sources.record_judged("p", "k", 77, {"api": (5, 3)}, now_ms)

        assert bench.sums()["hex_source_unchanged_runs_total", (OTHER, "api")] == 3

    def test_foreseen_series_of_projects_without_their_own_are_those_of_other(self, bench: Any, now_ms: int) -> None:
        bench.begin("p", limit=0)

        bench.workspace.foresee("hex_source_checked_runs_total", [("p", "api")], now_ms)

        found = [one.labels for one in bench.workspace.counters() if one.metric == "hex_source_checked_runs_total"]
        assert found == [(OTHER, "api")]


class TestPruning:
    def test_old_spans_go_with_the_runs_and_the_last_of_each_source_stays(self, bench: Any) -> None:
        sources: SourceRepository = bench.workspace.sources
        sources.record("k", "a", 10, 12)
        sources.record("k", "b", 20, 22)
        sources.record("k", "c", 30, 32)
        sources.record("k", "c", 500, 502)
        sources.record_judged("p", "k", 40, {}, 40)
        sources.record_judged("q", "k", 400, {}, 40)

        bench.workspace.prune(100)

        assert sources.spans("k", 0) == (span("c", 30, 32, 500, 502),)
        assert sources.states()["k"].digest == "c"
        assert (sources.judged_until_ms("p", "k"), sources.judged_until_ms("q", "k")) == (None, 400)

    def test_a_source_that_is_probed_no_more_is_forgotten(self, bench: Any) -> None:
        sources: SourceRepository = bench.workspace.sources
        sources.record("old", "a", 10, 12)
        sources.record("failing", "a", 10, 12)
        sources.record_failure("failing", "refused", 200)

        bench.workspace.prune(100)

        assert set(sources.states()) == {"failing"}
        assert sources.spans("old", 0) == ()
        assert len(sources.spans("failing", 0)) == 1


def test_a_damaged_file_takes_the_states_with_it(file_bench: Any, now_ms: int) -> None:
    file_bench.workspace.sources.record("k", "a", 10, 12)
    run = GatewayRun(
        intent_id="i",
        project_id="p",
        fingerprint="f",
        request="{}",
        caller="caller",
        version="1",
        sent_ms=1,
        run_id="r",
    )
    file_bench.workspace.gateway.started(run, 1)
    file_bench.workspace.foresee_gateway(now_ms)
    for suffix in ("", "-wal", "-shm"):
        path = file_bench.path.with_name(file_bench.path.name + suffix)
        path.write_bytes(b"\xff" * path.stat().st_size)
    with pytest.raises(LedgerError):
        file_bench.workspace.record_projects([Project(project_id="p")], now_ms)

    file_bench.workspace.first_contact(now_ms)

    assert file_bench.workspace.sources.states() == {}
    assert file_bench.workspace.gateway.is_starter("p", "caller") is False
    assert ("hex_gateway_requests_total", ("hit",), 0) in file_bench.workspace.counters()


class _Still(Clock):
    def now(self) -> float:
        return 1_795_000_000.0

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError
