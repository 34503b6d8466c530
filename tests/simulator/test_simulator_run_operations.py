"""Starting and cancelling runs, one documented behaviour after the other."""

from collections import Counter

import pytest

from exporter.simulator.event_times import HOUR_MS


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


def _rank(status):
    return {"PENDING": 0, "RUNNING": 1}.get(status, 2)
