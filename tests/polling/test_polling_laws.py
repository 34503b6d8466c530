"""The law of reading: whatever Hex answers, a figure is exact, older than it says, or absent; never false."""

import random

import pytest
from helpers.unreliable_hex import TROUBLE, UnreliableWorld
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.slow

PROJECTS = 3
PATHS = st.sampled_from(["projects", *(f"projects/p{number}/runs" for number in range(PROJECTS))])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("break"), PATHS, st.sampled_from(TROUBLE)),
        st.tuples(st.just("break_all"), st.sampled_from(TROUBLE)),
        st.tuples(st.just("mend")),
        st.tuples(st.just("runs"), st.sampled_from([f"p{number}" for number in range(PROJECTS)]), st.integers(1, 260)),
        st.tuples(st.just("restart")),
        st.tuples(st.just("no_disk"), st.integers(0, 3)),
        st.tuples(st.just("go"), st.sampled_from([60, 300, 900])),
    ),
    min_size=3,
    max_size=8,
)


def follow_steps(world: UnreliableWorld, steps: list[tuple]) -> None:
    for step in steps:
        match step:
            case ("break", path, trouble):
                world.break_path(path, trouble)
            case ("break_all", trouble):
                for path in world.paths[1:]:
                    world.break_path(path, trouble)
            case ("mend",):
                world.mend()
            case ("runs", project_id, count):
                world.start_runs(project_id, count)
            case ("restart",):
                world.restart()
            case ("no_disk", after):
                with world.without_disk(after):
                    world.go(120)
            case ("go", seconds):
                world.go(seconds)
        world.go(60)
        world.judge()


@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_figure_is_ever_false(clock, follow, steps):
    world = UnreliableWorld(clock, follow, PROJECTS)
    world.go(600)
    world.judge()

    follow_steps(world, steps)


@pytest.mark.parametrize("seed", range(3))
def test_every_run_is_accounted_for_once_everything_works_again(clock, follow, seed):
    rng = random.Random(seed)
    world = UnreliableWorld(clock, follow, PROJECTS)
    world.go(600)
    for _ in range(6):
        world.break_path(rng.choice(world.paths), rng.choice(TROUBLE))
        world.start_runs(f"p{rng.randrange(PROJECTS)}", rng.randrange(100, 300))
        with world.without_disk(rng.randrange(4)):
            world.go(60)
        world.go(rng.choice((60, 600)))
        world.judge()

    world.settle()
