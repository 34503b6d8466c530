"""The operations, one documented behaviour after the other."""

import re
from collections import Counter

import pytest

from exporter.simulator import Simulation, Token, Tokens
from exporter.simulator.event_times import DAY_MS, HOUR_MS, WEEK_MS
from exporter.simulator.hex_json import instant

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}")
EVERYTHING = {
    "includeArchived": "true",
    "includeComponents": "true",
    "includeTrashed": "true",
    "includeUnlisted": "true",
    "limit": 100,
}


class TestListProjects:
    def test_a_project_has_every_documented_field(self, api):
        project = api.get("/v1/projects").json()["values"][0]

        assert set(project) == {
            *("id", "title", "description", "type", "creator", "owner", "status", "categories", "reviews"),
            *("analytics", "lastEditedAt", "lastPublishedAt", "createdAt", "archivedAt", "trashedAt", "schedules"),
        }
        assert set(project["analytics"]) == {"appViews", "lastViewedAt", "publishedResultsUpdatedAt"}
        assert set(project["analytics"]["appViews"]) == {
            *("allTime", "lastSevenDays", "lastFourteenDays", "lastThirtyDays"),
        }
        assert UUID.fullmatch(project["id"])
        assert INSTANT.fullmatch(project["createdAt"])

    def test_the_most_recently_created_come_first(self, api):
        created = [project["createdAt"] for project in api.walk("/v1/projects", **EVERYTHING)]

        assert created == sorted(created, reverse=True)

    def test_archived_trashed_unlisted_and_components_are_hidden_unless_asked_for(self, api):
        shown = {project["id"] for project in api.walk("/v1/projects", limit=100)}
        everything = {project["id"] for project in api.walk("/v1/projects", **EVERYTHING)}

        sorts = {api.simulation.by_id[project_id].sort for project_id in everything - shown}
        assert sorts == {"archived", "trashed", "unlisted", "component"}
        assert len(everything) == 40

    @pytest.mark.parametrize(
        ("flag", "sort"),
        [
            ("includeArchived", "archived"),
            ("includeTrashed", "trashed"),
            ("includeComponents", "component"),
            ("includeUnlisted", "unlisted"),
        ],
    )
    def test_each_flag_shows_its_own(self, api, flag, sort):
        shown = {project["id"] for project in api.walk("/v1/projects", limit=100, **{flag: "true"})}

        assert api.of_sort(sort).project_id in shown

    @pytest.mark.parametrize("state", ["july", "september"])
    def test_older_states_know_no_unlisted_projects(self, make_api, state):
        api = make_api(state=state)

        assert api.get("/v1/projects", includeUnlisted="true").status_code == 400
        assert api.of_sort("unlisted").project_id in {project["id"] for project in api.walk("/v1/projects", limit=100)}

    def test_sharing_comes_only_when_asked_for(self, api):
        project = api.get("/v1/projects", includeSharing="true").json()["values"][0]

        assert set(project["sharing"]) == {"users", "collections", "groups", "workspace", "publicWeb", "support"}
        assert project["sharing"]["groups"][0]["access"] == "CAN_VIEW"
        assert "sharing" not in api.get("/v1/projects").json()["values"][0]

    def test_filters_narrow_the_listing(self, api):
        owner = api.simulation.staff.authors[0].email
        owned = api.walk("/v1/projects", ownerEmail=owner)
        statuses = api.walk("/v1/projects", statuses="Production,Approved")
        repeated = api.walk("/v1/projects", statuses=["Production", "Approved"])
        categories = api.walk("/v1/projects", categories="files")
        collection = api.get("/v1/collections").json()["values"][0]["id"]

        assert owned
        assert {project["owner"]["email"] for project in owned} == {owner}
        assert {project["status"]["name"] for project in statuses} == {"Production", "Approved"}
        assert statuses == repeated
        assert all("files" in [category["name"] for category in project["categories"]] for project in categories)
        assert 0 < len(api.walk("/v1/projects", collectionId=collection)) < 36

    @pytest.mark.parametrize("key", ["CREATED_AT", "LAST_EDITED_AT", "LAST_PUBLISHED_AT"])
    @pytest.mark.parametrize("direction", ["ASC", "DESC"])
    def test_sorting(self, api, key, direction):
        field = {"CREATED_AT": "createdAt", "LAST_EDITED_AT": "lastEditedAt", "LAST_PUBLISHED_AT": "lastPublishedAt"}
        found = [
            project[field[key]] or ""
            for project in api.walk("/v1/projects", sortBy=key, sortDirection=direction, limit=100)
        ]

        assert found == sorted(found, reverse=direction == "DESC")

    def test_an_abandoned_project_is_never_viewed_but_keeps_refreshing(self, api, manual_clock):
        abandoned = api.of_sort("abandoned")
        before = api.get(f"/v1/projects/{abandoned.project_id}").json()
        manual_clock.advance(2 * 3_600)
        after = api.get(f"/v1/projects/{abandoned.project_id}").json()

        assert before["analytics"]["appViews"]["allTime"] == 0
        assert before["analytics"]["lastViewedAt"] is None
        assert after["analytics"]["publishedResultsUpdatedAt"] > before["analytics"]["publishedResultsUpdatedAt"]

    def test_views_agree_with_each_other(self, api):
        for project in api.walk("/v1/projects", **EVERYTHING):
            views, viewed = project["analytics"]["appViews"], project["analytics"]["lastViewedAt"]
            assert views["lastSevenDays"] <= views["lastFourteenDays"] <= views["lastThirtyDays"] <= views["allTime"]
            if views["lastSevenDays"]:
                assert viewed > instant(api.simulation.now_ms - 7 * DAY_MS)

    def test_an_unpublished_project_has_no_date_of_publication(self, api):
        draft = api.of_sort("draft").project_id

        assert api.get(f"/v1/projects/{draft}").json()["lastPublishedAt"] is None


class TestGetProject:
    def test_it_is_the_entry_of_the_listing(self, api):
        listed = api.get("/v1/projects", includeSharing="true").json()["values"][3]

        assert api.get(f"/v1/projects/{listed['id']}", includeSharing="true").json() == listed

    def test_an_unknown_one_is_not_found(self, api):
        assert api.get("/v1/projects/00000000-0000-4000-a000-000000000000").status_code == 404


class TestRuns:
    def test_a_run_has_every_documented_field(self, api):
        project = api.of_sort("abandoned")
        run = api.get(f"/v1/projects/{project.project_id}/runs").json()["runs"][5]

        assert set(run) == {
            *("projectId", "projectVersion", "runId", "runUrl", "status", "runTrigger", "startTime", "endTime"),
            *("elapsedTime", "traceId", "notifications"),
        }
        assert run["projectId"] == project.project_id
        assert INSTANT.fullmatch(run["startTime"])
        assert isinstance(run["elapsedTime"], int)

    def test_the_page_is_the_truth(self, api):
        project = api.of_sort("office")
        listed = [run["runId"] for run in api.walk_runs(project.project_id)]

        assert listed == [run.run_id for run in api.simulation.newest(project.project_id)]
        assert len(listed) > 600

    def test_the_version_is_a_number_in_july_and_text_since(self, make_api):
        versions = {}
        for state in ("july", "september", "october"):
            api = make_api(state=state)
            project_id = api.of_sort("daily").project_id
            versions[state] = type(api.get(f"/v1/projects/{project_id}/runs").json()["runs"][0]["projectVersion"])

        assert versions == {"july": int, "september": str, "october": str}

    def test_filters(self, api):
        project_id = api.of_sort("refresh").project_id
        wild = api.of_sort("failing").project_id

        assert {run["runTrigger"] for run in api.walk_runs(project_id, runTriggerFilter="APP_REFRESH")} == {
            "APP_REFRESH"
        }
        assert api.walk_runs(project_id, runTriggerFilter="SCHEDULED") == []
        assert {run["status"] for run in api.walk_runs(wild, statusFilter="ERRORED")} == {"ERRORED"}
        assert api.walk_runs(wild, runTriggerFilter="ALL") == api.walk_runs(wild)

    def test_a_filter_stays_in_the_link_to_the_next_page(self, api):
        project_id = api.of_sort("office").project_id

        link = api.get(f"/v1/projects/{project_id}/runs", statusFilter="COMPLETED").json()["nextPage"]

        assert "statusFilter=COMPLETED" in link

    def test_an_unpublished_project_has_no_history(self, api):
        answer = api.get(f"/v1/projects/{api.of_sort('draft').project_id}/runs")

        assert answer.status_code == 422
        assert answer.json()["code"] == "UNPROCESSABLE_CONTENT"

    def test_the_status_of_one_run_is_its_entry_in_the_listing(self, api):
        project_id = api.of_sort("daily").project_id
        run = api.get(f"/v1/projects/{project_id}/runs").json()["runs"][3]

        assert api.get(f"/v1/projects/{project_id}/runs/{run['runId']}").json() == run

    def test_expanded_stats_tell_the_states(self, api):
        project_id = api.of_sort("daily").project_id
        run_id = api.get(f"/v1/projects/{project_id}/runs").json()["runs"][3]["runId"]

        run = api.get(f"/v1/projects/{project_id}/runs/{run_id}", headers={"enable-expanded-stats": "true"}).json()

        assert [event["value"] for event in run["stateEvents"]][:2] == ["PENDING", "RUNNING"]

    def test_a_run_of_another_project_is_not_found(self, api):
        run_id = api.get(f"/v1/projects/{api.of_sort('daily').project_id}/runs").json()["runs"][0]["runId"]

        assert api.get(f"/v1/projects/{api.of_sort('weekly').project_id}/runs/{run_id}").status_code == 404

    def test_both_links_and_paths_work_under_the_singular_names_of_older_clients(self, api):
        project_id = api.of_sort("api").project_id
        started = api.post(f"/v1/project/{project_id}/run", json={"inputParams": {}})
        run_id = started.json()["runId"]

        assert started.status_code == 201
        assert api.get(f"/v1/project/{project_id}/run/{run_id}").json()["runId"] == run_id
        assert api.get(f"/v1/project/{project_id}/run").json()["runs"]
        assert api.delete(f"/v1/project/{project_id}/run/{run_id}").status_code == 204


class TestRunProject:
    def test_it_answers_with_the_run_and_where_to_follow_it(self, api):
        project_id = api.of_sort("api").project_id

        answer = api.post(f"/v1/projects/{project_id}/runs", json={"inputParams": {"region": "EU"}, "viewId": None})

        run = answer.json()
        assert answer.status_code == 201
        assert {"projectId", "runId", "runUrl", "runStatusUrl", "traceId", "projectVersion"} <= set(run)
        assert api.get(run["runStatusUrl"]).json()["status"] == "PENDING"

    def test_a_started_run_runs_and_ends_after_its_time(self, make_api, make_simulation, manual_clock):
        api = make_api(make_simulation(run_seconds=30))
        project_id = api.of_sort("api").project_id
        url = api.post(f"/v1/projects/{project_id}/runs").json()["runStatusUrl"]
        seen = []
        for _ in range(9):
            seen.append(api.get(url).json()["status"])
            manual_clock.advance(4)

        assert seen == sorted(seen, key=_rank)
        assert seen[0] == "PENDING"
        assert seen[1] == "RUNNING"
        assert seen[-1] in ("COMPLETED", "ERRORED", "KILLED")

    def test_it_is_in_the_listing_with_the_others(self, api, manual_clock):
        project_id = api.of_sort("api").project_id
        run_id = api.post(f"/v1/projects/{project_id}/runs").json()["runId"]
        manual_clock.advance(5)

        runs = api.walk_runs(project_id)

        assert run_id in [run["runId"] for run in runs[:3]]
        assert Counter(run["runId"] for run in runs)[run_id] == 1

    def test_a_dry_run_starts_nothing(self, api):
        project_id = api.of_sort("api").project_id
        before = api.walk_runs(project_id)

        assert api.post(f"/v1/projects/{project_id}/runs", json={"dryRun": True}).status_code == 201
        assert api.walk_runs(project_id) == before

    @pytest.mark.parametrize("sort", ["draft", "archived", "trashed"])
    def test_what_is_not_published_cannot_run(self, api, sort):
        answer = api.post(f"/v1/projects/{api.of_sort(sort).project_id}/runs")

        assert answer.status_code == 422

    @pytest.mark.parametrize("body", [b"{", b"[]", b'{"inputParams": 7}', b'{"dryRun": "yes"}'])
    def test_a_body_that_is_not_what_it_should_be_is_refused(self, api, body):
        answer = api.ask("POST", f"/v1/projects/{api.of_sort('api').project_id}/runs", content=body)

        assert answer.status_code == 400
        assert answer.json()["code"] == "BAD_REQUEST"

    def test_unknown_fields_are_ignored(self, api):
        answer = api.post(f"/v1/projects/{api.of_sort('api').project_id}/runs", json={"tomorrow": 1})

        assert answer.status_code == 201

    def test_updating_published_results_moves_their_time(self, make_api, make_simulation, manual_clock):
        api = make_api(make_simulation(run_seconds=10))
        project_id = api.of_sort("on_demand").project_id
        before = api.get(f"/v1/projects/{project_id}").json()["analytics"]["publishedResultsUpdatedAt"]
        for _ in range(3):
            api.post(f"/v1/projects/{project_id}/runs", json={"updatePublishedResults": True})
        manual_clock.advance(60)

        assert api.get(f"/v1/projects/{project_id}").json()["analytics"]["publishedResultsUpdatedAt"] > before

    def test_no_more_runs_than_kernels(self, make_api, make_simulation, manual_clock):
        api = make_api(make_simulation(run_seconds=600))
        path = f"/v1/projects/{api.of_sort('api').project_id}/runs"
        codes = [api.post(path).status_code for _ in range(26)]
        refused = api.post(path)
        manual_clock.advance(700)

        assert codes == [201] * 25 + [503]
        assert refused.json()["code"] == "SERVICE_UNAVAILABLE"
        assert api.post(path).status_code == 201

    def test_kernels_are_counted_for_each_token(self, make_api, make_simulation):
        api = make_api(make_simulation(run_seconds=600))
        path = f"/v1/projects/{api.of_sort('api').project_id}/runs"
        for _ in range(25):
            api.post(path)
        api.token = "hxtp_other"

        assert api.post(path).status_code == 201


class TestCancelRun:
    def test_a_cancelled_run_is_killed_at_once(self, make_api, make_simulation, manual_clock):
        api = make_api(make_simulation(run_seconds=600))
        project_id = api.of_sort("api").project_id
        run = api.post(f"/v1/projects/{project_id}/runs").json()
        manual_clock.advance(20)

        answer = api.delete(f"/v1/projects/{project_id}/runs/{run['runId']}")

        assert (answer.status_code, answer.content) == (204, b"")
        after = api.get(run["runStatusUrl"]).json()
        assert after["status"] == "KILLED"
        assert after["elapsedTime"] == 18_500

    def test_a_run_cancelled_while_pending_never_started(self, make_api, make_simulation):
        api = make_api(make_simulation(run_seconds=600))
        project_id = api.of_sort("api").project_id
        run = api.post(f"/v1/projects/{project_id}/runs").json()

        api.delete(f"/v1/projects/{project_id}/runs/{run['runId']}")

        after = api.get(run["runStatusUrl"]).json()
        assert (after["status"], after["startTime"]) == ("KILLED", None)
        assert after["endTime"] is not None

    def test_a_run_that_is_over_cannot_be_cancelled(self, api):
        project_id = api.of_sort("daily").project_id
        run_id = api.get(f"/v1/projects/{project_id}/runs").json()["runs"][5]["runId"]

        answer = api.delete(f"/v1/projects/{project_id}/runs/{run_id}")

        assert answer.status_code == 400
        assert set(answer.json()) == {"reason", "traceId"}

    def test_a_scheduled_run_can_be_cancelled_too(self, api, manual_clock):
        hourly = api.of_sort("abandoned")
        run = next(run for run in api.simulation.newest(hourly.project_id, api.simulation.now_ms + 2 * HOUR_MS))
        manual_clock.advance((run.start_ms - api.simulation.now_ms) / 1000 + 1)

        assert api.delete(f"/v1/projects/{hourly.project_id}/runs/{run.run_id}").status_code == 204
        assert api.get(f"/v1/projects/{hourly.project_id}/runs/{run.run_id}").json()["status"] == "KILLED"


class TestQueriedTables:
    def test_each_table_names_its_connection(self, api):
        project = api.of_sort("daily")

        tables = api.walk(f"/v1/projects/{project.project_id}/queriedTables")

        assert [table["tableName"] for table in tables] == list(project.tables)
        assert {table["dataConnectionId"] for table in tables} == {project.connection.connection_id}

    def test_they_are_for_the_enterprise(self, make_api):
        api = make_api(is_enterprise=False)
        answer = api.get(f"/v1/projects/{api.of_sort('daily').project_id}/queriedTables")

        assert answer.status_code == 403
        assert "reason" in answer.json()

    def test_an_unpublished_project_has_none(self, api):
        assert api.get(f"/v1/projects/{api.of_sort('draft').project_id}/queriedTables").status_code == 422


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


class TestTime:
    def test_every_answer_is_dated_by_the_workspace_clock(self, api, manual_clock):
        first = api.get("/v1/users/me").headers["date"]
        manual_clock.advance(61)
        second = api.get("/v1/users/me").headers["date"]

        assert (first, second) == ("Wed, 18 Nov 2026 11:06:40 GMT", "Wed, 18 Nov 2026 11:07:41 GMT")

    def test_two_services_of_one_seed_answer_alike(self, make_api, manual_clock):
        paths = ["/v1/projects", "/v1/users", "/v1/groups", "/v1/collections", "/v1/data-connections", "/v1/threads"]
        first, second = make_api(), make_api(Simulation(1, 40, clock=manual_clock))

        for path in paths:
            assert first.get(path).json() == second.get(path).json()


def _rank(status):
    return {"PENDING": 0, "RUNNING": 1}.get(status, 2)


def _tokens(api, user_id):
    return Tokens({"hxtp_editor": Token(account="editor", is_workspace=False, user_id=user_id)})
