"""Errors in both shapes, bare text from the edge, and what a token may do."""

import pytest

from exporter.simulator import Token, Tokens
from exporter.simulator.refusals import RefusalError, Shape
from exporter.simulator.tokens import Scope, only

UNKNOWN = "00000000-0000-4000-a000-000000000000"
OLDER = {"reason", "traceId"}
NEWER = {"message", "code", "issues"}


def workspace(*scopes: Scope) -> Tokens:
    return Tokens({"hxtw_some": Token(account="some", is_workspace=True, scopes=frozenset(scopes))})


class TestShapes:
    @pytest.mark.parametrize(
        ("path", "keys"),
        [
            ("/v1/projects?limit=0", OLDER),
            (f"/v1/projects/{UNKNOWN}/queriedTables", OLDER),
            ("/v1/groups/nobody", OLDER),
            ("/v1/collections/nobody", OLDER),
            (f"/v1/projects/{UNKNOWN}", NEWER),
            (f"/v1/projects/{UNKNOWN}/runs", NEWER),
            (f"/v1/projects/{UNKNOWN}/runs/{UNKNOWN}", NEWER),
            ("/v1/users?limit=0", NEWER),
            ("/v1/data-connections/nobody", NEWER),
            ("/v1/threads/nobody", NEWER),
            ("/v1/cells", NEWER),
            ("/v1/context/topics?limit=0", NEWER),
        ],
    )
    def test_each_family_has_its_own(self, api, path, keys):
        assert set(api.get(path).json()) == keys

    @pytest.mark.parametrize("path", [f"/v1/projects/{UNKNOWN}/runs", "/v1/data-connections/nobody"])
    def test_runs_and_connections_had_the_older_one_in_july(self, make_api, path):
        assert set(make_api(state="july").get(path).json()) == OLDER

    def test_cancelling_has_the_older_one(self, api):
        assert set(api.delete(f"/v1/projects/{UNKNOWN}/runs/{UNKNOWN}").json()) == OLDER

    def test_every_answer_has_a_trace_id(self, api):
        first, second = api.get("/v1/users/me"), api.get("/v1/users/me")

        assert first.headers["x-trace-id"] != second.headers["x-trace-id"]

    def test_the_code_is_the_word_for_the_status(self):
        codes = [RefusalError(status, "no").body(Shape.NEWER, "t")["code"] for status in (400, 403, 404, 422, 503)]

        assert codes == ["BAD_REQUEST", "FORBIDDEN", "NOT_FOUND", "UNPROCESSABLE_CONTENT", "SERVICE_UNAVAILABLE"]

    def test_an_unknown_path_is_not_found(self, api):
        assert api.get("/v1/usage").status_code == 404
        assert api.get("http://hex.test/").status_code == 404

    def test_a_method_that_an_address_does_not_know_is_refused(self, api):
        assert api.ask("PUT", "/v1/projects").status_code == 405


class TestUnauthorized:
    def test_without_a_token_the_edge_answers_in_bare_text(self, make_api):
        answer = make_api(token=None).get("/v1/projects")

        assert (answer.status_code, answer.text) == (401, "Unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize("token", ["hxtp_", "hxtx_abc", "abc", ""])
    def test_a_malformed_token_is_invalid(self, make_api, token):
        answer = make_api(token=token).get("/v1/projects")

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'

    def test_only_bearer_is_accepted(self, make_api):
        api = make_api(token=None)

        assert api.get("/v1/projects", headers={"Authorization": "Basic hxtw_abc"}).status_code == 401
        assert api.get("/v1/projects", headers={"Authorization": "bearer hxtw_abc"}).status_code == 200

    def test_with_a_list_only_those_in_it_are_accepted(self, make_api):
        api = make_api(tokens=only(["hxtw_known"]), token="hxtw_known")
        assert api.get("/v1/projects").status_code == 200

        api.token = "hxtw_unknown"
        assert api.get("/v1/projects").status_code == 401

    def test_a_token_expires(self, make_api, manual_clock):
        expires_ms = int(manual_clock.now() * 1000) + 60_000
        tokens = Tokens({"hxtw_brief": Token(account="a", is_workspace=True, expires_ms=expires_ms)})
        api = make_api(tokens=tokens, token="hxtw_brief")

        assert api.get("/v1/users/me").json()["token"]["exp"] == expires_ms // 1000
        manual_clock.advance(61)
        assert api.get("/v1/users/me").status_code == 401


class TestScopes:
    @pytest.mark.parametrize(
        ("scope", "path"),
        [
            (Scope.READ_PROJECTS, "/v1/projects"),
            (Scope.READ_USERS, "/v1/users"),
            (Scope.READ_GROUPS, "/v1/groups"),
            (Scope.READ_COLLECTIONS, "/v1/collections"),
            (Scope.READ_CONNECTIONS, "/v1/data-connections"),
            (Scope.READ_THREADS, "/v1/threads"),
        ],
    )
    def test_a_workspace_token_needs_the_scope(self, make_api, scope, path):
        others = [other for other in Scope if other is not scope]

        assert make_api(tokens=workspace(scope), token="hxtw_some").get(path).status_code == 200
        assert make_api(tokens=workspace(*others), token="hxtw_some").get(path).status_code == 403

    def test_reading_is_not_running(self, make_api):
        api = make_api(tokens=workspace(Scope.READ_PROJECTS), token="hxtw_some")

        assert api.post(f"/v1/projects/{api.of_sort('api').project_id}/runs").status_code == 403

    def test_everybody_may_ask_who_they_are(self, make_api):
        assert make_api(tokens=workspace(), token="hxtw_some").get("/v1/users/me").status_code == 200

    def test_a_personal_token_sees_less(self, make_api):
        api = make_api()
        editor = next(person for person in api.simulation.staff.people if person.role == "editor")
        everything = {project["id"] for project in api.walk("/v1/projects", limit=100)}
        api.app.tokens = Tokens({"hxtp_e": Token(account="e", is_workspace=False, user_id=editor.user_id)})
        api.token = "hxtp_e"

        seen = {project["id"] for project in api.walk("/v1/projects", limit=100)}

        assert seen < everything
        assert api.get(f"/v1/projects/{next(iter(everything - seen))}").status_code == 404
