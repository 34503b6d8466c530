"""Both ways of paging: nothing lost, nothing twice, and the documented bounds."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from exporter.simulator.paging import cursor_page, offset_page
from exporter.simulator.query import Query
from exporter.simulator.refusals import RefusalError

ITEMS = [f"item-{number}" for number in range(60)]

CURSOR_LISTINGS = [
    ("/v1/projects", 100),
    ("/v1/users", 500),
    ("/v1/groups", 500),
    ("/v1/collections", 100),
    ("/v1/data-connections", 100),
    ("/v1/threads", 100),
    ("/v1/context/topics", 100),
]


def cursors(items, **given_query):
    query = Query(QueryParams(given_query))
    return cursor_page(items, str, lambda item: {"id": item}, query)


def offsets(items, **given_query):
    return offset_page(items, lambda item: {"id": item}, Query(QueryParams(given_query)), "http://hex.test/runs")


class TestCursors:
    @settings(max_examples=50)
    @given(number=st.integers(0, 60), limit=st.integers(1, 100))
    def test_following_the_cursors_reads_everything_once(self, number, limit):
        items, seen, after = ITEMS[:number], [], None
        while True:
            page = cursors(items, limit=limit, **({"after": after} if after else {}))
            seen += [item["id"] for item in page["values"]]
            after = page["pagination"]["after"]
            if after is None:
                break

        assert seen == items

    @settings(max_examples=50)
    @given(number=st.integers(1, 60), limit=st.integers(1, 30))
    def test_before_leads_back_the_same_way(self, number, limit):
        items, after, pages = ITEMS[:number], None, []
        while True:
            page = cursors(items, limit=limit, **({"after": after} if after else {}))
            pages.append(page)
            after = page["pagination"]["after"]
            if after is None:
                break

        for earlier, later in pairwise(pages):
            assert cursors(items, limit=limit, before=later["pagination"]["before"])["values"] == earlier["values"]
        assert pages[0]["pagination"]["before"] is None

    def test_a_cursor_holds_its_place_when_something_new_comes_in_front(self):
        after = cursors(ITEMS, limit=10)["pagination"]["after"]

        page = cursors(["new", *ITEMS], limit=10, after=after)

        assert [item["id"] for item in page["values"]] == ITEMS[10:20]

    @pytest.mark.parametrize("cursor", ["nonsense", "ä", "MTpub2JvZHk", "===="])
    def test_a_cursor_that_was_never_given_out_is_refused(self, cursor):
        with pytest.raises(RefusalError, match="400 Invalid cursor"):
            cursors(ITEMS, after=cursor)

    def test_both_directions_at_once_are_refused(self):
        after = cursors(ITEMS, limit=10)["pagination"]["after"]

        with pytest.raises(RefusalError):
            cursors(ITEMS, after=after, before=after)

    def test_an_empty_listing_is_one_empty_page(self):
        assert cursors([]) == {"values": [], "pagination": {"after": None, "before": None}}

    @pytest.mark.parametrize(("path", "most"), CURSOR_LISTINGS)
    def test_the_documented_maximum_is_enforced(self, api, path, most):
        assert api.get(path, limit=most).status_code == 200
        for limit in (0, most + 1, -1, "ten", "1.5", "٣"):
            assert api.get(path, limit=limit).status_code == 400

    @pytest.mark.parametrize("path", ["/v1/projects", "/v1/threads", "/v1/users"])
    def test_a_page_has_twenty_five_items_unless_told_otherwise(self, api, path):
        page = api.get(path).json()
        items = page.get("values") or page["threads"]

        assert len(items) == 25
        assert page["pagination"]["after"] is not None

    def test_the_walk_through_the_api_is_complete(self, api):
        few = [project["id"] for project in api.walk("/v1/projects", limit=7)]
        many = [project["id"] for project in api.walk("/v1/projects", limit=100)]

        assert few == many


class TestOffsets:
    @settings(max_examples=50)
    @given(number=st.integers(0, 60), limit=st.integers(1, 100))
    def test_following_the_links_reads_everything_once(self, number, limit):
        items, seen, offset = ITEMS[:number], [], 0
        while True:
            page = offsets(items, limit=limit, offset=offset)
            seen += [item["id"] for item in page["runs"]]
            if page["nextPage"] is None:
                break
            offset = int(page["nextPage"].rpartition("offset=")[2])

        assert seen == items

    def test_the_links_are_whole_addresses(self):
        page = offsets(ITEMS, limit=10, offset=20)

        assert page["nextPage"] == "http://hex.test/runs?limit=10&offset=30"
        assert page["previousPage"] == "http://hex.test/runs?limit=10&offset=10"

    def test_the_first_page_has_none_before_it_and_the_last_none_after(self):
        assert offsets(ITEMS, limit=10)["previousPage"] is None
        assert offsets(ITEMS, limit=10, offset=50)["nextPage"] is None
        assert offsets(ITEMS, limit=10, offset=500)["runs"] == []

    def test_the_link_leads_to_the_host_that_was_asked(self, api):
        project_id = api.of_sort("office").project_id

        link = api.get(f"/v1/projects/{project_id}/runs").json()["nextPage"]

        assert link == f"http://hex.test/api/v1/projects/{project_id}/runs?limit=25&offset=25"

    @pytest.mark.parametrize(
        "params",
        [
            {"limit": 0},
            {"limit": 101},
            {"offset": -1},
            {"offset": "x"},
            {"statusFilter": "completed"},
            {"runTriggerFilter": "CRON"},
        ],
    )
    def test_what_does_not_fit_is_refused(self, api, params):
        assert api.get(f"/v1/projects/{api.of_sort('daily').project_id}/runs", **params).status_code == 400


class TestParameters:
    @pytest.mark.parametrize(
        ("path", "params"),
        [
            ("/v1/projects", {"includeArchived": "1"}),
            ("/v1/projects", {"sortBy": "NAME"}),
            ("/v1/projects", {"sortDirection": "down"}),
            ("/v1/users", {"sortBy": "ROLE"}),
            ("/v1/threads", {"numDays": 0}),
            ("/v1/threads", {"source": "EMAIL"}),
            ("/v1/threads", {"type": "Thread"}),
            ("/v1/projects", {"after": "nonsense"}),
        ],
    )
    def test_a_value_that_is_not_documented_is_refused(self, api, path, params):
        assert api.get(path, **params).status_code == 400

    def test_a_parameter_that_is_not_known_is_ignored(self, api):
        assert api.get("/v1/projects", tomorrow="1").status_code == 200
