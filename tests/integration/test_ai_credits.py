"""AI credits against the simulator's truth: what each person used on each day, as seen through the ledger's looks."""

import random
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from helpers.evidencing import StillClock

from exporter.insight import CreditUse
from exporter.ledger import WorkspaceLedger, open_ledger
from exporter.simulator import Simulation

ZONE = ZoneInfo("Europe/Zurich")
FIRST = datetime(2026, 10, 19, tzinfo=ZONE)
"""A Monday; the clocks change on the Sunday of this week."""

DAYS = 15


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


MIDNIGHTS = [ms(FIRST + timedelta(days=day)) for day in range(DAYS + 1)]


def look(workspace: WorkspaceLedger, simulation: Simulation, at_ms: int) -> None:
    workspace.record_threads([talk.seen(at_ms) for talk in simulation.talks.newest(at_ms)], at_ms)


def use_of(workspace: WorkspaceLedger) -> CreditUse:
    return CreditUse(workspace.credits.growths(0))


def by_user(use: CreditUse, start_ms: int, end_ms: int) -> Counter[str]:
    return +Counter({str(user): used for user, used in use.by(lambda one: one.user_id, start_ms, end_ms).items()})


@pytest.fixture(params=[3, 11])
def simulation(request: pytest.FixtureRequest) -> Simulation:
    return Simulation(request.param, 40, clock=StillClock(MIDNIGHTS[-1] / 1000))


@pytest.fixture
def workspace(manual_clock: Any) -> WorkspaceLedger:
    return open_ledger("sqlite://", clock=manual_clock).workspace("acme")


@pytest.mark.slow
def test_each_day_of_each_person_is_exact_and_a_closed_one_never_changes(
    simulation: Simulation, workspace: WorkspaceLedger
) -> None:
    """Looks at every midnight and at odd times between: nothing is guessed, threads that go on for days included."""
    dice = random.Random(simulation.seed)
    looks = {*MIDNIGHTS, *(dice.randrange(MIDNIGHTS[0], MIDNIGHTS[-1]) for _ in range(25))}
    closed: dict[int, Counter[str]] = {}
    for at_ms in sorted(looks):
        look(workspace, simulation, at_ms)
        use = use_of(workspace)
        if at_ms in MIDNIGHTS[1:]:
            day = MIDNIGHTS.index(at_ms) - 1
            closed[day] = by_user(use, MIDNIGHTS[day], at_ms)
        for day, was in closed.items():
            assert by_user(use, MIDNIGHTS[day], MIDNIGHTS[day + 1]) == was

    truth = [+simulation.talks.used(start, end) for start, end in pairwise(MIDNIGHTS)]
    assert [closed[day] for day in range(DAYS)] == truth
    assert any(talk.steps[-1][0] > talk.created_ms + 86_400_000 for talk in simulation.talks.newest(MIDNIGHTS[-1]))


@pytest.mark.slow
def test_missed_looks_lose_nothing_and_move_nothing_out_of_their_time(
    simulation: Simulation, workspace: WorkspaceLedger
) -> None:
    """Days 4 to 7 are missed: what was used in them is shared out among them, and the days around are exact."""
    for at_ms in (*MIDNIGHTS[:5], *MIDNIGHTS[8:]):
        look(workspace, simulation, at_ms)
    use = use_of(workspace)

    spans = [*pairwise(MIDNIGHTS[:5]), (MIDNIGHTS[4], MIDNIGHTS[8]), *pairwise(MIDNIGHTS[8:])]
    assert [by_user(use, *span) for span in spans] == [+simulation.talks.used(*span) for span in spans]
    missed = [use.between(*span) for span in pairwise(MIDNIGHTS[4:9])]
    assert sum(missed) == sum(simulation.talks.used(MIDNIGHTS[4], MIDNIGHTS[8]).values())


def test_the_past_before_first_contact_is_whole_and_counters_leave_it_out(
    simulation: Simulation, workspace: WorkspaceLedger
) -> None:
    look(workspace, simulation, MIDNIGHTS[0])
    look(workspace, simulation, MIDNIGHTS[-1])

    listed = list(simulation.talks.newest(MIDNIGHTS[-1]))
    before = sum(talk.credits_milli(MIDNIGHTS[0]) for talk in simulation.talks.newest(MIDNIGHTS[0]))
    since = sum(talk.credits_milli(MIDNIGHTS[-1]) - talk.credits_milli(MIDNIGHTS[0]) for talk in listed)
    use = use_of(workspace)
    assert use.between(0, MIDNIGHTS[0]) == before
    assert use.between(MIDNIGHTS[0], MIDNIGHTS[-1] + 1) == since
    workspace.release_holds(1 << 46)
    counted = sum(one.value for one in workspace.counters() if one.metric == "hex_ai_credits_total")
    assert counted == since
