"""Requests that start nothing: bodies that are none, what Hex refuses, framing that can be read in two ways."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from gateway_world import (
    ALICE,
    HEX,
    World,
    bearer,
    completed,
    file_source,
    play,
)

SOURCE = file_source(every_seconds=300)


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
            assert {method for method, _, _ in world.sent} == {"GET"}  # the question about the token

        play(story)

    def test_what_hex_refuses_is_passed_on_and_leaves_no_trace(self) -> None:
        async def story(world: World, project: str) -> None:
            unknown = await world.run("00000000-0000-4000-8000-000000000000")
            assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")
            draft = next(one.project_id for one in world.simulation.projects if not one.is_runnable)
            refused = await world.run(draft)
            assert (refused.status_code, refused.json()["code"]) == (422, "UNPROCESSABLE_CONTENT")
            assert world.gateway.state.active_runs == 0
            assert await world.counted("hex_cache_lookups_total") == {}

        play(story)

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

        play(story, sources=(SOURCE,))

    def test_the_authorization_goes_to_hex_and_nothing_of_the_connection_does(self) -> None:
        async def story(world: World, project: str) -> None:
            await world.run(project, Cookie="a=b", X_Forwarded_For="10.0.0.1", X_Hex_Trial="0", Host="evil.test")
            sent = [headers for method, _, headers in world.sent if method == "POST"]
            assert len(sent) == 1
            assert sent[0]["authorization"] == f"Bearer {ALICE}"
            assert sent[0]["host"] == httpx.URL(HEX).host
            assert not {"cookie", "x-forwarded-for"} & sent[0].keys()

        play(story)


class TestFraming:
    def test_bodies_of_others_refuse_no_request_without_one(self) -> None:
        async def story(world: World, project: str) -> None:
            world.app._held._of["10.0.0.1"] = 65 * 1024 * 1024
            refused = await world.run(project, {"inputParams": {}})
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
            read = await world.client.get("/api/v1/users/me", headers=bearer(ALICE))
            assert read.status_code == 200

        play(story)

    def test_a_request_with_two_lengths_is_refused_and_its_connection_closed(self) -> None:
        async def story(world: World, project: str) -> None:
            both = {"Content-Length": "2", "Transfer-Encoding": "chunked"}
            answer = await world.client.post("/api/v1/users/me", content=b"{}", headers=bearer(ALICE) | both)
            assert (answer.status_code, answer.headers["Connection"]) == (400, "close")
            assert world.sent == []

        play(story)
