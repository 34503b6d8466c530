"""The brake: once a budget is spent, what needs a run gets the last result, waits, or gets a 429."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gateway_world import ALICE, BOB, World, cache, completed, opened, play_all, together
from helpers.sizes import size
from helpers.virtual import LoopClock, in_virtual_time
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.config import BrakeExcept, Budget, BudgetBrake, Match, Policy, load_config
from exporter.errors import ConfigError
from exporter.gateway import explain

pytestmark = pytest.mark.usefixtures("all_runs_complete")


def live(
    story: Any, *, limit: int = 3, then: Any = "refuse", policy: dict[str, Any] | None = None, **more: Any
) -> None:
    """A workspace whose budget of runs has this limit, none used."""
    brake = BudgetBrake(**{"budget": "weekly-runs", "then": then} | more)

    async def within(clock: LoopClock) -> None:
        async with opened(clock, policies=(Policy(when_budget_spent=brake, **(policy or {})),)) as world:
            used = world.now_ms and sum(1 for _ in world.ledger.runs_between(0, None))
            budget = Budget(name="weekly-runs", unit="runs", limit=used + limit)
            world.config = msgspec.structs.replace(world.config, budgets=(budget,))
            world.gateway.assign(world.config)
            await story(world, world.projects)

    in_virtual_time(within)


def test_requests_at_the_border_start_as_many_runs_as_are_left() -> None:
    async def story(world: World, projects: list[str]) -> None:
        answers = await together(*(world.run(project) for project in projects[:6]))
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [201] * 3 + [429] * 3
        assert world.started() == 3
        assert await world.counted("hex_gateway_braked_total") == {("weekly-runs", "refused"): 3}

        refused = next(answer for answer in answers if answer.status_code == 429)
        body = refused.json()
        assert (body["budget"], body["used"], body["limit"]) == ("weekly-runs", 3, 3)
        assert "owner" in body
        assert 3600 < int(refused.headers["Retry-After"]) <= 7 * 86_400
        assert "the budget weekly-runs is spent" in refused.headers["X-Hex-Exporter-Reason"]

    live(story)


@pytest.mark.slow
def test_a_run_is_counted_once_when_the_exporter_has_read_it() -> None:
    async def story(world: World, projects: list[str]) -> None:
        for project in projects[:2]:
            await completed(world, project)
            world.read_runs(project)
        before = sum(1 for _ in world.ledger.runs_between(0, None))
        budget = Budget(name="weekly-runs", unit="runs", limit=_of_this_week(world) + 1)
        world.config = msgspec.structs.replace(world.config, budgets=(budget,))
        world.gateway.assign(world.config)
        assert before >= 2
        assert (await world.run(projects[2])).status_code == 201
        assert (await world.run(projects[3])).status_code == 429

    live(story, limit=10)


def _of_this_week(world: World) -> int:
    from exporter.insight import period_at

    period = period_at(world.now_ms, "week", world.config.week("w"))
    return sum(run.status != "unable_to_allocate_kernel" for run in world.ledger.runs_between(*period))


@pytest.mark.slow
def test_no_cache_does_not_pass_and_gets_the_last_result_within_max_stale() -> None:
    async def story(world: World, projects: list[str]) -> None:
        first = await completed(world, projects[0])
        for headers in ({}, {"Cache_Control": "no-cache"}):
            again = await world.run(projects[0], **headers)
            assert cache(again) == "hit"
            assert again.json()["runId"] == first.json()["runId"]
            assert "max_stale" in again.headers["X-Hex-Exporter-Reason"]
        assert (await world.run(projects[0], {"inputParams": {"n": 1}})).status_code == 429
        await world.clock.sleep(3600)
        assert (await world.run(projects[0])).status_code == 429
        assert world.started() == 1
        assert await world.counted("hex_gateway_braked_total") == {
            ("weekly-runs", "cached"): 2,
            ("weekly-runs", "refused"): 2,
        }

    live(story, limit=1, then="cached_only", max_stale_seconds=1800)


@pytest.mark.slow
def test_one_that_waits_runs_once_the_budget_is_larger_and_else_is_refused() -> None:
    async def story(world: World, projects: list[str]) -> None:
        assert (await world.run(projects[0])).status_code == 201

        async def raise_it() -> None:
            await world.clock.sleep(10)
            budget = Budget(name="weekly-runs", unit="runs", limit=100)
            world.gateway.assign(msgspec.structs.replace(world.config, budgets=(budget,)))

        answers = await together(world.run(projects[1]), raise_it())
        assert cache(answers[0]) == "miss"
        assert (await world.counted("hex_gateway_braked_total")) == {("weekly-runs", "waited"): 1}
        world.gateway.assign(world.config)
        began = world.clock.monotonic()
        assert (await world.run(projects[2])).status_code == 429
        assert world.clock.monotonic() - began == pytest.approx(50, abs=3)

    live(story, limit=1, then="queue")


def test_projects_and_tokens_that_are_excepted_pass() -> None:
    async def story(world: World, projects: list[str]) -> None:
        assert (await world.run(projects[1])).status_code == 429
        assert (await world.run(projects[1], token=BOB)).status_code == 201
        brake = BudgetBrake(
            budget="weekly-runs", then="refuse", left_out=BrakeExcept(match=(Match(project_id=projects[2]),))
        )
        gateway = msgspec.structs.replace(world.config.gateway, policies=(Policy(when_budget_spent=brake),))
        world.gateway.assign(msgspec.structs.replace(world.config, gateway=gateway))
        assert (await world.run(projects[2], token=ALICE)).status_code == 201
        assert (await world.run(projects[3], token=BOB)).status_code == 429

    live(story, limit=0, left_out=BrakeExcept(tokens=(hashlib.sha256(BOB.encode()).hexdigest(),)))


def test_a_dry_run_passes() -> None:
    async def story(world: World, projects: list[str]) -> None:
        assert (await world.run(projects[0], {"dryRun": True})).status_code == 201

    live(story, limit=0)


def test_explain_says_so() -> None:
    async def story(world: World, projects: list[str]) -> None:
        assert explain(world.config, world.ledger, projects[0], {}, world.now_ms).outcome == "miss"  # type: ignore[union-attr]
        assert (await world.run(projects[1])).status_code == 201
        found = explain(world.config, world.ledger, projects[0], {}, world.now_ms)
        assert found is not None
        assert found.outcome == "refused"
        assert "the budget weekly-runs is spent to critical: 1 of 1 runs used" in found.reason

    live(story, limit=1)


def test_explain_names_a_budget_that_it_cannot_see() -> None:
    async def story(world: World, projects: list[str]) -> None:
        budget = Budget(name="weekly-runs", unit="usd", limit=1)
        config = msgspec.structs.replace(world.config, budgets=(budget,))
        found = explain(config, world.ledger, projects[0], {}, world.now_ms)
        assert found is not None
        assert found.outcome == "miss"
        assert "whether the budget weekly-runs is spent" in found.unseen[-1]

    live(story)


def test_without_a_brake_a_spent_budget_changes_nothing() -> None:
    async def story(world: World, projects: list[str]) -> None:
        budget = Budget(name="weekly-runs", unit="runs", limit=0.5)
        world.gateway.assign(msgspec.structs.replace(world.config, budgets=(budget,)))
        assert (await world.run(projects[0])).status_code == 201

    play_all(story)


@pytest.mark.parametrize(
    ("brake", "said"),
    [
        ("{budget: other}", "those of the workspace are: weekly-runs, money"),
        ("{budget: weekly-runs, then: stop}", "cached_only"),
        ("{budget: weekly-runs, at: never}", "critical"),
        ("{budget: weekly-runs, max_stale: 1m}", "at least 3600s"),
        ("{then: refuse}", "budget"),
    ],
)
def test_bad_input_is_refused_at_start_with_what_to_write(brake: str, said: str) -> None:
    text = (
        "budgets: [{name: weekly-runs, unit: runs, limit: 5}, {name: money, unit: usd, limit: 5}]\n"
        f"gateway: {{policies: [{{min_interval: 1h, when_budget_spent: {brake}}}]}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load_config(text, source="x.yml", environ={"HEX_API_TOKEN": ALICE}, state_dir=Path("/tmp"))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("unit", "noun"),
    [
        ("usd", "USD"),
        ("bill_usd", "USD of the bill"),
        ("warehouse_usd", "USD in the warehouses"),
        ("compute_minutes", "compute minutes"),
        ("ai_credits", "AI credits"),
    ],
)
def test_a_budget_of_another_unit_brakes_by_what_the_exporter_shows(unit: Any, noun: str) -> None:
    async def story(world: World, projects: list[str]) -> None:
        budget = Budget(name="spend", unit=unit, limit=10)
        world.config = msgspec.structs.replace(world.config, budgets=(budget,))
        world.gateway.assign(world.config)
        week = (world.now_ms - 1000, world.now_ms + 120_000)
        assert (await world.run(projects[0])).status_code == 201, "nothing is known to be used"
        world.used = {"spend": (week, 9.9)}
        assert (await world.run(projects[1])).status_code == 201
        world.used = {"spend": (week, 10.5)}
        refused = await world.run(projects[2])
        assert refused.status_code == 429
        assert f"10.5 of 10 {noun} used" in refused.headers["X-Hex-Exporter-Reason"]
        assert (refused.json()["budget"], refused.json()["used"]) == ("spend", 10.5)
        assert int(refused.headers["Retry-After"]) == pytest.approx(120, abs=10)
        await asyncio.sleep(121)
        assert (await world.run(projects[2])).status_code == 201, "what was used of the last period says nothing"

    live(story, budget="spend")


@pytest.mark.slow
@settings(max_examples=size(8, 50), deadline=None)
@example(left=2, waves=[[(0, True), (0, False), (1, False)]], then="refuse", is_read=False)
@given(
    left=st.integers(0, 4),
    waves=st.lists(st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=6), min_size=1, max_size=3),
    then=st.sampled_from(["refuse", "queue", "cached_only"]),
    is_read=st.booleans(),
)
def test_however_requests_come_at_the_border_no_run_is_started_beyond_the_limit(
    left: int, waves: list[list[tuple[int, bool]]], then: Any, is_read: bool
) -> None:
    """Requests of eight projects in waves, some with no-cache, while the exporter reads the runs or does not."""

    async def story(world: World, projects: list[str]) -> None:
        requested: set[str] = set()
        for wave in waves:
            fresh = {True: {"Cache_Control": "no-cache"}, False: {}}
            answers = await together(*(world.run(projects[number], **fresh[forced]) for number, forced in wave))
            requested |= {projects[number] for number, _ in wave}
            assert {answer.status_code for answer in answers} <= {201, 429}
            if is_read:
                for project in requested:
                    world.read_runs(project)
            assert world.started() <= left
        # A request that came beside one that then joined a run may have been refused; one that comes later is not.
        for project in sorted(requested):
            await world.run(project)
        assert min(left, len(requested)) <= world.started() <= left

    live(story, limit=left, then=then)
