"""Rights: what a token gets that Hex does not accept, or does not let see or run a project."""

import asyncio
from typing import Any

import pytest
from gateway_world import (
    ALICE,
    BOB,
    EVE,
    World,
    bearer,
    cache,
    completed,
    file_source,
    play,
)

from exporter.config import Policy
from exporter.gateway.routing.target import parse_target
from exporter.gateway.runs.polls import Poll
from exporter.simulator import Token, Tokens
from exporter.simulator.tokens import ALL_SCOPES

SOURCE = file_source(every_seconds=300)


SHARED = (Policy(shared=True),)


def both_tokens() -> dict[str, Token]:
    return {
        ALICE: Token(account="alice", is_workspace=True),
        BOB: Token(account="bob", is_workspace=True),
    }


class TestRights:
    """Eve's token is well-formed, but Hex does not accept it, or does not let it see the project."""

    @staticmethod
    def tokens(**more: Token) -> Tokens:
        known = {ALICE: Token(account=ALICE, is_workspace=True), BOB: Token(account=BOB, is_workspace=True)}
        return Tokens(known | more)

    @pytest.mark.slow
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

        play(story, sources=(SOURCE,), tokens=self.tokens(), policies=(Policy(shared=True),))

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

        play(story, sources=(SOURCE,), tokens=Tokens(known), policies=(Policy(shared=True),))

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
        play(story, sources=(SOURCE,), tokens=self.tokens(**{EVE: reader}))

    def test_another_token_is_given_the_result_only_once_hex_has_let_it_start_the_project(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            assert cache(await completed(world, project, token=BOB)) == "miss"
            assert cache(await world.run(project, token=BOB)) == "hit"

        play(story, sources=(SOURCE,))

    def test_a_shared_result_is_given_to_a_token_that_may_read_the_run(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            first = await completed(world, project)
            second = await world.run(project, token=BOB)
            assert cache(second) == "hit"
            assert second.json()["runId"] == first.json()["runId"]
            requested = [(path, headers["authorization"]) for method, path, headers in world.sent if method == "GET"]
            assert (f"/api/v1/projects/{project}/runs/{first.json()['runId']}", f"Bearer {BOB}") in requested

        play(story, sources=(SOURCE,), policies=(Policy(shared=True),))

    def test_a_run_of_another_token_is_not_joined_without_the_right_to_it(self) -> None:
        async def story(world: World, project: str) -> None:
            first = await world.run(project)
            second = await world.run(project, token=BOB)
            assert cache(second) == "miss"
            assert second.json()["runId"] != first.json()["runId"]
            assert world.started(project) == 2

        play(story)

    def test_a_proof_is_renewed_after_a_minute(self) -> None:
        async def story(world: World, project: str) -> None:
            world.probe(SOURCE, project, "state-1")
            await completed(world, project)
            await world.run(project)
            before = world.requested("project")
            await world.run(project)
            assert world.requested("project") == before
            await asyncio.sleep(61)
            world.probe(SOURCE, project, "state-1")
            await world.run(project)
            assert world.requested("project") == before + 1

        play(story, sources=(SOURCE,))

    @pytest.mark.parametrize("authorization", [None, "", "Basic abc", "Bearer", "Bearer ", "Bearer two words"])
    def test_without_a_token_nothing_is_sent_to_hex(self, authorization: str | None) -> None:
        async def story(world: World, project: str) -> None:
            headers = {} if authorization is None else {"Authorization": authorization}
            answer = await world.client.post(f"/api/v1/projects/{project}/runs", headers=headers)
            assert (answer.status_code, answer.text) == (401, "Unauthorized")
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert world.sent == []

        play(story)

    def test_no_token_is_in_the_ledger(self, tmp_path: Any) -> None:
        path = tmp_path / "ledger.db"

        async def story(world: World, project: str) -> None:
            await completed(world, project)
            await world.counted("hex_cache_lookups_total")

        play(story, url=f"sqlite:///{path}")
        found = b"".join(one.read_bytes() for one in tmp_path.iterdir())
        assert ALICE.encode() not in found
        assert ALICE[5:].encode() not in found


class TestTokensThatHexRefuses:
    def test_a_token_that_hex_has_just_refused_gets_no_state_of_a_run_that_it_was_given(self) -> None:
        known = both_tokens()

        async def story(world: World, project: str) -> None:
            run_id = (await world.run(project)).json()["runId"]
            assert cache(await world.run(project, token=BOB)) == "joined"
            del known[BOB]
            await asyncio.sleep(61)
            assert (await world.status(project, run_id, token=BOB)).status_code == 401
            assert (await world.status(project, run_id)).status_code == 200
            assert (await world.status(project, run_id, token=BOB)).status_code == 401

        play(story, policies=SHARED, tokens=Tokens(known), run_seconds=10_000)

    def test_a_token_that_hex_refuses_gets_no_final_state(self) -> None:
        known = both_tokens()

        async def story(world: World, project: str) -> None:
            run_id = (await world.run(project)).json()["runId"]
            await world.ended(project, run_id)
            del known[ALICE]
            await asyncio.sleep(61)
            assert (await world.run(project)).status_code == 401
            assert (await world.status(project, run_id)).status_code == 401

        play(story, tokens=Tokens(known))

    def test_what_holds_a_token_does_not_show_it(self) -> None:
        target = parse_target("GET", b"/api/v1/projects/p/runs/r", b"")
        poll = Poll(caller="c", target=target, headers=((b"authorization", b"Bearer hxtp_secret"),))
        assert "hxtp_secret" not in repr(poll)


class TestRightsTakenAway:
    def test_a_token_whose_right_to_run_was_taken_away_gets_no_hit_after_the_rights_ttl(self) -> None:
        known = {ALICE: Token(account=ALICE, is_workspace=True)}
        source = file_source(every_seconds=86_400)

        async def story(world: World, project: str) -> None:
            world.probe(source, project, "state")
            run = (await world.run(project)).json()
            assert await world.ended(project, run["runId"]) == "COMPLETED"
            scopes = frozenset(one for one in ALL_SCOPES if "run" not in one)
            known[ALICE] = Token(account=ALICE, is_workspace=True, scopes=scopes)
            assert cache(await world.run(project)) == "hit"
            await asyncio.sleep(901)
            answer = await world.run(project)
            assert (answer.status_code, "X-Hex-Exporter-Cache" in answer.headers) == (403, False)

        play(story, sources=(source,), tokens=Tokens(known))

    @pytest.mark.slow
    def test_the_proof_is_renewed_by_a_dry_run_with_the_callers_token(self) -> None:
        source = file_source(every_seconds=86_400)

        async def story(world: World, project: str) -> None:
            world.probe(source, project, "state")
            run = (await world.run(project)).json()
            await world.ended(project, run["runId"])
            for _ in range(3):
                await asyncio.sleep(901)
                assert cache(await world.run(project)) == "hit"
                assert cache(await world.run(project)) == "hit"
            assert world.started(project) == 1
            assert world.requested("run_project") == 4

        play(story, sources=(source,))

    def test_eve_stays_out(self) -> None:
        async def story(world: World, project: str) -> None:
            assert (await world.run(project, token=EVE)).status_code == 401

        play(story, tokens=Tokens({ALICE: Token(account=ALICE, is_workspace=True)}))
