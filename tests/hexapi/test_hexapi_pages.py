"""Bytes to a page."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.errors import BadAnswerError
from exporter.facts import Group, Identity, Project, Run
from exporter.hexapi import ApiRequest, BadItem, Endpoint, Page
from exporter.hexapi.pages import read_page

USERS, GROUPS, RUNS = ApiRequest(Endpoint.USERS), ApiRequest(Endpoint.GROUPS), ApiRequest(Endpoint.RUNS, "p-1")


def page(request: ApiRequest, answer: Any) -> Page:
    return read_page(
        request, answer if isinstance(answer, bytes) else json.dumps(answer).encode(), sent_ms=5, server_ms=7
    )


def runs(count: int) -> list[dict[str, str]]:
    return [{"runId": f"r-{number}"} for number in range(count)]


def test_a_page_has_its_items_its_cursor_and_its_times() -> None:
    answer = {"values": [{"id": "g-1", "name": "a"}], "pagination": {"after": "next", "before": None}}

    assert page(GROUPS, answer) == Page(
        request=GROUPS, items=(Group(group_id="g-1", name="a"),), after="next", has_more=True, sent_ms=5, server_ms=7
    )


@pytest.mark.parametrize(
    ("endpoint", "array", "item"),
    [
        (Endpoint.PROJECTS, "values", {"id": "x"}),
        (Endpoint.THREADS, "threads", {"id": "x"}),
        (Endpoint.CONNECTIONS, "values", {"id": "x"}),
    ],
)
def test_every_listing_has_its_own_array(endpoint: Endpoint, array: str, item: dict[str, str]) -> None:
    assert len(page(ApiRequest(endpoint), {array: [item]}).items) == 1

    with pytest.raises(BadAnswerError, match=f"200 a JSON object without the array `{array}`"):
        page(ApiRequest(endpoint), {"results": [item]})


def test_the_answer_to_me_is_one_item() -> None:
    assert page(ApiRequest(Endpoint.ME), {"org": {"id": "o-1"}}).items == (Identity(org_id="o-1"),)


@pytest.mark.parametrize(
    "pagination",
    [
        {},
        {"pagination": None},
        {"pagination": []},
        {"pagination": {}},
        *({"pagination": {"after": end}} for end in (None, "", False)),
    ],
    ids=repr,
)
def test_without_a_cursor_the_listing_ends(pagination: dict[str, Any]) -> None:
    found = page(USERS, {"values": [], **pagination})

    assert (found.after, found.has_more) == (None, False)


def test_a_number_serves_as_a_cursor() -> None:
    assert page(USERS, {"values": [], "pagination": {"after": 25}}).after == "25"


@pytest.mark.parametrize("after", [True, {"id": 1}, ["x"], 1.5], ids=repr)
def test_a_cursor_that_cannot_be_sent_back_is_a_bad_answer(after: Any) -> None:
    """There is more, no one can say where: half a listing must not pass for the whole."""
    with pytest.raises(BadAnswerError, match="neither a string nor null"):
        page(USERS, {"values": [], "pagination": {"after": after}})


@pytest.mark.parametrize(
    ("answer", "has_more"),
    [
        ({"runs": runs(3), "nextPage": "https://app.hex.tech/api/v1/projects/p-1/runs?offset=3"}, True),
        ({"runs": runs(100), "nextPage": None}, False),
        ({"runs": runs(100), "nextPage": ""}, False),
        ({"runs": runs(100)}, True),
        ({"runs": runs(99)}, False),
    ],
    ids=["next page", "null", "empty", "missing, full", "missing, short"],
)
def test_runs_go_on_while_there_is_a_next_page(answer: dict[str, Any], has_more: bool) -> None:
    assert page(RUNS, answer).has_more is has_more


def test_one_bad_item_costs_no_other() -> None:
    found = page(RUNS, {"runs": [{"runId": "r-1"}, None, {"status": "COMPLETED"}, [], {"runId": "r-2", "status": 5}]})

    assert [run.run_id for run in found.only(Run)] == ["r-1", "r-2"]
    assert found.size == 5
    assert found.bad == (
        BadItem(Endpoint.RUNS, None, "item 1 of the page is not an object"),
        BadItem(Endpoint.RUNS, None, "item 2 of the page has no usable id"),
        BadItem(Endpoint.RUNS, None, "item 3 of the page is not an object"),
    )


@pytest.mark.parametrize(
    ("written", "item_id"),
    [(5, "5"), (" p-1\n", "p-1"), ("", None), (None, None), (True, None), ({"id": "p-1"}, None), ("a b", None)],
    ids=repr,
)
def test_a_bad_item_has_its_id_where_that_can_be_made_out(written: Any, item_id: str | None) -> None:
    assert [bad.item_id for bad in page(GROUPS, {"values": [{"id": written}]}).bad] == [item_id]
    assert [bad.item_id for bad in page(RUNS, {"runs": [{"runId": written}]}).bad] == [item_id]


def test_the_newest_moment_is_one_that_has_passed() -> None:
    project = {
        "id": "p-1",
        "createdAt": "1970-01-01T00:00:01Z",
        "lastEditedAt": "1970-01-01T00:00:03Z",
        "schedules": [{"cadence": "HOURLY", "nextRunAt": "2199-01-01T00:00:00Z"}],
    }
    run = {"runId": "r-1", "startTime": "1970-01-01T00:00:01Z", "endTime": "1970-01-01T00:00:02Z"}

    assert page(ApiRequest(Endpoint.PROJECTS), {"values": [project, {"id": "p-2"}]}).newest_ms == 3000
    assert page(RUNS, {"runs": [run, {"runId": "r-2"}]}).newest_ms == 2000
    assert page(USERS, {"values": [{"id": "u-1", "lastLoginDate": "1970-01-01T00:00:04Z"}]}).newest_ms == 4000
    threads = page(ApiRequest(Endpoint.THREADS), {"threads": [{"id": "t-1", "createdAt": "1970-01-01T00:00:05Z"}]})
    assert threads.newest_ms == 5000
    assert page(GROUPS, {"values": [{"id": "g-1"}]}).newest_ms is None
    assert page(GROUPS, {"values": []}).newest_ms is None


def test_a_token_that_expires_says_nothing_of_the_past() -> None:
    assert page(ApiRequest(Endpoint.ME), {"token": {"exp": 7_000_000_000}}).newest_ms is None


def test_only_the_kind_that_was_requested_is_given() -> None:
    assert page(GROUPS, {"values": [{"id": "g-1"}]}).only(Project) == ()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "users: 200 an empty body instead of JSON"),
        (b" \n", "users: 200 an empty body instead of JSON"),
        (b"<!doctype html><html>", "users: 200 HTML instead of JSON"),
        (b"Unauthorized", "users: 200 a body that cannot be parsed instead of JSON"),
        (b'{"values": [', "users: 200 a body that cannot be parsed instead of JSON"),
        (b"[" * 200_000, "users: 200 a body that cannot be parsed instead of JSON"),
        (b'{"values":' * 100_000, "users: 200 a body that cannot be parsed instead of JSON"),
        (b"[]", "users: 200 JSON whose top level is not an object"),
        (b"null", "users: 200 JSON whose top level is not an object"),
        (b'"x"', "users: 200 JSON whose top level is not an object"),
        (b'{"values": {}}', "users: 200 a JSON object without the array `values`"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_what_is_not_the_promised_json_is_a_bad_answer(body: bytes, message: str) -> None:
    with pytest.raises(BadAnswerError) as caught:
        page(USERS, body)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    "oddity",
    [b"NaN", b"-Infinity", b"9" * 5000, b'"\\ud800"', b'"\xff\xfe"', b"1e999"],
    ids=lambda value: repr(value)[:16],
)
def test_an_odd_value_costs_one_field_and_not_the_page(oddity: bytes) -> None:
    found = page(RUNS, b'\xef\xbb\xbf{"runs": [{"runId": "r-1", "elapsedTime": ' + oddity + b'}, {"runId": "r-2"}]}')

    assert [(run.run_id, run.elapsed_ms) for run in found.only(Run)] == [("r-1", None), ("r-2", None)]


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(max_examples=100)
def test_any_bytes_give_a_page_or_a_bad_answer(body: bytes) -> None:
    try:
        found: Page | None = page(GROUPS, body)
    except BadAnswerError:
        found = None

    assert found is None or found.request == GROUPS
