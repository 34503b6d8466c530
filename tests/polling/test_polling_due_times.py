"""When a project is next worth a request."""

import pytest
from helpers.sizes import size
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.facts import Project, Schedule
from exporter.polling.due_times import (
    HOUR_MS,
    MINUTE_MS,
    NEVER_MS,
    Firings,
    Habits,
    due_at,
    rest_intervals_ms,
)
from exporter.polling.reasons import Reason

NINE = 1_794_992_400_000 + 9 * HOUR_MS - 1_794_992_400_000 % (24 * HOUR_MS)
HOURLY = Schedule(cadence="hourly", enabled=True, cron="0 * * * *")
REST = 5 * HOUR_MS


def project(*schedules: Schedule, **more: object) -> Project:
    return Project(project_id="p", published_ms=1, schedules=schedules, **more)


def due(
    one: Project, *, read_ms: int | None, now_ms: int, habits: Habits | None = None, active: int | None = None
) -> int:
    return due_at(
        one,
        read_ms=read_ms,
        active_since_ms=active,
        firings=Firings.of(one, now_ms),
        habits=habits or Habits(lag_ms=3 * MINUTE_MS),
        rest_ms=REST,
        now_ms=now_ms,
    ).at_ms


def test_project_that_was_never_read_is_due_at_once():
    assert due(project(), read_ms=None, now_ms=NINE) == 0


def test_quiet_project_waits_for_its_turn():
    assert due(project(), read_ms=NINE, now_ms=NINE) == NINE + REST


def test_scheduled_run_is_looked_for_when_it_should_have_ended():
    now = NINE + 20 * MINUTE_MS
    seen = Habits(lag_ms=3 * MINUTE_MS, last_scheduled_start_ms=NINE + MINUTE_MS)

    assert due(project(HOURLY), read_ms=NINE + 5 * MINUTE_MS, now_ms=now, habits=seen) == NINE + HOUR_MS + 3 * MINUTE_MS


def test_scheduled_run_that_is_late_is_looked_for_again_every_minute():
    read = NINE + 3 * MINUTE_MS

    assert due(project(HOURLY), read_ms=read, now_ms=read) == read + MINUTE_MS


def test_scheduled_run_that_never_came_is_given_up_after_the_allowed_delay():
    now = NINE + 16 * MINUTE_MS

    assert due(project(HOURLY), read_ms=now, now_ms=now) == NINE + HOUR_MS + 3 * MINUTE_MS


def test_active_run_is_looked_at_when_it_should_end_and_then_less_and_less_often():
    habits = Habits(duration_ms=4 * MINUTE_MS)

    assert due(project(), read_ms=NINE, now_ms=NINE, habits=habits, active=NINE) == NINE + 4 * MINUTE_MS
    stuck = NINE - 50 * MINUTE_MS
    assert due(project(), read_ms=NINE, now_ms=NINE, habits=habits, active=stuck) == NINE + 5 * MINUTE_MS
    longer = NINE - 20 * HOUR_MS
    assert due(project(), read_ms=NINE, now_ms=NINE, habits=habits, active=longer) == NINE + 10 * MINUTE_MS


@pytest.mark.parametrize("change", ["results_updated_ms", "published_ms"])
def test_refreshed_or_published_project_is_due_soon(change):
    changed = Project(**{"project_id": "p", "published_ms": 1, change: NINE + 1})

    assert due(changed, read_ms=NINE, now_ms=NINE + 2) == NINE + 20_000


def test_viewed_project_is_due_earlier_than_its_turn():
    assert NINE < due(project(viewed_ms=NINE + 1), read_ms=NINE, now_ms=NINE + 2) < NINE + REST


def test_firings_move_on_with_time_and_stay_when_the_clock_goes_back():
    firings = Firings.of(project(HOURLY), NINE - MINUTE_MS)
    firings.advance(NINE + 1)
    firings.advance(NINE - HOUR_MS)

    assert (firings.last_ms, firings.next_ms) == (NINE, NINE + HOUR_MS)


def test_archived_project_never_fires():
    assert Firings.of(project(HOURLY, archived_ms=2), NINE).next_ms == NEVER_MS


RATES = st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0, 50), min_size=1, max_size=40)


@pytest.mark.slow
@settings(max_examples=size(60, 500))
@given(rates=RATES, per_hour=st.floats(1, 2000))
def test_turns_cost_no_more_than_their_requests_unless_nobody_would_be_asked_at_all(rates, per_hour):
    rest = rest_intervals_ms(rates, per_hour, 15_000)

    spent = sum(HOUR_MS / interval for interval in rest.values())
    longest = max(6 * HOUR_MS, len(rates) * HOUR_MS / per_hour)
    assert spent <= per_hour * 1.01 + len(rates) * HOUR_MS / longest + 1e-6


@settings(max_examples=100)
@given(rates=RATES, per_hour=st.floats(1, 2000))
def test_project_with_more_unforeseen_runs_is_never_asked_less_often(rates, per_hour):
    rest = rest_intervals_ms(rates, per_hour, 15_000)

    ordered = [rest[name] for name in sorted(rates, key=rates.__getitem__)]
    assert ordered == sorted(ordered, reverse=True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"read_ms": None}, Reason.NEVER_READ),
        ({}, Reason.TURN),
        ({"active_since_ms": NINE}, Reason.ACTIVE_RUN),
        ({"expected_end_ms": NINE + MINUTE_MS}, Reason.STARTED_RUN),
        ({"project": project(HOURLY)}, Reason.SCHEDULE),
        ({"project": project(results_updated_ms=NINE + 1)}, Reason.PROJECT_CHANGED),
        ({"project": project(viewed_ms=NINE + 1)}, Reason.PROJECT_VIEWED),
    ],
)
def test_what_makes_a_project_due_is_given_as_the_reason(changes, reason):
    given = {"project": project(), "read_ms": NINE, "active_since_ms": None, "expected_end_ms": None, **changes}
    firings = Firings.of(given["project"], NINE)

    due = due_at(given.pop("project"), **given, firings=firings, habits=Habits(), rest_ms=REST, now_ms=NINE)

    assert due.reason is reason
