"""Items of answers as facts, field by field."""

import json
from typing import Any

import pytest
from helpers.item_reading import NOON, NOON_MS, read
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.facts import (
    Project,
    Run,
    Schedule,
)
from exporter.hexapi import Endpoint
from exporter.hexapi.item_parsing import key

WHOLE_PROJECT = {
    "id": "p-1",
    "title": "Orders",
    "description": None,
    "type": "PROJECT",
    "creator": {"email": "ada@acme.example"},
    "owner": {"email": "bob@acme.example"},
    "status": {"name": "In review"},
    "categories": [{"name": "finance", "description": None}, {"name": "finance"}, {"name": "weekly"}],
    "reviews": {"required": False},
    "analytics": {
        "appViews": {"allTime": 90, "lastSevenDays": 1, "lastFourteenDays": 2, "lastThirtyDays": 3.0},
        "lastViewedAt": NOON,
        "publishedResultsUpdatedAt": NOON,
    },
    "createdAt": NOON,
    "lastEditedAt": NOON,
    "lastPublishedAt": NOON,
    "archivedAt": None,
    "trashedAt": None,
    "schedules": [
        {
            "cadence": "DAILY",
            "enabled": True,
            "hourly": None,
            "daily": {"minute": 30, "hour": 7, "timezone": "+08:00"},
            "weekly": None,
            "monthly": None,
            "custom": None,
        }
    ],
    "sharing": {
        "users": [{"access": "FULL_ACCESS", "user": {"email": "ada@acme.example"}}],
        "groups": [
            {"access": "CAN_VIEW", "group": {"name": "analysts"}},
            {"access": "NONE", "group": {"name": "nobody"}},
        ],
        "collections": [{"access": "CAN_VIEW", "collection": {"name": "Board"}}],
        "workspace": {"access": "NONE"},
    },
}


def run(**fields: Any) -> Run:
    found = read(Endpoint.RUNS, {"runId": "r-1", "status": "COMPLETED", **fields})
    assert isinstance(found, Run)
    return found


def schedule(entry: Any) -> Schedule:
    (found,) = read(Endpoint.PROJECTS, {"id": "p-1", "schedules": [entry]}).schedules
    assert isinstance(found, Schedule)
    return found


class TestProject:
    def test_every_field_is_read(self) -> None:
        assert read(Endpoint.PROJECTS, WHOLE_PROJECT) == Project(
            project_id="p-1",
            title="Orders",
            owner="bob@acme.example",
            creator="ada@acme.example",
            project_status="In review",
            categories=("finance", "weekly"),
            groups=("analysts",),
            collections=("Board",),
            created_ms=NOON_MS,
            edited_ms=NOON_MS,
            published_ms=NOON_MS,
            viewed_ms=NOON_MS,
            results_updated_ms=NOON_MS,
            views_7d=1,
            views_14d=2,
            views_30d=3,
            views_all=90,
            schedules=(Schedule(cadence="daily", enabled=True, cron="30 7 * * *", timezone="+08:00"),),
        )

    def test_an_id_is_enough(self) -> None:
        assert read(Endpoint.PROJECTS, {"id": "p-1"}) == Project(project_id="p-1")

    @pytest.mark.parametrize("field", sorted(set(WHOLE_PROJECT) - {"id"}))
    @pytest.mark.parametrize("wrong", [None, 7, "x", True, [], [3, None], {}, {"name": 5}], ids=repr)
    def test_a_wrong_field_costs_no_other(self, field: str, wrong: Any) -> None:
        found = read(Endpoint.PROJECTS, {**WHOLE_PROJECT, field: wrong})

        assert found.project_id == "p-1"
        assert found.title == ("Orders" if field != "title" else wrong if isinstance(wrong, str) else "")
        assert found.views_all == (None if field == "analytics" else 90)

    @pytest.mark.parametrize("project_id", [None, "", 7, "a b", "..", "a\nb", "a\ud800", "x" * 201], ids=repr)
    def test_without_a_usable_id_there_is_no_project(self, project_id: Any) -> None:
        assert read(Endpoint.PROJECTS, {"id": project_id}) is None

    def test_text_that_no_database_stores_is_replaced(self) -> None:
        found = read(Endpoint.PROJECTS, {"id": "p-1", "title": "a\ud800b\0c" + "x" * 5000})

        assert found.title.startswith("a\ufffdb\ufffdcx")
        assert len(found.title) == 1000
        assert found.title.encode()

    @pytest.mark.parametrize("views", [-1, True, "many", float("inf"), 10**30, {}], ids=repr)
    def test_views_that_are_no_count_are_unknown(self, views: Any) -> None:
        found = read(Endpoint.PROJECTS, {"id": "p-1", "analytics": {"appViews": {"allTime": views}}})

        assert found.views_all is None


class TestSchedule:
    @pytest.mark.parametrize(
        ("cadence", "detail", "cron"),
        [
            ("HOURLY", {"minute": 0}, "0 * * * *"),
            ("DAILY", {"minute": 5, "hour": 23}, "5 23 * * *"),
            ("WEEKLY", {"minute": 5, "hour": 6, "dayOfWeek": "SUNDAY"}, "5 6 * * 0"),
            ("WEEKLY", {"minute": 5, "hour": 6, "dayOfWeek": "Saturday"}, "5 6 * * 6"),
            ("MONTHLY", {"minute": 5, "hour": 6, "day": 28}, "5 6 28 * *"),
            ("CUSTOM", {"cron": " */15  8-18 * * MON-FRI "}, "*/15 8-18 * * MON-FRI"),
        ],
    )
    def test_a_cadence_becomes_a_cron_expression(self, cadence: str, detail: dict[str, Any], cron: str) -> None:
        found = schedule({"cadence": cadence, "enabled": True, cadence.lower(): {**detail, "timezone": "-03:30"}})

        assert found == Schedule(cadence=cadence.lower(), enabled=True, cron=cron, timezone="-03:30")

    @pytest.mark.parametrize(
        ("cadence", "detail"),
        [
            ("HOURLY", {"minute": 60}),
            ("HOURLY", {"minute": -1}),
            ("HOURLY", {"minute": True}),
            ("HOURLY", {"minute": "5"}),
            ("HOURLY", None),
            ("DAILY", {"minute": 0, "hour": 24}),
            ("DAILY", {"minute": 0}),
            ("WEEKLY", {"minute": 0, "hour": 0, "dayOfWeek": "SOMEDAY"}),
            ("WEEKLY", {"minute": 0, "hour": 0}),
            ("MONTHLY", {"minute": 0, "hour": 0, "day": 32}),
            ("MONTHLY", {"minute": 0, "hour": 0, "day": 0}),
            ("CUSTOM", {"cron": "whenever"}),
            ("CUSTOM", {"cron": "* * * *"}),
            ("CUSTOM", {"cron": "0 * * * * *"}),
            ("CUSTOM", {"cron": "0 0 30 2 *"}),
            ("CUSTOM", {"cron": "*," * 500 + "* * * * *"}),
            ("CUSTOM", {"cron": 5}),
            ("FORTNIGHTLY", {"minute": 0}),
        ],
    )
    def test_what_cannot_be_understood_has_no_cron(self, cadence: str, detail: Any) -> None:
        found = schedule({"cadence": cadence, "enabled": True, cadence.lower(): detail})

        assert (found.cadence, found.cron) == (cadence.lower(), None)

    def test_without_a_zone_it_is_utc(self) -> None:
        assert schedule({"cadence": "HOURLY", "hourly": {"minute": 1, "timezone": None}}).timezone == "UTC"

    @pytest.mark.parametrize(("sent", "enabled"), [(True, True), (False, False), (None, False), ("true", False)])
    def test_only_true_means_enabled(self, sent: Any, enabled: bool) -> None:
        assert schedule({"cadence": "HOURLY", "enabled": sent}).enabled is enabled

    def test_entries_that_are_no_objects_are_left_out(self) -> None:
        assert read(Endpoint.PROJECTS, {"id": "p-1", "schedules": [None, 5, "x", []]}).schedules == ()


class TestRun:
    def test_every_field_is_read(self) -> None:
        found = run(
            projectId="p-1",
            runTrigger="APP_REFRESH",
            startTime=NOON,
            endTime="2026-11-24T12:00:30.500Z",
            elapsedTime=30500,
            projectVersion=12,
            notifications=[{}],
        )

        assert found == Run(
            run_id="r-1",
            project_id="p-1",
            status="completed",
            trigger="app_refresh",
            start_ms=NOON_MS,
            end_ms=NOON_MS + 30_500,
            elapsed_ms=30_500,
            version="12",
        )

    def test_it_belongs_to_the_project_that_was_asked_for(self) -> None:
        assert run(projectId="another").project_id == "p-1"

    def test_everything_but_its_id_may_be_missing(self) -> None:
        assert read(Endpoint.RUNS, {"runId": "r-1"}) == Run(run_id="r-1", project_id="p-1", status="unknown")

    @pytest.mark.parametrize(
        ("elapsed", "expected_ms"),
        [
            (1500, 1500),
            (1500.6, 1501),
            ("1500", 1500),
            ("1500.5e0", 1500),
            (0, 0),
            (None, None),
            (-1, None),
            ("-1", None),
            (float("nan"), None),
            (float("inf"), None),
            ("NaN", None),
            ("Infinity", None),
            ("", None),
            ("soon", None),
            (True, None),
            (10**400, None),
            ([], None),
        ],
        ids=lambda value: repr(value)[:20],
    )
    def test_elapsed_time_is_whole_milliseconds_or_unknown(self, elapsed: Any, expected_ms: int | None) -> None:
        assert run(elapsedTime=elapsed).elapsed_ms == expected_ms

    @pytest.mark.parametrize(
        ("sent", "expected"),
        [(3, "3"), (3.0, "3"), ("3", "3"), ("draft", "draft"), (None, None), ("", None), (True, None), ([], None)],
    )
    def test_a_version_comes_as_number_string_or_not_at_all(self, sent: Any, expected: str | None) -> None:
        assert run(projectVersion=sent).version == expected

    @pytest.mark.parametrize(
        ("sent", "expected"),
        [
            ("WEBHOOK", "webhook"),
            (" API ", "api"),
            (None, "unknown"),
            ("", "unknown"),
            (7, "unknown"),
            ("X" * 99, "x" * 64),
        ],
        ids=repr,
    )
    def test_enums_are_open_lower_case_and_short(self, sent: Any, expected: str) -> None:
        assert run(runTrigger=sent).trigger == expected
        assert run(status=sent).status == expected


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


class TestLaws:
    @pytest.mark.parametrize("endpoint", [one for one in Endpoint if one is not Endpoint.EXPORT])
    @given(data=st.data())
    @settings(max_examples=30)
    @pytest.mark.slow
    def test_no_value_in_any_field_can_raise(self, endpoint: Endpoint, data: st.DataObject) -> None:
        names = ["title", "status", "owner", "analytics", "schedules", "sharing", "categories", "createdAt", "type"]
        names += ["runTrigger", "startTime", "elapsedTime", "projectVersion", "role", "org", "token", "creditsUsed"]
        names += ["connectionDetails", "dataConnectionName", "name", "email"]
        item: dict[str, Any] = {"id": "i-1", "runId": "r-1", "dataConnectionId": "c-1", "tableName": "t"}
        item |= data.draw(st.dictionaries(st.sampled_from(names), JSON_VALUES, max_size=4))

        fact = read(endpoint, item)

        assert fact is not None
        assert key(fact) == key(read(endpoint, json.loads(json.dumps(item))))
