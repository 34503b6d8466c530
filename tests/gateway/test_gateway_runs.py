"""Run requests through the gateway: which start a run, which are answered by one that is there, and for whom."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import httpx
import pytest
from gateway_world import ALICE, BOB, EVE, HEX, World, bearer, file_source, opened, together
from helpers.virtual import LoopClock, in_virtual_time

from exporter.config import Match, Policy, Sample
from exporter.simulator import Fault, Token, Tokens
from exporter.simulator.tokens import ALL_SCOPES

SOURCE = file_source(every_seconds=300)
Story = Callable[[World, str], Coroutine[Any, Any, None]]


def tell(story: Story, **settings: Any) -> None:
    """Live through a story about one project that can be run and whose runs complete."""

    async def live(clock: LoopClock) -> None:
        async with opened(clock, **settings) as world:
            await story(world, world.projects[3])

    in_virtual_time(live)


def cache(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    return answer.headers["X-Hex-Exporter-Cache"]


async def completed(world: World, project: str, body: object = None, **more: Any) -> httpx.Response:
    """A run request whose run has completed."""
    answer = await world.run(project, body, **more)
    assert answer.status_code == 201, answer.text
    assert await world.ended(project, answer.json()["runId"], token=more.get("token", ALICE)) == "COMPLETED"
    return answer


class TestHits:
    def test_an_identical_request_after_the_end_is_given_the_same_run(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await completed(world, project, {"inputParams": {"a": 1, "b": 2}})
            second = await world.run(project, {"inputParams": {"b": 2.0, "a": 1}})
            assert (cache(first), cache(second)) == ("miss", "hit")
            assert second.json() == first.json()
            assert first.json()["runStatusUrl"].startswith("https://gateway.test/api/v1/projects/")
            assert world.started() == 1
            assert await world.counted("hex_cache_lookups_total") == {(project,): 2}
            assert await world.counted("hex_cache_hits_total") == {(project,): 1}
            assert await world.counted("hex_gateway_requests_total") == {("miss",): 1, ("hit",): 1}
            assert await world.counted("hex_cache_saved_seconds_total") == {(project,): 20_000}

        tell(story, sources=(SOURCE,))

    def test_the_singular_path_of_older_clients_is_the_same_request(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await completed(world, project)
            second = await world.client.post(f"/api/v1/project/{project}/run", headers=bearer(ALICE))
            assert cache(second) == "hit"
            assert second.json()["runId"] == first.json()["runId"]

        tell(story, sources=(SOURCE,))

    def test_a_project_without_a_source_runs_each_time(self) -> None:
        async def story(world: World, project: str) -> None:
            assert cache(await completed(world, project)) == "miss"
            assert cache(await completed(world, project)) == "miss"
            assert world.started() == 2

        tell(story)

    def test_a_changed_source_runs_again(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            world.probe(SOURCE, project, "state-2")
            assert cache(await world.run(project)) == "miss"

        tell(story, sources=(SOURCE,))

    def test_a_source_that_changed_and_changed_back_runs_again(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            world.probe(SOURCE, project, "state-2")
            await asyncio.sleep(1)
            world.probe(SOURCE, project, "state-1")
            assert cache(await world.run(project)) == "miss"
            assert await world.counted("hex_gateway_stale_hits_total") == {}

        tell(story, sources=(SOURCE,))

    def test_a_probe_that_ended_after_the_run_was_sent_vouches_for_nothing(self) -> None:
        async def story(world: World, project: str) -> None:
            await completed(world, project)
            world.probe(SOURCE, project, "state-1", seconds=1000)
            await asyncio.sleep(5)
            world.probe(SOURCE, project, "state-1")
            assert cache(await world.run(project)) == "miss"

        tell(story, sources=(SOURCE,))

    def test_a_source_that_was_not_probed_for_longer_than_its_interval_is_not_relied_on(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            await asyncio.sleep(301)
            assert cache(await world.run(project)) == "miss"

        tell(story, sources=(SOURCE,))

    def test_a_source_whose_probe_fails_is_not_relied_on(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            world.ledger.sources.record_failure(SOURCE.key(project), "no such file", world.now_ms)
            assert cache(await world.run(project)) == "miss"

        tell(story, sources=(SOURCE,))

    def test_a_result_older_than_max_age_is_not_given(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            await asyncio.sleep(3_590 - 40)
            world.probe(SOURCE, project, "state-1")
            assert cache(await world.run(project)) == "hit"
            await asyncio.sleep(60)
            world.probe(SOURCE, project, "state-1")
            assert cache(await world.run(project)) == "miss"

        tell(story, sources=(SOURCE,), policies=(Policy(max_age_seconds=3_600),))

    def test_another_published_version_runs_again(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            simulated = world.simulation.by_id[project]
            world.ledger.record_projects(
                [one.project for one in world.ledger.projects() if one.project.project_id != project]
                + [_published(simulated, world.now_ms)],
                world.now_ms,
            )
            assert cache(await world.run(project)) == "miss"

        tell(story, sources=(SOURCE,))

    def test_other_parameters_or_another_view_are_another_request(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project, {"inputParams": {"day": "2026-11-23"}})
            assert cache(await completed(world, project, {"inputParams": {"day": "2026-11-24"}})) == "miss"
            assert cache(await completed(world, project, {"viewId": "one"})) == "miss"
            assert cache(await completed(world, project, {"updatePublishedResults": True})) == "miss"
            assert cache(await world.run(project, {"inputParams": {"day": "2026-11-23"}, "dryRun": False})) == "hit"

        tell(story, sources=(SOURCE,))

    def test_a_run_that_failed_answers_nobody(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await world.run(project)
            assert (await world.cancel(project, first.json()["runId"])).status_code == 204
            assert cache(await world.run(project)) == "miss"

        tell(story, sources=(SOURCE,))

    def test_results_survive_a_restart(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await completed(world, project)
            await world.kill()
            await world.restart()
            second = await world.run(project)
            assert cache(second) == "hit"
            assert second.json() == first.json()

        tell(story, sources=(SOURCE,))

    def test_an_independent_look_refuses_and_counts_a_hit_older_than_a_change(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            book = world.ledger.sources
            (key, state) = next(iter(book.states().items()))
            # Facts that contradict each other: the same digest since before, and yet a change since.
            book._replace({key: replace(state, changed_ms=world.now_ms)})
            assert cache(await world.run(project)) == "miss"
            assert (await world.counted("hex_gateway_stale_hits_total"))[()] >= 1

        tell(story, sources=(SOURCE,))


class TestBypass:
    @pytest.mark.parametrize(
        ("body", "headers"),
        [
            ({"useCachedSqlResults": False}, {}),
            ({"updateCache": True}, {}),
            ({"notifications": [{"type": "ALL"}]}, {}),
            ({"somethingNew": 1}, {}),
            (None, {"Cache_Control": "no-cache"}),
        ],
    )
    def test_a_request_that_asks_for_a_run_of_its_own_gets_one(self, body: object, headers: dict[str, str]) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project, body, **headers)
            first, second = await together(world.run(project, body, **headers), world.run(project, body, **headers))
            assert (cache(first), cache(second)) == ("bypass", "bypass")
            assert world.started() == 3
            assert await world.counted("hex_gateway_requests_total") == {("bypass",): 3}
            assert await world.counted("hex_cache_lookups_total") == {}

        tell(story, sources=(SOURCE,))

    def test_a_run_that_was_asked_for_with_no_cache_answers_later_requests(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await completed(world, project, Cache_Control="no-cache")
            second = await world.run(project)
            assert (cache(first), cache(second)) == ("bypass", "hit")

        tell(story, sources=(SOURCE,))

    def test_a_dry_run_takes_no_place_and_answers_nobody(self) -> None:
        async def story(world: World, project: str) -> None:
            for _ in range(5):
                assert cache(await world.run(project, {"dryRun": True})) == "bypass"
            assert world.gateway.state.active_runs == 0
            await world.kill()
            await world.restart()
            assert world.gateway.state.active_runs == 0
            assert cache(await world.run(project)) == "miss"

        tell(story, concurrency=1)


class TestJoins:
    def test_identical_requests_at_once_share_one_run(self) -> None:
        async def story(world: World, project: str) -> None:
            answers = await together(*(world.run(project) for _ in range(5)))
            assert Counter(map(cache, answers)) == {"miss": 1, "joined": 4}
            assert len({answer.json()["runId"] for answer in answers}) == 1
            assert world.started() == 1
            await asyncio.sleep(5)
            assert cache(await world.run(project)) == "joined"
            assert await world.counted("hex_cache_lookups_total") == {(project,): 6}
            assert await world.counted("hex_cache_hits_total") == {(project,): 5}

        tell(story)

    def test_a_request_after_the_end_is_not_joined(self) -> None:
        async def story(world: World, project: str) -> None:
            await completed(world, project)
            assert cache(await world.run(project)) == "miss"

        tell(story)

    def test_a_request_under_another_state_of_the_source_is_not_joined(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            assert cache(await world.run(project)) == "miss"
            world.probe(SOURCE, project, "state-2")
            assert cache(await world.run(project)) == "miss"

        tell(story, sources=(SOURCE,))

    def test_a_run_that_is_on_is_joined_after_a_restart(self) -> None:
        async def story(world: World, project: str) -> None:
            first = await world.run(project)
            await world.kill()
            await world.restart()
            second = await world.run(project)
            assert cache(second) == "joined"
            assert second.json() == first.json()

        tell(story)

    def test_those_who_wait_behind_a_run_with_the_same_fingerprint_are_given_it(self) -> None:
        async def story(world: World, project: str) -> None:
            other = world.projects[4]
            before = await world.run(other)
            polling = asyncio.ensure_future(world.ended(other, before.json()["runId"]))
            waiting = [asyncio.ensure_future(world.run(project, token=token)) for token in (ALICE, BOB)]
            answers = await together(*waiting)
            assert Counter(map(cache, answers)) == {"miss": 1, "joined": 1}
            assert world.started(project) == 1
            await polling

        tell(story, concurrency=1, run_seconds=10, policies=(Policy(shared=True),))

    def test_a_request_whose_turn_comes_after_the_same_run_has_ended_is_given_its_result(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await world.run(project)
            # Hex takes so long to say that Bob may read the run that it has ended by then.
            world.faults.add(Fault(kind="slow", endpoint="run_status", count=1, seconds=30))
            second = asyncio.ensure_future(world.run(project, token=BOB))
            await asyncio.sleep(0.5)
            assert await world.ended(project, first.json()["runId"]) == "COMPLETED"
            assert cache(await second) == "hit"
            assert world.started() == 1
            assert await world.counted("hex_gateway_requests_total") == {("miss",): 1, ("hit",): 1}

        tell(story, sources=(SOURCE,), policies=(Policy(shared=True),))

    def test_a_run_is_recorded_with_the_state_of_the_source_when_it_is_sent(self) -> None:
        async def story(world: World, project: str) -> None:
            other = world.projects[4]
            world.probe(SOURCE, project, "state-1")
            before = await world.run(other)
            waiting = asyncio.ensure_future(world.run(project))
            await asyncio.sleep(5)
            world.probe(SOURCE, project, "state-2")
            await world.ended(other, before.json()["runId"])
            second = await waiting
            assert cache(second) == "miss"
            await world.ended(project, second.json()["runId"])
            assert cache(await world.run(project)) == "hit"

        tell(story, sources=(SOURCE,), concurrency=1)


class TestRights:
    """Eve's token is well-formed, but Hex does not accept it, or does not let it see the project."""

    @staticmethod
    def tokens(**more: Token) -> Tokens:
        known = {ALICE: Token(account=ALICE, is_workspace=True), BOB: Token(account=BOB, is_workspace=True)}
        return Tokens(known | more)

    def test_a_token_that_hex_does_not_know_gets_hexs_401_at_every_step(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            run_id = (await completed(world, project)).json()["runId"]
            running = (await world.run(project, {"viewId": "x"})).json()["runId"]
            before = world.started()
            answers = [
                await world.run(project, token=EVE),
                await world.run(project, {"viewId": "x"}, token=EVE),
                await world.status(project, run_id, token=EVE),
                await world.status(project, running, token=EVE),
                await world.cancel(project, running, token=EVE),
                await world.client.get(f"/gateway/v1/projects/{project}/source", headers=bearer(EVE)),
                await world.client.get(f"/api/v1/projects/{project}", headers=bearer(EVE)),
            ]
            assert [answer.status_code for answer in answers] == [401] * len(answers)
            assert {answer.text for answer in answers} == {"Unauthorized"}
            assert all("invalid_token" in answer.headers["WWW-Authenticate"] for answer in answers)
            assert world.started() == before
            assert world.simulation.find_run(project, running).status(world.now_ms) in ("pending", "running")
            # Nothing of it is remembered or counted.
            assert (await world.counted("hex_cache_lookups_total")).total() == 2
            assert (await world.counted("hex_gateway_requests_total")).total() == 2
            assert world.gateway.state.queue_length == 0

        tell(story, sources=(SOURCE,), tokens=self.tokens(), policies=(Policy(shared=True),))

    def test_a_project_that_the_token_may_not_see_is_hexs_404(self) -> None:
        known: dict[str, Token] = {ALICE: Token(account=ALICE, is_workspace=True)}

        async def story(world: World, project: str) -> None:
            simulated = world.simulation.by_id[project]
            stranger = next(
                person
                for person in world.simulation.staff.people
                if person.role == "editor" and person.department != simulated.department
            )
            known[EVE] = Token(account=EVE, is_workspace=False, user_id=stranger.user_id)
            world.probe(SOURCE, project, "state-1")
            run_id = (await completed(world, project)).json()["runId"]
            for answer in (await world.run(project, token=EVE), await world.status(project, run_id, token=EVE)):
                assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")

        tell(story, sources=(SOURCE,), tokens=Tokens(known), policies=(Policy(shared=True),))

    def test_a_token_without_the_right_to_run_is_given_no_result_of_others(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            answer = await world.run(project, token=EVE)
            assert answer.status_code == 403
            assert "X-Hex-Exporter-Cache" not in answer.headers

        reader = Token(
            account=EVE, is_workspace=True, scopes=frozenset({scope for scope in ALL_SCOPES if "run" not in scope})
        )
        tell(story, sources=(SOURCE,), tokens=self.tokens(**{EVE: reader}))

    def test_another_token_is_given_the_result_only_once_hex_has_let_it_start_the_project(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            assert cache(await completed(world, project, token=BOB)) == "miss"
            assert cache(await world.run(project, token=BOB)) == "hit"

        tell(story, sources=(SOURCE,))

    def test_a_shared_result_is_given_to_a_token_that_may_read_the_run(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await completed(world, project)
            second = await world.run(project, token=BOB)
            assert cache(second) == "hit"
            assert second.json()["runId"] == first.json()["runId"]
            asked = [(path, headers["authorization"]) for method, path, headers in world.sent if method == "GET"]
            assert (f"/api/v1/projects/{project}/runs/{first.json()['runId']}", f"Bearer {BOB}") in asked

        tell(story, sources=(SOURCE,), policies=(Policy(shared=True),))

    def test_a_run_of_another_token_is_not_joined_without_the_right_to_it(self) -> None:
        async def story(world: World, project: str) -> None:
            first = await world.run(project)
            second = asyncio.ensure_future(world.run(project, token=BOB))
            await asyncio.sleep(10)
            assert not second.done()
            assert await world.ended(project, first.json()["runId"]) == "COMPLETED"
            assert cache(await second) == "miss"
            assert world.started(project) == 2

        tell(story)

    def test_a_proof_is_asked_again_after_a_minute(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            await world.run(project)
            before = world.asked("project")
            await world.run(project)
            assert world.asked("project") == before
            await asyncio.sleep(61)
            world.probe(SOURCE, project, "state-1")
            await world.run(project)
            assert world.asked("project") == before + 1

        tell(story, sources=(SOURCE,))

    @pytest.mark.parametrize("authorization", [None, "", "Basic abc", "Bearer", "Bearer ", "Bearer two words"])
    def test_without_a_token_hex_is_not_even_asked(self, authorization: str | None) -> None:
        async def story(world: World, project: str) -> None:
            headers = {} if authorization is None else {"Authorization": authorization}
            answer = await world.client.post(f"/api/v1/projects/{project}/runs", headers=headers)
            assert (answer.status_code, answer.text) == (401, "Unauthorized")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert world.sent == []

        tell(story)

    def test_no_token_is_in_the_ledger(self, tmp_path: Any) -> None:
        path = tmp_path / "ledger.db"

        async def story(world: World, project: str) -> None:
            await completed(world, project)
            await world.counted("hex_cache_lookups_total")

        tell(story, url=f"sqlite:///{path}")
        found = b"".join(one.read_bytes() for one in tmp_path.iterdir())
        assert ALICE.encode() not in found
        assert ALICE[5:].encode() not in found


class TestPolicies:
    def test_min_interval_answers_whatever_the_source_says(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await completed(world, project)
            world.probe(SOURCE, project, "state-2")
            second = await world.run(project)
            assert cache(second) == "hit"
            assert second.json() == first.json()
            await asyncio.sleep(3_600)
            assert cache(await world.run(project)) == "miss"
            assert await world.counted("hex_gateway_stale_hits_total") == {}

        tell(story, sources=(SOURCE,), policies=(Policy(min_interval_seconds=3_600),))

    def test_unchanged_for_stands_in_for_a_source(self) -> None:
        async def story(world: World, project: str) -> None:
            await completed(world, project)
            assert cache(await world.run(project)) == "hit"
            await asyncio.sleep(600)
            assert cache(await world.run(project)) == "miss"

        tell(story, policies=(Policy(unchanged_for_seconds=600),))

    def test_unchanged_for_gives_way_to_a_source_that_is_known(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            world.probe(SOURCE, project, "state-2")
            assert cache(await world.run(project)) == "miss"

        tell(story, sources=(SOURCE,), policies=(Policy(unchanged_for_seconds=600),))

    def test_a_sampled_result_never_answers_a_full_request(self) -> None:
        sample = Sample(header="X-Hex-Trial", parameter="sample_rows", value=1000)

        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project, X_Hex_Trial="1")
            assert cache(await completed(world, project, {"inputParams": {"sample_rows": 1000}})) == "miss"
            assert cache(await completed(world, project)) == "miss"
            assert cache(await world.run(project, X_Hex_Trial="1")) == "hit"

        policy = Policy(match=Match(title="[!_]*"), sample=sample)
        tell(story, sources=(SOURCE,), policies=(policy,))

    def test_defaults_of_the_policy_are_sent_and_are_part_of_the_fingerprint(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            assert cache(await world.run(project, {"updatePublishedResults": True})) == "hit"

        tell(story, sources=(SOURCE,), policies=(Policy(update_published_results=True),))


class TestBadRequests:
    @pytest.mark.parametrize("body", [b"no json", b"[]", b'{"inputParams": 3}', b"{" + b" " * 1024 * 1024 + b"}"])
    def test_a_body_that_is_none_starts_nothing(self, body: bytes) -> None:
        async def story(world: World, project: str) -> None:
            answer = await world.client.post(
                f"/api/v1/projects/{project}/runs",
                content=body,
                headers={**bearer(ALICE), "Content-Type": "application/json"},
            )
            assert (answer.status_code, answer.json()["code"]) == (400, "BAD_REQUEST")
            assert world.sent == []

        tell(story)

    def test_what_hex_refuses_is_passed_on_and_leaves_no_trace(self) -> None:
        async def story(world: World, project: str) -> None:
            unknown = await world.run("00000000-0000-4000-8000-000000000000")
            assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")
            draft = next(one.project_id for one in world.simulation.projects if not one.is_runnable)
            refused = await world.run(draft)
            assert (refused.status_code, refused.json()["code"]) == (422, "UNPROCESSABLE_CONTENT")
            assert world.gateway.state.active_runs == 0
            assert await world.counted("hex_cache_lookups_total") == {}

        tell(story)

    def test_a_project_that_was_archived_is_for_hex_to_refuse(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            simulated = world.simulation.by_id[project]
            gone = replace(simulated, archived_ms=world.now_ms)
            world.simulation.by_id = {**world.simulation.by_id, project: gone}
            await asyncio.sleep(61)
            world.probe(SOURCE, project, "state-1")
            assert (await world.run(project)).status_code == 422

        tell(story, sources=(SOURCE,))

    def test_the_authorization_goes_to_hex_and_nothing_of_the_connection_does(self) -> None:
        async def story(world: World, project: str) -> None:
            await world.run(project, Cookie="a=b", X_Forwarded_For="10.0.0.1", X_Hex_Trial="0", Host="evil.test")
            sent = [headers for method, _, headers in world.sent if method == "POST"]
            assert len(sent) == 1
            assert sent[0]["authorization"] == f"Bearer {ALICE}"
            assert sent[0]["host"] == httpx.URL(HEX).host
            assert not {"cookie", "x-forwarded-for"} & sent[0].keys()

        tell(story)


def _published(simulated: Any, at_ms: int) -> Any:
    from exporter.facts import Project

    return Project(project_id=simulated.project_id, title=simulated.title, published_ms=at_ms)
