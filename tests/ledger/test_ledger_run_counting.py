"""When a run counts: the decisions, one by one, without a database."""

from dataclasses import replace

import pytest

from exporter.facts import Run
from exporter.ledger.first_contact import Border
from exporter.ledger.foreseen_series import project_series
from exporter.ledger.run_counting import KnownRun, cleaned, run_amounts, sighted, was_unviewed

CONTACT_MS = 1_000_000
BORDER = Border(first_contact_ms=CONTACT_MS)
KNOWN_HEAD = Border(first_contact_ms=CONTACT_MS, is_head_known=True)


def run(status: str = "completed", start: int | None = None, end: int | None = None, elapsed: int | None = None) -> Run:
    return Run(run_id="r", project_id="p", status=status, start_ms=start, end_ms=end, elapsed_ms=elapsed)


def seen(*sights: Run, border: Border = BORDER) -> KnownRun:
    known: KnownRun | None = None
    for at_ms, sight in enumerate(sights, start=CONTACT_MS + 1):
        known = sighted(known, sight, border, at_ms)
    assert known is not None
    return known


@pytest.mark.parametrize(
    ("sight", "is_counted"),
    [
        pytest.param(run(end=CONTACT_MS), True, id="ended at first contact"),
        pytest.param(run(end=CONTACT_MS - 1), False, id="ended before it"),
        pytest.param(run(start=CONTACT_MS - 10, elapsed=10), True, id="end by start and elapsed"),
        pytest.param(run(start=CONTACT_MS - 10, elapsed=9), False, id="end by start and elapsed, before"),
        pytest.param(run(start=CONTACT_MS), True, id="only a start, after"),
        pytest.param(run(start=CONTACT_MS - 1), False, id="only a start, before"),
        pytest.param(run(), False, id="no times, nothing known of the project"),
        pytest.param(run("running", start=CONTACT_MS), False, id="still running"),
        pytest.param(run("pending", start=CONTACT_MS), False, id="pending"),
        pytest.param(run("rescheduled", end=CONTACT_MS), True, id="unknown status with an end"),
        pytest.param(run("rescheduled", start=CONTACT_MS), False, id="unknown status without an end"),
    ],
)
def test_a_run_at_first_sight_counts_if_it_ended_after_first_contact(sight: Run, is_counted: bool) -> None:
    assert seen(sight).is_counted is is_counted


@pytest.mark.parametrize("end", [run(), run(start=CONTACT_MS - 1)])
def test_a_run_seen_active_counts_when_nothing_tells_when_it_ended(end: Run) -> None:
    assert seen(run("running", start=CONTACT_MS - 1), end).is_counted


def test_a_run_seen_active_after_its_end_by_hex_is_history_all_the_same() -> None:
    assert not seen(run("running", start=1), run(start=1, end=CONTACT_MS - 1)).is_counted


def test_a_run_without_times_counts_where_the_newest_runs_were_known() -> None:
    assert seen(run(), border=KNOWN_HEAD).is_counted


def test_history_stays_history_when_its_end_is_corrected() -> None:
    assert not seen(run(end=CONTACT_MS - 1), run(end=CONTACT_MS + 1)).is_counted


def test_a_counted_run_stays_counted_when_its_end_is_corrected() -> None:
    assert seen(run(end=CONTACT_MS + 1), run(end=CONTACT_MS - 1)).is_counted


def test_a_run_that_has_ended_never_becomes_active_again() -> None:
    ended = run("errored", start=1, end=CONTACT_MS)

    assert seen(ended, run("running", start=1)).run == ended


def test_a_correction_keeps_what_it_does_not_say() -> None:
    first = replace(run(start=1, end=CONTACT_MS, elapsed=7), trigger="api", version="3")

    corrected = seen(first, run("errored")).run

    assert corrected == replace(first, status="errored")


def test_the_elapsed_time_of_a_run_in_progress_is_not_its_duration() -> None:
    known = seen(run("running", start=CONTACT_MS, elapsed=3), run(end=CONTACT_MS + 10))

    assert known.run.duration_ms == 10


def test_a_gone_run_that_comes_back_ended_counts() -> None:
    gone = replace(seen(run("running", start=CONTACT_MS)), is_gone=True)

    back = sighted(gone, run(end=CONTACT_MS + 5), BORDER, CONTACT_MS + 9)

    assert back is not None
    assert (back.is_counted, back.is_gone) == (True, False)


@pytest.mark.parametrize(
    ("sight", "is_known"),
    [
        (run(end=CONTACT_MS + 99), False),
        (run(end=CONTACT_MS + 100), True),
        (run("running", start=CONTACT_MS + 99), False),
        (run("running", start=CONTACT_MS + 100), True),
        (run(), True),
    ],
)
def test_an_unknown_run_from_before_the_pruning_line_stays_unknown(sight: Run, is_known: bool) -> None:
    border = Border(first_contact_ms=CONTACT_MS, pruned_before_ms=CONTACT_MS + 100)

    assert (sighted(None, sight, border, CONTACT_MS + 200) is not None) is is_known


def test_a_known_run_from_before_the_pruning_line_goes_on() -> None:
    active = seen(run("running", start=CONTACT_MS))
    border = Border(first_contact_ms=CONTACT_MS, pruned_before_ms=CONTACT_MS + 100)

    ended = sighted(active, run(end=CONTACT_MS + 50), border, CONTACT_MS + 200)

    assert ended is not None
    assert ended.is_counted


def test_a_counted_run_adds_to_every_sum_of_its_kind() -> None:
    amounts = run_amounts(replace(run(elapsed=5_000), trigger="api"), "p")

    assert {series: amount for series, amount in amounts.items() if amount and "le" not in series} == {
        ("hex_runs_total", ("p", "api", "completed")): 1,
        ("hex_run_seconds_total", ("p", "api")): 5_000,
        ("hex_run_duration_seconds_sum", ("api", "completed")): 5_000,
        ("hex_run_duration_seconds_count", ("api", "completed")): 1,
        **{
            ("hex_run_duration_seconds_bucket", ("api", "completed", le)): 1
            for le in ("5.0", "15.0", "60.0", "300.0", "900.0", "3600.0", "14400.0", "+Inf")
        },
    }


def test_a_run_of_unknown_duration_is_no_observation() -> None:
    amounts = run_amounts(run(), "p")

    assert {series for series, amount in amounts.items() if amount} == {
        ("hex_runs_total", ("p", "unknown", "completed"))
    }


def test_seventeen_series_are_foreseen_for_a_project() -> None:
    series = project_series("p")

    assert len(series) == 17
    assert set(series.values()) == {0}


@pytest.mark.parametrize(
    ("previous", "viewed_ms", "is_unviewed"),
    [
        (run(end=50), None, True),
        (run(end=50), 49, True),
        (run(end=50), 50, False),
        (run("errored", end=50), None, False),
        (run(), None, False),
        (None, None, False),
    ],
)
def test_a_refresh_was_unviewed_if_the_project_was_viewed_last_before_it_ended(
    previous: Run | None, viewed_ms: int | None, is_unviewed: bool
) -> None:
    assert was_unviewed(previous, viewed_ms) is is_unviewed


def test_what_no_database_keeps_is_cleaned_away() -> None:
    wild = Run(run_id="a\ud800\x00", project_id="x", status="\udfff", start_ms=-1, end_ms=1 << 60, elapsed_ms=1 << 63)

    assert cleaned(wild, "p") == Run(run_id="a\ufffd\ufffd", project_id="p", status="\ufffd")
