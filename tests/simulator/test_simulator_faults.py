"""Every kind of fault, one by one, and where, how often and how likely it comes."""

import json

import pytest

from exporter.simulator import Fault, Faults, parse_fault
from exporter.simulator.distorted_answers import BAD_ITEMS
from exporter.simulator.faults import KINDS, STATUS_KINDS


class TestStatuses:
    @pytest.mark.parametrize("kind", STATUS_KINDS)
    def test_the_answer_is_the_status(self, api, kind):
        api.fault(kind)

        assert api.get("/v1/users/me").status_code == int(kind)

    def test_429_may_come_with_seconds_a_date_or_nothing(self, api):
        api.fault("429", count=1, retry_after=30)
        api.fault("429", endpoint="users", retry_after=30, as_date=True)
        api.fault("429", endpoint="groups")

        assert api.get("/v1/users/me").headers["retry-after"] == "30"
        assert api.get("/v1/users").headers["retry-after"] == "Wed, 18 Nov 2026 11:07:10 GMT"
        assert "retry-after" not in api.get("/v1/groups").headers

    def test_401_is_that_of_the_edge(self, api):
        api.fault("401")

        answer = api.get("/v1/projects")
        assert (answer.text, answer.headers["www-authenticate"]) == ("Unauthorized", 'Bearer error="invalid_token"')

    def test_500_has_the_shape_of_its_family(self, api):
        api.fault("500")

        assert api.get("/v1/users").json()["code"] == "INTERNAL_SERVER_ERROR"
        assert set(api.get("/v1/projects").json()) == {"reason", "traceId"}

    def test_502_is_a_page_of_the_gateway(self, api):
        api.fault("502")

        assert api.get("/v1/users").headers["content-type"].startswith("text/html")


class TestBodies:
    def test_html_instead_of_json(self, api):
        api.fault("html")

        answer = api.get("/v1/projects")
        assert (answer.status_code, answer.text[:9]) == (200, "<!DOCTYPE")

    def test_nothing_at_all(self, api):
        api.fault("empty")

        answer = api.get("/v1/projects")
        assert (answer.status_code, answer.content) == (200, b"")

    def test_json_that_is_none(self, api):
        api.fault("garbage")

        with pytest.raises(json.JSONDecodeError):
            api.get("/v1/projects").json()


class TestWire:
    def test_half_of_an_answer(self, api):
        whole = api.get("/v1/groups").content
        api.fault("truncation")

        answer = api.get("/v1/groups")
        assert answer.content == whole[: len(whole) // 2]
        assert int(answer.headers["content-length"]) == len(whole)

    def test_byte_by_byte(self, api, manual_clock):
        whole = api.get("/v1/users/me").content
        api.fault("drip", seconds=2)
        before = manual_clock.now()

        assert api.get("/v1/users/me").content == whole
        assert manual_clock.now() - before == 2 * len(whole)

    def test_late(self, api, manual_clock):
        api.fault("slow", seconds=20)
        before = manual_clock.now()

        assert api.get("/v1/users/me").status_code == 200
        assert manual_clock.now() - before == 20

    def test_huge_and_still_right_for_those_who_read_it(self, api):
        small = api.get("/v1/groups").json()
        api.fault("huge", size_bytes=200_000)

        answer = api.get("/v1/groups")
        assert len(answer.content) > 200_000
        assert answer.json() == small

    def test_broken_off(self, api):
        api.fault("reset")

        with pytest.raises(ConnectionResetError):
            api.get("/v1/groups")


class TestListings:
    @pytest.mark.parametrize("path", ["/v1/projects", "/v1/users", "/v1/groups", "/v1/data-connections"])
    def test_a_cursor_repeats_for_ever(self, api, path):
        api.fault("loop")
        first = api.get(path, limit=5).json()["pagination"]["after"]

        for _ in range(3):
            assert api.get(path, limit=5, after=first).json()["pagination"]["after"] == first

    def test_the_link_of_a_page_of_runs_leads_to_itself(self, api):
        api.fault("loop")
        link = f"http://hex.test/api/v1/projects/{api.of_sort('office').project_id}/runs?limit=25&offset=50"

        assert api.get(link).json()["nextPage"] == link

    def test_pages_shift_while_they_are_read(self, api):
        """One item comes twice, as if another had been put in front; none is lost."""
        path = "/v1/projects"
        whole = [project["id"] for project in api.walk(path, limit=100)]
        api.fault("shift", endpoint="projects")

        seen = [project["id"] for project in api.walk(path, limit=10)]

        assert set(seen) == set(whole)
        assert len(seen) > len(whole)

    def test_pages_of_runs_shift_too(self, api):
        path = f"/v1/projects/{api.of_sort('office').project_id}/runs"
        first = api.get(path, limit=10).json()["runs"]
        api.fault("shift", endpoint="runs")

        assert api.get(path, limit=10, offset=10).json()["runs"][0] == first[-1]

    def test_pagination_is_missing(self, api):
        api.fault("missing_pagination")

        assert set(api.get("/v1/projects").json()) == {"values"}
        runs = api.get(f"/v1/projects/{api.of_sort('office').project_id}/runs").json()
        assert set(runs) == {"runs", "traceId"}

    def test_keys_are_null_or_missing(self, api):
        path = f"/v1/projects/{api.of_sort('office').project_id}/runs"
        whole = api.get(path).json()["runs"]
        api.fault("nulls")

        first, second = api.get(path).json()["runs"][:2]

        assert first["elapsedTime"] is None
        assert set(second) == {"runId", "status", "startTime"}
        assert [first["runId"], second["runId"]] == [run["runId"] for run in whole[:2]]

    def test_bad_items_stand_among_the_good_ones(self, api):
        whole = api.get("/v1/projects").json()["values"]
        api.fault("bad_item")

        values = api.get("/v1/projects").json()["values"]

        assert values[: len(BAD_ITEMS)] == list(BAD_ITEMS)
        assert values[len(BAD_ITEMS) :] == whole

    def test_runs_come_in_another_order_and_none_is_lost(self, api):
        project_id = api.of_sort("office").project_id
        whole = api.walk_runs(project_id)
        api.fault("unordered")

        shuffled = api.walk_runs(project_id)

        assert shuffled != whole
        assert sorted(run["runId"] for run in shuffled) == sorted(run["runId"] for run in whole)

    def test_every_kind_is_answered(self, api):
        """Whatever is requested, the application itself does not fail."""
        path = f"/v1/projects/{api.of_sort('office').project_id}/runs"
        for kind in set(KINDS) - {"reset"}:
            api.app.faults.clear()
            api.fault(kind, size_bytes=10, seconds=0)
            assert api.get(path).status_code in (200, *map(int, STATUS_KINDS))


class TestDrawing:
    def test_a_fault_is_used_up(self, api):
        api.fault("503", count=2)

        assert [api.get("/v1/users/me").status_code for _ in range(3)] == [503, 503, 200]

    def test_a_fault_is_meant_for_one_endpoint(self, api):
        api.fault("503", endpoint="groups")

        assert api.get("/v1/users").status_code == 200
        assert api.get("/v1/groups").status_code == 503

    def test_a_fault_is_meant_for_one_project(self, api):
        first, second = api.of_sort("daily").project_id, api.of_sort("weekly").project_id
        api.fault("503", endpoint="runs", project_id=first)

        assert api.get(f"/v1/projects/{second}/runs").status_code == 200
        assert api.get(f"/v1/projects/{first}/runs").status_code == 503

    def test_probability_is_a_share_and_repeats_with_the_seed(self):
        def draws(seed):
            faults = Faults([Fault(kind="500", probability=0.25)], seed)
            return [bool(faults.draw("runs", None)) for _ in range(2000)]

        assert draws(1) == draws(1) != draws(2)
        assert 0.2 < sum(draws(1)) / 2000 < 0.3

    def test_faults_add_up(self, api):
        api.fault("slow", seconds=5)
        api.fault("bad_item")

        assert len(api.get("/v1/groups").json()["values"]) == len(BAD_ITEMS) + len(api.simulation.groups)


class TestParsing:
    def test_a_flag(self):
        assert parse_fault("429,endpoint=runs,count=5,retry_after=30,as_date=true") == Fault(
            kind="429", endpoint="runs", count=5, retry_after=30, as_date=True
        )

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("430", "'430' is not a kind of fault; write one of"),
            ("429,count", "'count' in the fault '429,count' is not valid; write NAME=VALUE"),
            ("429,colour=red", "colour"),
            ("429,count=0", "count 0 is not valid; write at least 1"),
            ("429,probability=2", "probability 2.0 is not valid; write a number from 0 to 1"),
            ("429,count=many", "Expected `int"),
        ],
    )
    def test_what_cannot_be_understood_is_refused(self, text, says):
        with pytest.raises(ValueError, match=r"fault|found") as caught:
            parse_fault(text)

        assert says in str(caught.value)
