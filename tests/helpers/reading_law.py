"""The law of reading, over any sequence of what Hex, the disk, the clocks and people may do."""

from hypothesis import given
from hypothesis import strategies as st

from helpers.following import NOW
from helpers.manual_clock import ManualClock
from helpers.unreliable_hex import DAY, TROUBLE, UNWRITTEN
from helpers.unreliable_world import UnreliableWorld

STEPS_OF_A_WORLD = 625
"""So long does one world live. Most of the time goes to the exchanges with Hex in it, one step in five."""

_PROJECT = st.integers(0, 3)
_FAULT = st.sampled_from(TROUBLE)
_OFF = st.sampled_from((0.0, 2.0, -90.0, 7200.0, -4 * DAY, 10 * DAY, 800 * DAY))
_DATED = st.sampled_from((-30 * DAY, 400.0, 3 * 3600.0, 900 * DAY))
_WEDNESDAY = NOW + 2.5 * DAY


def _step(name: str, *arguments: st.SearchStrategy) -> st.SearchStrategy:
    return st.tuples(st.just(name), *arguments)


_STEPS = (
    *(_step("exchange", _FAULT) for _ in range(2)),
    _step("exchange", st.just(UNWRITTEN)),
    _step("lose_page", _PROJECT, st.integers(5, 12), st.sampled_from((0.0, 90.0, 90.0))),
    _step("judge"),
    _step("restart"),
    *(_step("break_path", st.none() | _PROJECT, _FAULT) for _ in range(4)),
    _step("break_all_runs", _FAULT),
    _step("break_all_runs", st.just(UNWRITTEN)),
    *(_step("mend") for _ in range(3)),
    _step("start_runs", _PROJECT, st.integers(1, 9), st.sampled_from((0.0, 300.0))),
    *(_step("start_runs", _PROJECT, st.integers(1, 15), st.just(0.0)) for _ in range(2)),
    *(_step("end_runs", st.integers(1, 3)) for _ in range(6)),
    *(_step("delete_runs", _PROJECT, st.integers(0, 12), st.integers(1, 5)) for _ in range(3)),
    _step("add_project"),
    *(_step("remove_project", _PROJECT) for _ in range(2)),
    *(_step("set_machine_clock", _OFF) for _ in range(3)),
    *(_step("date_wrongly", _DATED, st.sampled_from((3.0, 120.0, 500.0))) for _ in range(3)),
    *(_step("fail_writes", st.lists(st.booleans(), min_size=1, max_size=6)) for _ in range(3)),
    *(_step("be_away", st.sampled_from((20.0, 90.0, 5400.0))) for _ in range(5)),
    _step("pass_busily", _PROJECT, st.integers(8, 24), st.just(9000.0)),
)


@given(
    machine_off=st.sampled_from((0.0, 0.0, 2.0, -4 * DAY, 90.0)),
    refused_share=st.sampled_from((0.1, 0.6)),
    steps=st.lists(st.one_of(*_STEPS), min_size=STEPS_OF_A_WORLD, max_size=STEPS_OF_A_WORLD),
)
def no_figure_is_ever_false(machine_off, refused_share, steps):
    """Live through one world; AssertionError where its page was false, or a run is lost once everything works again."""
    world = UnreliableWorld(ManualClock(_WEDNESDAY), machine_off, refused_share=refused_share)
    try:
        for name, *arguments in steps:
            getattr(world, name)(*arguments)
        world.judge()
        world.settle()
    finally:
        world.close()
