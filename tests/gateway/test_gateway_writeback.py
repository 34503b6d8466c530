"""Projects that write to a database when they run: a hit would skip the write, so that each request runs."""

import asyncio
import threading
from typing import Any

import pytest
from gateway_world import ALICE, World, cache, completed, file_source, play
from helpers.sizes import size
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from exporter.config import Failures, Policy
from exporter.facts import ExportedCell, ProjectVersion
from exporter.gateway import explain
from exporter.simulator.timeline import Timeline

SOURCE = file_source(every_seconds=300)


def known_version(
    world: World, project_id: str, *, writes: bool | None, published_ms: int | None = None, is_from_file: bool = False
) -> None:
    """What the exporter's own polling does when it has read what is published of a project."""
    shown = next(one for one in world.simulation.projects if one.project_id == project_id)
    cells = None if writes is None else (ExportedCell(cell_id="c", cell_type="writeback", writes=writes),)
    version = ProjectVersion(project_id=project_id, version="latest", cells=cells, is_from_file=is_from_file)
    published_ms = world.simulation.published_ms(shown, world.now_ms) if published_ms is None else published_ms
    world.ledger.record_version(version, published_ms, world.now_ms)


async def twice(world: World, project: str, **headers: str) -> tuple[Any, Any]:
    """Two requests for unchanged data, the second after the run of the first."""
    world.probe(SOURCE, project, "state-1")
    return await completed(world, project, **headers), await completed(world, project, **headers)


@pytest.mark.parametrize("writes", [True, None])
def test_a_project_that_writes_or_may_write_runs_each_time(writes: bool | None) -> None:
    async def story(world: World, project: str) -> None:
        known_version(world, project, writes=writes)
        for answer in await twice(world, project):
            assert cache(answer) == "bypass"
            assert "writeback" in answer.headers["X-Hex-Exporter-Reason"]
        assert world.started(project) == 2
        assert await world.counted("hex_gateway_requests_total") == {("bypass",): 2}
        assert await world.counted("hex_cache_lookups_total") == {}

    play(story, sources=(SOURCE,), exports=True)


def test_one_whose_cells_are_known_to_write_nothing_is_a_hit() -> None:
    async def story(world: World, project: str) -> None:
        known_version(world, project, writes=False)
        assert [cache(one) for one in await twice(world, project)] == ["miss", "hit"]

    play(story, sources=(SOURCE,), exports=True)


def test_one_of_which_nothing_was_read_runs_while_it_may_be_read() -> None:
    async def story(world: World, project: str) -> None:
        assert [cache(one) for one in await twice(world, project)] == ["bypass", "bypass"]
        world.ledger.record_collector("export", False, world.now_ms, 403)  # the token may not export
        assert cache(await world.run(project)) == "hit"

    play(story, sources=(SOURCE,), exports=True)


@pytest.mark.parametrize("status", [500, 401, 429, None])
def test_it_may_still_be_read_while_hex_only_fails_or_a_token_has_ended(status: int | None) -> None:
    async def story(world: World, project: str) -> None:
        world.ledger.record_collector("export", False, world.now_ms, status)
        assert [cache(one) for one in await twice(world, project)] == ["bypass", "bypass"]

    play(story, sources=(SOURCE,), exports=True)


@pytest.mark.slow
@pytest.mark.parametrize("exports", [True, False])
def test_what_is_known_to_write_runs_also_where_versions_are_read_no_more(exports: bool) -> None:
    async def story(world: World, project: str) -> None:
        known_version(world, project, writes=True)
        world.ledger.record_collector("export", False, world.now_ms, 403)
        assert [cache(one) for one in await twice(world, project)] == ["bypass", "bypass"]

    play(story, sources=(SOURCE,), exports=exports)


@pytest.mark.parametrize("writes", [True, None])
def test_one_that_wrote_when_it_was_read_last_runs_while_its_new_version_cannot_be_read(writes: bool | None) -> None:
    async def story(world: World, project: str) -> None:
        known_version(world, project, writes=writes, published_ms=1)
        world.ledger.record_collector("export", False, world.now_ms, 403)
        for answer in await twice(world, project):
            assert cache(answer) == "bypass"
            assert "writeback" in answer.headers["X-Hex-Exporter-Reason"]

    play(story, sources=(SOURCE,), exports=True)


def test_of_two_old_versions_the_newest_decides_while_the_published_one_cannot_be_read() -> None:
    async def story(world: World, project: str) -> None:
        world.ledger.record_collector("export", False, world.now_ms, 403)
        for number, writes in ((9, True), (10, False)):
            cells = (ExportedCell(cell_id="c", cell_type="writeback", writes=writes),)
            world.ledger.record_version(
                ProjectVersion(project_id=project, version=str(number), cells=cells), None, world.now_ms
            )
        assert [cache(one) for one in await twice(world, project)] == ["miss", "hit"]

    play(story, sources=(SOURCE,), exports=True)


def test_one_of_which_no_file_came_runs_while_files_are_looked_for() -> None:
    async def story(world: World, project: str) -> None:
        assert [cache(one) for one in await twice(world, project)] == ["bypass", "bypass"]

    play(story, sources=(SOURCE,), exports=False, export_paths=("/repository/**/*.hex.yaml",))


@pytest.mark.parametrize(("exports", "expected"), [(True, ["bypass", "bypass"]), (False, ["miss", "hit"])])
def test_what_a_file_says_is_confirmed_by_hex_where_it_can_be(exports: bool, expected: list[str]) -> None:
    """A clone's files have the time of the checkout: they may be older than what is published."""

    async def story(world: World, project: str) -> None:
        known_version(world, project, writes=False, is_from_file=True)
        assert [cache(one) for one in await twice(world, project)] == expected

    play(story, sources=(SOURCE,), exports=exports, export_paths=("/repository/**/*.hex.yaml",))


def test_one_that_always_fails_is_not_run_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(world: World, project: str) -> None:
        known_version(world, project, writes=True)
        planned = Timeline.plan
        monkeypatch.setattr(Timeline, "plan", lambda *known: planned(*known)._replace(outcome="errored"))
        for _ in range(2):
            answer = await world.run(project)
            assert await world.ended(project, answer.json()["runId"]) == "ERRORED"
        assert (await world.run(project)).status_code == 429
        assert cache(await world.run(project, Cache_Control="no-cache")) == "bypass"

    play(story, exports=True, policies=(Policy(failures=Failures(most=2, within_seconds=3600)),))


@pytest.mark.parametrize("is_published", [True, False])
def test_requests_that_wait_while_it_comes_to_write_run_each_on_their_own(
    monkeypatch: pytest.MonkeyPatch, is_published: bool
) -> None:
    async def story(world: World, project: str) -> None:
        known_version(world, project, writes=False)
        other = world.projects[4]
        await world.run(other)
        waiting = [asyncio.ensure_future(world.run(project)) for _ in range(2)]
        await asyncio.sleep(2)
        if is_published:
            monkeypatch.setattr(world.simulation, "published_ms", lambda *_: world.now_ms - 1000)
            url = f"/api/v1/projects/{project}"
            assert (await world.client.get(url, headers={"Authorization": f"Bearer {ALICE}"})).status_code == 200
        else:
            known_version(world, project, writes=True)
        answers = await asyncio.gather(*waiting)
        assert len({answer.json()["runId"] for answer in answers}) == 2
        assert not {"hit", "joined"} & {cache(answer) for answer in answers}
        assert world.started(project) == 2

    play(story, exports=True, concurrency=1, run_seconds=10.0)


def test_a_policy_may_let_writes_be_left_out() -> None:
    async def story(world: World, project: str) -> None:
        known_version(world, project, writes=True)
        assert [cache(one) for one in await twice(world, project)] == ["miss", "hit"]

    play(story, sources=(SOURCE,), exports=True, policies=(Policy(writeback="skip_ok"),))


def test_after_another_publication_its_cells_are_not_known() -> None:
    async def story(world: World, project: str) -> None:
        known_version(world, project, writes=False, published_ms=1)
        assert [cache(one) for one in await twice(world, project)] == ["bypass", "bypass"]

    play(story, sources=(SOURCE,), exports=True)


def test_requests_at_the_same_time_share_no_run() -> None:
    async def story(world: World, project: str) -> None:
        known_version(world, project, writes=True)
        answers = await asyncio.gather(*(world.run(project) for _ in range(3)))
        assert [cache(one) for one in answers] == ["bypass"] * 3
        assert len({one.json()["runId"] for one in answers}) == 3

    play(story, exports=True, limits=None)


def test_a_request_that_waits_for_its_turn_is_given_no_result_once_the_project_writes() -> None:
    """It was no writeback project when the request came; by its turn the first run has completed, and it is one."""

    async def story(world: World, project: str) -> None:
        known_version(world, project, writes=False)
        world.probe(SOURCE, project, "state-1")
        first = await world.run(project)
        assert cache(first) == "miss"
        known_version(world, project, writes=True)
        assert await world.ended(project, first.json()["runId"]) == "COMPLETED"
        assert cache(await world.run(project)) == "bypass"

    play(story, sources=(SOURCE,), exports=True)


def test_explain_says_so() -> None:
    async def story(world: World, project: str) -> None:
        known_version(world, project, writes=True)
        found = explain(world.config, world.ledger, project, {}, world.now_ms)
        assert found is not None
        assert found.outcome == "bypass"
        assert "writes to a database" in found.reason

    play(story, sources=(SOURCE,), exports=True)


_EVENTS = st.lists(
    st.one_of(
        st.just(("request",)),
        st.just(("request",)),
        st.tuples(st.just("version"), st.sampled_from((True, False, None))),
        st.tuples(st.just("file"), st.sampled_from((True, False))),
        st.just(("published",)),
        st.tuples(st.just("export"), st.sampled_from((200, 401, 403, 404, 500))),
        st.tuples(st.just("probe"), st.sampled_from(("a", "b"))),
        st.tuples(st.just("sleep"), st.sampled_from((1.0, 30.0))),
        st.just(("restart",)),
    ),
    min_size=3,
    max_size=14,
)


@pytest.mark.slow
@settings(max_examples=size(12, 100), deadline=None)
@given(_EVENTS)
def test_in_any_order_of_events_no_writeback_project_is_answered_without_a_run_of_its_own(events: list[Any]) -> None:
    async def story(world: World, project: str) -> None:
        writes: bool | None = None  # what is known of what is published
        last: bool | None = False  # what was known last of any version
        is_refused, is_of_a_file = False, True
        for name, *arguments in events:
            match name:
                case "request":
                    started = world.started(project)
                    answer = await world.run(project, token=ALICE)
                    is_safe = writes is False and (is_refused or not is_of_a_file)
                    is_unknowable = writes is None and is_refused and last is False
                    if answer.status_code == 201 and not is_safe and not is_unknowable:
                        assert cache(answer) == "bypass"
                        assert world.started(project) == started + 1
                case "version":
                    (writes,) = arguments
                    last, is_of_a_file = writes, False
                    known_version(world, project, writes=writes)
                case "file" if writes is None:  # a file does not replace what Hex said of the same publication
                    (writes,) = arguments
                    last, is_of_a_file = writes, True
                    known_version(world, project, writes=writes, is_from_file=True)
                case "published":  # by the exporter's polling, another version: what was read is of an older one
                    writes = None
                    known_version(world, project, writes=last, published_ms=1)
                case "export":
                    (status,) = arguments
                    is_refused = status in (403, 404)
                    world.ledger.record_collector("export", status == 200, world.now_ms, status)
                case "probe":
                    world.probe(SOURCE, project, arguments[0])
                case "sleep":
                    await asyncio.sleep(arguments[0])
                case "restart":
                    await world.kill()
                    await world.restart()

    play(story, sources=(SOURCE,), exports=True)


@pytest.mark.parametrize("exports", [True, False])
def test_what_a_component_does_is_not_seen_and_may_be_a_write(exports: bool) -> None:
    async def story(world: World, project: str) -> None:
        shown = next(one for one in world.simulation.projects if one.project_id == project)
        cells = (ExportedCell(cell_id="c", cell_type="component_import", component_id="other", writes=False),)
        version = ProjectVersion(project_id=project, version="latest", cells=cells)
        world.ledger.record_version(version, world.simulation.published_ms(shown, world.now_ms), world.now_ms)
        for answer in await twice(world, project):
            assert cache(answer) == "bypass"
            assert "component" in answer.headers["X-Hex-Exporter-Reason"]

    play(story, sources=(SOURCE,), exports=exports)


def test_a_run_request_reads_nothing_from_the_disk() -> None:
    """While an import writes the ledger, each read of it would hold every request up."""

    async def story(world: World, project: str) -> None:
        world.ledger.record_collector("export", False, world.now_ms, 403)
        await twice(world, project)
        statements: list[str] = []
        loop_thread = threading.get_ident()

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if threading.get_ident() == loop_thread:
                statements.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            assert cache(await world.run(project)) == "hit"
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        assert not statements

    play(story, sources=(SOURCE,), exports=True)
