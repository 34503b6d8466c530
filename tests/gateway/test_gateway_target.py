"""Targets: what may go on to Hex, where to, and as which operation."""

import posixpath
from urllib.parse import unquote_to_bytes

import httpx
import pytest
from helpers.hostile import HOSTILE, OTHER, PROJECT
from helpers.sizes import size
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.gateway.routing.target import Operation, Target, TargetError, parse_target

BASE = "https://app.hex.tech/api/v1"
RUN = "0199a7c1-3d5e-7000-8000-0000000000f1"


def parsed(method: str, target: str) -> Target:
    path, _, query = target.encode("latin-1").partition(b"?")
    return parse_target(method, path, query)


class TestHostile:
    @pytest.mark.parametrize(("method", "target"), HOSTILE)
    def test_is_refused_before_there_is_an_address_to_send_to(self, method: str, target: str) -> None:
        with pytest.raises(TargetError) as refused:
            parsed(method, target)

        message = str(refused.value)
        assert message.isascii()
        assert message.isprintable()
        assert len(message) < 300

    def test_the_table_is_long_and_says_nothing_twice(self) -> None:
        assert len(set(HOSTILE)) == len(HOSTILE) >= 60

    @pytest.mark.slow
    @given(
        method=st.sampled_from(["GET", "POST", "DELETE"]),
        path=st.lists(
            st.sampled_from(
                ["..", ".", "%2e", "%2f", "/", "//", "\\", ";", "@", ":", "#", "%", "projects", "runs", "a"]
            )
            | st.characters(max_codepoint=255),
            max_size=8,
        ).map("".join),
        query=st.text(st.characters(max_codepoint=255), max_size=10),
    )
    @settings(max_examples=size(100, 500), deadline=None)
    def test_whatever_passes_goes_to_the_configured_place_as_it_came(self, method: str, path: str, query: str) -> None:
        raw = b"/api/v1/" + path.encode("latin-1")
        try:
            target = parse_target(method, raw, query.encode("latin-1"))
        except TargetError:
            return
        url = httpx.URL(target.upstream_url(BASE))

        assert url.host == "app.hex.tech"
        assert url.scheme == "https"
        assert url.userinfo == b""
        assert url.raw_path.partition(b"?")[0] == raw
        assert posixpath.normpath(unquote_to_bytes(raw)) == raw


class TestWhereTo:
    @pytest.mark.parametrize(
        ("target", "expected"),
        [
            ("/api/v1/projects", f"{BASE}/projects"),
            ("/api/v1/projects?limit=5&after=a%2Fb%3D", f"{BASE}/projects?limit=5&after=a%2Fb%3D"),
            (f"/api/v1/project/{PROJECT}/run", f"{BASE}/project/{PROJECT}/run"),
            ("/api/v1/context/topics?", f"{BASE}/context/topics"),
            ("/api/v1/guides/draft/list?x=%e9&y=[1]", f"{BASE}/guides/draft/list?x=%e9&y=[1]"),
        ],
    )
    def test_the_path_and_the_query_stay_as_they_are(self, target: str, expected: str) -> None:
        assert parsed("GET", target).upstream_url(BASE) == expected

    def test_a_base_below_another_path_or_with_a_slash_is_kept(self) -> None:
        target = parsed("GET", "/api/v1/projects")

        assert (
            target.upstream_url("http://127.0.0.1:8080/proxy/api/v1/") == "http://127.0.0.1:8080/proxy/api/v1/projects"
        )

    def test_httpx_sends_the_query_as_it_came(self) -> None:
        query = "after=a%2Fb%3D&x=%e9&y=a+b&z=%252e"
        url = httpx.URL(parsed("GET", f"/api/v1/projects?{query}").upstream_url(BASE))

        assert url.raw_path == f"/api/v1/projects?{query}".encode()


class TestOperation:
    @pytest.mark.parametrize("runs", ["projects/{}/runs", "project/{}/run", "Projects/{}/RUNS", "projects/{}/run"])
    def test_runs_are_known_by_every_spelling_a_server_may_take(self, runs: str) -> None:
        path = "/api/v1/" + runs.format(PROJECT)

        assert parsed("POST", path).operation is Operation.RUN_PROJECT
        assert parsed("GET", path).operation is Operation.RUNS
        assert parsed("GET", f"{path}/{RUN}").operation is Operation.RUN_STATUS
        assert parsed("DELETE", f"{path}/{RUN}").operation is Operation.CANCEL_RUN
        assert parsed("POST", path).path == path.removeprefix("/api")

    def test_ids_are_taken_from_the_path(self) -> None:
        target = parsed("DELETE", f"/api/v1/projects/{PROJECT}/runs/{RUN}")

        assert (target.project_id, target.run_id) == (PROJECT, RUN)
        assert parsed("POST", f"/api/v1/projects/{OTHER}/runs").project_id == OTHER
        assert parsed("GET", f"/api/v1/projects/{OTHER}").project_id == OTHER

    def test_a_uuid_has_one_spelling_as_an_id_while_the_path_stays(self) -> None:
        target = parsed("GET", f"/api/v1/projects/{PROJECT.upper()}/runs/{RUN.upper()}")

        assert (target.project_id, target.run_id) == (PROJECT, RUN)
        assert target.path == f"/v1/projects/{PROJECT.upper()}/runs/{RUN.upper()}"
        assert parsed("GET", "/api/v1/projects/Orders").project_id == "Orders"

    @pytest.mark.parametrize(
        ("method", "path", "operation"),
        [
            ("GET", f"projects/{PROJECT}/runs/{RUN}/cells/c/image", Operation.CHART_IMAGE),
            ("GET", "cells/c/image", Operation.CHART_IMAGE),
            ("POST", "threads", Operation.START_THREAD),
            ("POST", "threads/t", Operation.START_THREAD),
            ("POST", "semantic-models/m/ingest", Operation.SEMANTIC_INGEST),
        ],
    )
    def test_what_has_a_limit_of_its_own_is_known_and_passed_on(
        self, method: str, path: str, operation: Operation
    ) -> None:
        target = parsed(method, f"/api/v1/{path}")
        assert (target.operation, target.project_id) == (operation, None)

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "projects"),
            ("POST", "projects/export"),
            ("PATCH", f"projects/{PROJECT}"),
            ("HEAD", f"projects/{PROJECT}/runs/{RUN}"),
            ("PUT", f"projects/{PROJECT}/runs"),
            ("GET", f"projects/{PROJECT}/queriedTables"),
            ("GET", "users/me"),
            ("GET", "threads"),
        ],
    )
    def test_everything_else_is_passed_on_and_has_no_ids(self, method: str, path: str) -> None:
        target = parsed(method, f"/api/v1/{path}")

        assert target.operation is Operation.OTHER
        assert (target.project_id, target.run_id) == (None, None)
