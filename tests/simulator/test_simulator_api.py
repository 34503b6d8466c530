"""The operations, one documented behaviour after the other."""

import re

import pytest

from exporter.simulator import Simulation
from exporter.simulator.event_times import DAY_MS
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

    def test_the_singular_project_has_the_same_runs_as_the_plural(self, api):
        project_id = api.of_sort("daily").project_id
        started = api.post(f"/v1/project/{project_id}/runs", json={"inputParams": {}})
        run_id = started.json()["runId"]
        singular, plural = (api.get(f"/v1/{name}/{project_id}/runs").json() for name in ("project", "projects"))

        assert started.status_code == 201
        assert [one["runId"] for one in singular["runs"]] == [one["runId"] for one in plural["runs"]]
        assert run_id in [one["runId"] for one in singular["runs"]]
        assert api.get(f"/v1/project/{project_id}/runs/{run_id}").json()["runId"] == run_id
        assert api.delete(f"/v1/project/{project_id}/runs/{run_id}").status_code == 204


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
