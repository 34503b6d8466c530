"""The simulator's own controls over HTTP."""

from collections import Counter

import pytest

from exporter.simulator.event_times import DAY_MS, HOUR_MS


class TestFaults:
    def test_a_fault_is_put_in_force_listed_and_ended(self, api):
        added = api.post("/_simulator/faults", json={"kind": "429", "endpoint": "runs", "retry_after": 30, "count": 5})
        path = f"/v1/projects/{api.of_sort('daily').project_id}/runs"

        assert added.status_code == 200
        assert api.get(path).headers["retry-after"] == "30"
        assert api.get("/_simulator/faults").json()["faults"][0]["count"] == 4
        assert api.delete("/_simulator/faults").json() == {"faults": []}
        assert api.get(path).status_code == 200

    @pytest.mark.parametrize(
        "body", [{}, {"kind": "x"}, {"kind": "429", "x": 1}, {"kind": "429", "probability": 2}, []]
    )
    def test_a_fault_that_cannot_be_understood_is_refused(self, api, body):
        answer = api.post("/_simulator/faults", json=body)

        assert answer.status_code == 400
        assert answer.json()["error"]

    def test_controls_need_no_token(self, make_api):
        assert make_api(token=None).get("/_simulator/state").status_code == 200


class TestLimits:
    def test_limits_change_while_it_runs(self, api):
        assert api.post("/_simulator/limits", json={"limits": "1/100"}).status_code == 200
        assert [api.get("/v1/users/me").status_code for _ in range(2)] == [200, 429]

        api.post("/_simulator/limits", json={"limits": "off"})
        assert api.get("/v1/users/me").status_code == 200

    def test_a_size_that_cannot_be_understood_is_refused(self, api):
        answer = api.post("/_simulator/limits", json={"limits": "fast"})

        assert answer.status_code == 400
        assert "'fast' is not valid" in answer.json()["error"]


class TestRunaway:
    def test_a_project_runs_away(self, api, manual_clock):
        project_id = api.of_sort("weekly").project_id
        answer = api.post("/_simulator/runaway", json={"project_id": project_id, "every_seconds": 2})
        manual_clock.advance(60)

        assert answer.json()["every_ms"] == 2000
        assert (
            29
            <= len(
                list(
                    api.simulation.runs_between(
                        api.simulation.now_ms - 60_000, api.simulation.now_ms, project_id=project_id
                    )
                )
            )
            <= 31
        )

    def test_without_a_name_it_is_the_first_that_can(self, api):
        chosen = api.post("/_simulator/runaway").json()["project_id"]

        assert api.simulation.by_id[chosen].is_runnable

    def test_an_unknown_project_is_refused(self, api):
        assert api.post("/_simulator/runaway", json={"project_id": "x"}).status_code == 404


class TestState:
    def test_requests_are_counted_by_endpoint_and_code(self, api):
        api.get("/v1/projects")
        api.get("/v1/projects", limit=0)
        api.get("/v1/users")
        api.get("/v1/users")
        api.fault("reset", endpoint="groups", count=1)
        with pytest.raises(ConnectionResetError):
            api.get("/v1/groups")

        counts = {
            (entry["endpoint"], entry["code"]): entry["count"]
            for entry in api.get("/_simulator/state").json()["requests"]
        }
        assert counts == {
            ("projects", "200"): 1,
            ("projects", "400"): 1,
            ("users", "200"): 2,
            ("groups", "reset"): 1,
        }

    def test_the_log_tells_when_each_request_came(self, api, manual_clock):
        api.get("/v1/projects")
        manual_clock.advance(5)
        api.get("/v1/users")

        first, second = api.app.log
        assert (first.endpoint, second.endpoint, second.at_ms - first.at_ms) == ("projects", "users", 5000)


class TestTruth:
    def test_it_counts_the_runs_of_a_range(self, api):
        now_ms = api.simulation.now_ms
        expected = Counter(
            (run.project_id, run.trigger, run.status) for run in api.simulation.runs_between(now_ms - DAY_MS, now_ms)
        )

        truth = api.get("/_simulator/truth", **{"from": now_ms - DAY_MS, "to": now_ms}).json()

        found = {(run["project_id"], run["trigger"], run["status"]): run["count"] for run in truth["runs"]}
        assert found == expected
        assert truth["total"] == expected.total() > 50

    @pytest.mark.slow
    def test_runs_can_be_told_by_their_end(self, api):
        now_ms = api.simulation.now_ms
        ended = [
            run
            for run in api.simulation.runs_between(0, now_ms)
            if run.ended_ms is not None and run.ended_ms >= now_ms - DAY_MS
        ]

        truth = api.get("/_simulator/truth", ended_from=now_ms - DAY_MS).json()

        assert truth["total"] == len(ended) > 50

    def test_a_time_may_be_written_out(self, api):
        params = {"from": "2026-11-17T00:00:00Z", "to": "2026-11-17T01:00:00+00:00"}

        truth = api.get("/_simulator/truth", **params).json()

        assert truth["to_ms"] - truth["from_ms"] == HOUR_MS

    @pytest.mark.parametrize("text", ["yesterday", "2026-11-17T00:00:00"])
    def test_a_time_without_zone_is_refused(self, api, text):
        assert api.get("/_simulator/truth", **{"from": text}).status_code == 400

    @pytest.mark.slow
    def test_the_planted_waste_is_told(self, api):
        waste = api.get("/_simulator/waste").json()["waste"]

        assert {"abandoned_project", "idle_paid_seat", "overlapping_connections"} <= {one["kind"] for one in waste}


class TestSources:
    def test_the_tag_changes_when_the_data_does(self, api, manual_clock):
        project = api.of_sort("office")
        path = f"/_simulator/sources/{project.project_id}"
        first = api.get(path)

        assert api.get(path, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
        manual_clock.advance(2 * 86_400)
        later = api.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert later.status_code == 200
        assert later.json()["changed_ms"] > first.json()["changed_ms"]

    def test_an_unknown_project_has_none(self, api):
        assert api.get("/_simulator/sources/x").status_code == 404
