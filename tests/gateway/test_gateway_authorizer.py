"""The rights of a caller of many projects are read once for all of them; each failure stays with its own project."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from gateway_world import ALICE, BOB, EVE, World, opened, together
from helpers.virtual import LoopClock, in_virtual_time

from exporter.config import Policy
from exporter.simulator import Fault, Token, Tokens
from exporter.simulator.api_call import Call
from exporter.simulator.tokens import ALL_SCOPES, Scope

pytestmark = pytest.mark.usefixtures("all_runs_complete")

RUNS = Policy(min_interval_seconds=3_600)
Story = Callable[[World, list[str]], Coroutine[Any, Any, None]]


def play(story: Story, *, many: int = 8, projects: int = 40, **settings: Any) -> None:
    """Live through a story about many projects, of each of which the caller has a result that answers for an hour."""

    async def live(clock: LoopClock) -> None:
        async with opened(clock, policies=(RUNS,), run_seconds=1, projects=projects, **settings) as world:
            chosen = world.projects[:many]
            for project in chosen:
                run_id = (await world.run(project)).json()["runId"]
                assert await world.ended(project, run_id) == "COMPLETED"
                await asyncio.sleep(30)
            await asyncio.sleep(300)
            world.sent.clear()
            world.service.tally.clear()
            await story(world, chosen)

    in_virtual_time(live)


async def all_run(world: World, projects: list[str], token: str = ALICE) -> list[int]:
    return [answer.status_code for answer in await together(*(world.run(one, token=token) for one in projects))]


def questions(world: World) -> tuple[int, int]:
    """How often one project was read from Hex, and a page of all."""
    return world.requested("project"), world.requested("projects")


@pytest.mark.slow
def test_hits_on_many_projects_cost_one_question() -> None:
    async def story(world: World, projects: list[str]) -> None:
        assert await all_run(world, projects) == [201] * 8
        assert questions(world) == (0, 1)
        assert {headers["authorization"] for _, _, headers in world.sent} == {f"Bearer {ALICE}"}
        await asyncio.sleep(61)
        for project in projects:
            assert (await world.run(project)).headers["X-Hex-Exporter-Cache"] == "hit"
        assert questions(world) == (0, 2)

    play(story)


def test_two_projects_are_read_one_by_one() -> None:
    async def story(world: World, projects: list[str]) -> None:
        assert await all_run(world, projects) == [201] * 2
        assert questions(world) == (2, 0)

    play(story, many=2)


@pytest.mark.slow
def test_a_new_version_is_seen_by_way_of_the_listing() -> None:
    async def story(world: World, projects: list[str]) -> None:
        await all_run(world, projects)
        await asyncio.sleep(61)
        before, now_ms = world.simulation.published_ms, world.now_ms
        world.simulation.published_ms = lambda item, at_ms: (  # type: ignore[method-assign]
            now_ms if item.project_id == projects[5] else before(item, at_ms)
        )
        answers = await together(*(world.run(one) for one in projects))
        assert [one.headers["X-Hex-Exporter-Cache"] for one in answers] == ["hit"] * 5 + ["miss"] + ["hit"] * 2
        assert questions(world) == (0, 2)

    play(story)


@pytest.mark.slow
def test_a_listing_proves_nothing_for_another_token() -> None:
    async def story(world: World, projects: list[str]) -> None:
        await all_run(world, projects)
        world.sent.clear()
        assert await all_run(world, projects, token=EVE) == [401] * 8
        assert world.started() == 8
        assert {headers["authorization"] for _, _, headers in world.sent} == {f"Bearer {EVE}"}

    known = {ALICE: Token(account=ALICE, is_workspace=True)}
    play(story, tokens=Tokens(known))


@pytest.mark.slow
def test_a_project_that_the_listing_hides_is_not_there_for_the_caller() -> None:
    known = {ALICE: Token(account=ALICE, is_workspace=True)}

    async def story(world: World, projects: list[str]) -> None:
        people = [one for one in world.simulation.staff.people if one.role == "editor"]
        departments = {project: world.simulation.by_id[project].department for project in projects}
        person = next(one for one in people if one.department in departments.values())
        known[BOB] = Token(account=BOB, is_workspace=False, user_id=person.user_id)
        statuses = await all_run(world, projects, token=BOB)
        seen = [
            world.simulation.by_id[one].owner_email == person.email or departments[one] == person.department
            for one in projects
        ]
        assert set(seen) == {True, False}
        assert [status == 404 for status in statuses] == [not one for one in seen]

    play(story, tokens=Tokens(known))


@pytest.mark.slow
def test_a_token_whose_right_to_one_project_has_ended_is_refused_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World, projects: list[str]) -> None:
        await all_run(world, projects)
        await asyncio.sleep(61)
        monkeypatch.setattr(Call, "can_see", lambda call, project: project.project_id != projects[2])
        assert await all_run(world, projects) == [201, 201, 404, 201, 201, 201, 201, 201]

    play(story)


@pytest.mark.slow
def test_for_a_caller_that_may_not_list_each_project_is_read_and_no_listing_soon() -> None:
    async def story(world: World, projects: list[str]) -> None:
        world.faults.add(Fault(kind="403", endpoint="projects"))
        assert await all_run(world, projects) == [201] * 8
        assert questions(world) == (8, 1)
        await asyncio.sleep(61)
        assert await all_run(world, projects) == [201] * 8
        assert questions(world) == (16, 1)
        world.faults.clear()
        await asyncio.sleep(600)
        assert await all_run(world, projects) == [201] * 8
        assert questions(world) == (16, 2)

    play(story)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["500", "html", "empty", "reset", "nulls", "loop", "missing_pagination", "slow"])
def test_a_bad_listing_keeps_no_caller_from_a_result(kind: str) -> None:
    async def story(world: World, projects: list[str]) -> None:
        world.faults.add(Fault(kind=kind, endpoint="projects", seconds=45))
        assert await all_run(world, projects) == [201] * 8

    play(story)


@pytest.mark.slow
def test_a_slow_listing_is_waited_for_once_and_not_again() -> None:
    async def story(world: World, projects: list[str]) -> None:
        world.faults.add(Fault(kind="slow", endpoint="projects", seconds=45))
        began = world.clock.monotonic()
        assert await all_run(world, projects) == [201] * 8
        assert world.clock.monotonic() - began == pytest.approx(10, abs=1)
        await asyncio.sleep(120)
        began = world.clock.monotonic()
        assert await all_run(world, projects) == [201] * 8
        assert world.clock.monotonic() - began < 1
        assert questions(world) == (16, 1)

    play(story)


@pytest.mark.slow
def test_a_project_that_is_not_listed_is_read_by_itself_from_then_on() -> None:
    async def story(world: World, projects: list[str]) -> None:
        world.service.state = "october"
        hidden = sum(world.simulation.by_id[one].is_unlisted for one in projects)
        assert hidden > 0
        for times in (1, 2, 3):
            assert set(await all_run(world, projects)) == {201}
            assert questions(world) == (times * hidden, times)
            await asyncio.sleep(61)

    play(story, many=40)


@pytest.mark.slow
def test_a_workspace_of_many_pages_is_not_listed_for_a_few_projects() -> None:
    async def story(world: World, projects: list[str]) -> None:
        assert await all_run(world, projects[:4]) == [201] * 4
        assert questions(world) == (4, 0)
        await asyncio.sleep(300)
        assert await all_run(world, projects) == [201] * 8
        assert questions(world) == (4, 4)

    play(story, projects=350)


@pytest.mark.slow
def test_a_429_of_a_listing_is_waited_out() -> None:
    async def story(world: World, projects: list[str]) -> None:
        world.faults.add(Fault(kind="429", endpoint="projects", count=1, retry_after=15))
        assert await all_run(world, projects) == [201] * 8
        assert questions(world) == (0, 2)
        assert await world.counted("hex_gateway_absorbed_total") == {("rate_limit",): 1}

    play(story)


@pytest.mark.slow
def test_who_may_run_but_not_read_gets_hexs_answer() -> None:
    known = {
        ALICE: Token(account=ALICE, is_workspace=True),
        BOB: Token(account=BOB, is_workspace=True, scopes=ALL_SCOPES - {Scope.READ_PROJECTS}),
    }

    async def story(world: World, projects: list[str]) -> None:
        assert set(await all_run(world, projects, token=BOB)) == {403}

    play(story, tokens=Tokens(known))
