"""The operations on people, groups, connections, threads and cells, one documented behaviour after the other."""

from collections import Counter

import pytest

from exporter.simulator import Token, Tokens
from exporter.simulator.event_times import WEEK_MS
from exporter.simulator.hex_json import instant


class TestPeople:
    def test_a_user_has_every_documented_field(self, api):
        users = api.walk("/v1/users", limit=500)

        assert {frozenset(user) for user in users} == {frozenset({"id", "name", "email", "role", "lastLoginDate"})}
        assert {user["role"] for user in users} == {
            *("ADMIN", "MANAGER", "EDITOR", "EXPLORER", "MEMBER", "GUEST", "EMBEDDED_USER", "ANONYMOUS"),
        }
        assert any(user["lastLoginDate"] is None for user in users)
        assert any(user["name"] is None for user in users)

    def test_users_are_sorted_and_filtered(self, api):
        emails = [user["email"] for user in api.walk("/v1/users", sortBy="EMAIL", sortDirection="DESC")]
        ids = [user["id"] for user in api.walk("/v1/users")][:3]

        assert emails == sorted(emails, reverse=True)
        assert {user["id"] for user in api.walk("/v1/users", userIds=",".join(ids))} == set(ids)

    def test_the_members_of_a_group_are_found_through_the_users(self, api):
        groups = {group["name"]: group["id"] for group in api.walk("/v1/groups")}

        finance = api.walk("/v1/users", groupId=groups["Finance"])

        assert finance
        assert all(user["email"].endswith("@finance.example") for user in finance if user["role"] != "MEMBER")
        assert len(api.walk("/v1/users", groupId=groups["Everyone"])) == len(api.simulation.seats)

    def test_a_personal_token_tells_whose_it_is(self, make_api):
        me = make_api(token="hxtp_mine").get("/v1/users/me").json()

        assert {"id", "name", "email", "role", "lastLoginDate", "org", "token"} == set(me)
        assert me["role"] == "ADMIN"

    def test_a_workspace_token_tells_only_organisation_and_token(self, api):
        me = api.get("/v1/users/me").json()

        assert set(me) == {"org", "token"}
        assert me["org"]["id"] == api.simulation.org_id

    def test_the_seats_are_the_truth(self, api):
        assert {user["id"] for user in api.walk("/v1/users")} == {seat.user_id for seat in api.simulation.seats}


class TestGroupsAndCollections:
    def test_group_names_are_not_unique(self, api):
        names = Counter(group["name"] for group in api.walk("/v1/groups"))

        assert names["Marketing"] == 2

    @pytest.mark.parametrize("path", ["/v1/groups", "/v1/collections", "/v1/data-connections"])
    def test_one_is_its_entry_in_the_listing(self, api, path):
        for item in api.walk(path):
            assert api.get(f"{path}/{item['id']}").json() == item
        assert api.get(f"{path}/nobody").status_code == 404

    def test_groups_are_sorted_by_name_or_age(self, api):
        by_age = [group["createdAt"] for group in api.walk("/v1/groups", sortBy="CREATED_AT")]

        assert by_age == sorted(by_age)


class TestConnections:
    def test_they_are_of_several_types_and_two_lead_to_one_database(self, api):
        connections = api.walk("/v1/data-connections")
        targets = Counter(
            (details["accountName"], details["database"])
            for connection in connections
            if (details := (connection["connectionDetails"] or {}).get("snowflake"))
        )

        assert len({connection["type"] for connection in connections}) >= 5
        assert max(targets.values()) == 2

    def test_a_token_of_less_rights_sees_the_basic_shape(self, make_api):
        api = make_api()
        editor = next(person for person in api.simulation.staff.people if person.role == "editor")
        api.app.tokens = _tokens(api, editor.user_id)
        api.token = "hxtp_editor"

        assert {frozenset(item) - {"description"} for item in api.walk("/v1/data-connections")} == {
            frozenset({"id", "name", "type"})
        }


class TestThreads:
    def test_a_thread_has_every_documented_field(self, api):
        threads = api.walk("/v1/threads", "threads")

        required = {"id", "orgId", "url", "userId", "type", "source", "createdAt", "updatedAt", "sensitive"}
        assert len(threads) > 50
        assert all(required <= set(thread) for thread in threads)
        assert {thread["source"] for thread in threads} == {"HEX", "SLACK", "MCP", "PUBLIC_API"}
        assert all(("title" in thread) != thread["sensitive"] for thread in threads)
        created = [thread["createdAt"] for thread in threads]
        assert created == sorted(created, reverse=True)

    @pytest.mark.slow
    def test_credits_grow_and_never_fall(self, api, manual_clock):
        def credits():
            return {thread["id"]: thread["creditsUsed"] for thread in api.walk("/v1/threads", "threads", limit=100)}

        grew, last = 0, credits()
        for _ in range(24):
            manual_clock.advance(1800)
            now = credits()
            grew += sum(now[thread] > used for thread, used in last.items() if thread in now)
            assert all(now[thread] >= used for thread, used in last.items() if thread in now)
            last = now

        assert grew > 0

    def test_filters(self, api):
        assert {thread["source"] for thread in api.walk("/v1/threads", "threads", source="SLACK")} == {"SLACK"}
        assert {thread["type"] for thread in api.walk("/v1/threads", "threads", type="NOTEBOOK")} == {"Notebook agent"}
        week = api.walk("/v1/threads", "threads", numDays=7)
        assert 0 < len(week) < len(api.walk("/v1/threads", "threads"))
        assert all(thread["createdAt"] >= instant(api.simulation.now_ms - WEEK_MS) for thread in week)

    def test_one_thread_has_its_id_under_another_name(self, api):
        thread_id = api.get("/v1/threads").json()["threads"][-1]["id"]

        thread = api.get(f"/v1/threads/{thread_id}").json()

        assert (thread["threadId"], thread["status"], thread["error"]) == (thread_id, "IDLE", None)
        assert "id" not in thread

    def test_an_editor_may_not_list_them(self, make_api):
        api = make_api()
        editor = next(person for person in api.simulation.staff.people if person.role == "editor")
        api.app.tokens = _tokens(api, editor.user_id)
        api.token = "hxtp_editor"

        assert api.get("/v1/threads").status_code == 403

    def test_topics_have_a_listing_of_their_own(self, api):
        topics = api.walk("/v1/context/topics", "topics")

        assert {"Revenue", "Marketing"} <= {topic["name"] for topic in topics}


class TestCells:
    def test_the_draft_tells_which_connections_it_uses(self, api):
        project = api.of_sort("draft")

        cells = api.walk("/v1/cells", projectId=project.project_id)

        queries = [cell for cell in cells if cell["cellType"] == "SQL"]
        assert {cell["dataConnectionId"] for cell in queries} == {project.connection.connection_id}
        assert all(cell["contents"]["sqlCell"]["source"].startswith("select") for cell in queries)
        assert {cell["dataConnectionId"] for cell in cells if cell["cellType"] != "SQL"} == {None}

    def test_a_project_must_be_named(self, api):
        assert api.get("/v1/cells").status_code == 400
        assert api.get("/v1/cells", projectId="nobody").status_code == 404


def _tokens(api, user_id):
    return Tokens({"hxtp_editor": Token(account="editor", is_workspace=False, user_id=user_id)})
