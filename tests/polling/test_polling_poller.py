"""The loop of one workspace against a hand-made Hex: what it asks, what it leaves alone, what it survives."""

import asyncio
from itertools import pairwise

import httpx
import pytest
import structlog

from exporter.config import Collect
from exporter.errors import LedgerError
from exporter.hexapi import TokenSource
from exporter.ledger import WorkspaceLedger
from exporter.polling.project_details import DetailReader

HOUR = 3600
DAY = 24 * HOUR


def refusal(status: int, **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"reason": "no"}, headers=headers)


def hourly(minute: int = 0) -> dict:
    return {"cadence": "HOURLY", "enabled": True, "hourly": {"minute": minute, "timezone": "+00:00"}}


def go(following, seconds: float, **more) -> None:
    asyncio.run(following.run_for(seconds, **more))


class TestCounting:
    @pytest.mark.slow
    def test_history_before_first_contact_is_known_and_not_counted(self, hand_made, follow, clock):
        hand_made.add_project("p")
        for number in range(250):
            hand_made.add_run("p", f"old{number}", clock.now() - (300 - number) * 60, end=clock.now() - 3600)
        following = follow(hand_made.transport)

        go(following, HOUR)

        assert following.counted() == {}
        assert sum(1 for _ in following.known.runs_between(0, None)) == 250
        assert following.known.projects()[0].progress.known_from_ms == 0

    @pytest.mark.slow
    def test_run_is_counted_once_when_it_has_ended(self, hand_made, follow, clock):
        hand_made.add_project("p")
        following = follow(hand_made.transport)
        go(following, HOUR)
        run = hand_made.add_run("p", "r", clock.now())
        go(following, HOUR)
        assert following.counted() == {}
        assert [one.run_id for one in following.known.active_runs()] == ["r"]

        run.update(status="ERRORED", endTime=run["startTime"])
        go(following, 2 * HOUR)

        assert following.counted() == {("p", "api", "errored"): 1}

    @pytest.mark.slow
    def test_status_corrected_later_moves_no_counter(self, hand_made, follow, clock):
        hand_made.add_project("p")
        following = follow(hand_made.transport)
        go(following, HOUR)
        run = hand_made.add_run("p", "r", clock.now(), end=clock.now() + 5)
        go(following, HOUR)

        run["status"] = "ERRORED"
        go(following, HOUR)

        assert following.counted() == {("p", "api", "completed"): 1}
        assert [one.status for one in following.known.runs_between(0, None)] == ["errored"]

    @pytest.mark.slow
    def test_run_that_hex_forgets_while_active_is_no_longer_active(self, hand_made, follow, clock):
        hand_made.add_project("p")
        following = follow(hand_made.transport)
        hand_made.add_run("p", "r", clock.now())
        go(following, HOUR)

        hand_made.runs["p"].clear()
        go(following, HOUR)

        assert following.known.active_runs() == ()
        assert following.counted() == {}

    @pytest.mark.slow
    def test_restart_neither_loses_nor_doubles(self, hand_made, follow, clock):
        hand_made.add_project("p")
        following = follow(hand_made.transport, durable=True)
        go(following, HOUR)
        for number in range(5):
            hand_made.add_run("p", f"r{number}", clock.now(), end=clock.now() + 5)
            go(following, 600)
            following.restart()

        go(following, HOUR)

        assert following.counted() == {("p", "api", "completed"): 5}

    @pytest.mark.slow
    def test_firing_that_no_run_answers_is_missed(self, hand_made, follow, clock):
        hand_made.add_project("p", schedules=[hourly()])
        clock.advance(10 * 60)
        following = follow(hand_made.transport)
        go(following, 20 * 60)
        for hour in range(1, 7):
            if hour != 4:
                start = clock.now() - clock.now() % HOUR + HOUR + 60
                hand_made.add_run("p", f"r{hour}", start, end=start + 30, runTrigger="SCHEDULED")
            go(following, HOUR)

        assert following.counted("hex_missed_schedules_total") == {("p",): 1}

    @pytest.mark.slow
    def test_firing_whose_run_got_no_kernel_is_not_missed(self, hand_made, follow, clock):
        hand_made.add_project("p", schedules=[hourly()])
        clock.advance(10 * 60)
        following = follow(hand_made.transport)
        go(following, 20 * 60)
        for hour in range(1, 4):
            end = clock.now() - clock.now() % HOUR + HOUR + 90
            run = hand_made.add_run("p", f"r{hour}", end - 30, end=end, runTrigger="SCHEDULED")
            if hour == 2:
                run |= {"status": "UNABLE_TO_ALLOCATE_KERNEL", "startTime": None}
            go(following, HOUR)

        assert following.counted("hex_missed_schedules_total") == {}

    @pytest.mark.slow
    def test_bad_item_is_counted_and_logged_once_and_the_rest_goes_on(self, hand_made, follow, clock):
        hand_made.add_project("p")
        hand_made.projects["bad"] = {"id": {"not": "an id"}, "title": "?"}
        following = follow(hand_made.transport)

        with structlog.testing.capture_logs() as logs:
            go(following, HOUR)

        assert [one.project.project_id for one in following.known.projects()] == ["p"]
        assert following.counted("hex_exporter_bad_items_total")[("projects",)] > 1
        assert len([line for line in logs if line["event"] == "An item cannot be read"]) == 1


class TestWhatIsAsked:
    @pytest.mark.slow
    def test_unpublished_project_is_never_asked_for_runs(self, hand_made, follow):
        hand_made.add_project("draft", lastPublishedAt=None)
        following = follow(hand_made.transport)

        go(following, DAY / 4)

        assert hand_made.asked("projects/draft/runs") == 0

    @pytest.mark.slow
    def test_archived_project_is_read_once_and_then_once_a_day(self, hand_made, follow, clock):
        hand_made.add_project("old", archivedAt="2026-01-01T00:00:00Z", schedules=[hourly()])
        following = follow(hand_made.transport)

        go(following, 2 * DAY)

        assert 1 <= hand_made.asked("projects/old/runs") <= 3

    def test_collectors_that_are_switched_off_ask_nothing(self, hand_made, follow):
        hand_made.add_project("p")
        off = ("users", "threads", "groups", "connections", "runs", "queried_tables", "exports")
        collect = Collect(**dict.fromkeys(off, False))
        following = follow(hand_made.transport, collect=collect)

        go(following, HOUR)

        assert {path for _, path in hand_made.requests} == {"projects", "users/me"}

    @pytest.mark.slow
    def test_scheduled_run_is_seen_soon_after_it_should_have_ended(self, hand_made, follow, clock):
        for number in range(60):
            hand_made.add_project(f"quiet{number}")
        hand_made.add_project("p", schedules=[hourly()])
        following = follow(hand_made.transport, per_minute=2, per_hour=60)
        go(following, 3 * HOUR - 120)

        hand_made.add_run("p", "r", clock.now() + 120, end=clock.now() + 150, runTrigger="SCHEDULED")
        go(following, 120 + 8 * 60)

        assert following.counted() == {("p", "scheduled", "completed"): 1}

    @pytest.mark.slow
    def test_run_started_elsewhere_is_read_when_it_should_have_ended_and_hardly_more(self, hand_made, follow, clock):
        for number in range(60):
            hand_made.add_project(f"quiet{number}")
        hand_made.add_project("p")
        following = follow(hand_made.transport, per_minute=4, per_hour=240)
        hand_made.add_run("p", "past", clock.now() - DAY, end=clock.now() - DAY + 180)
        go(following, 2 * HOUR)
        before = hand_made.asked("projects/p/runs")

        hand_made.add_run("p", "r", clock.now(), end=clock.now() + 170)
        following.poller.expect_run("p")
        following.poller.expect_run("unknown")
        go(following, 240)

        assert following.counted() == {("p", "api", "completed"): 1}
        assert hand_made.asked("projects/p/runs") <= before + 2

    @pytest.mark.slow
    def test_starts_without_a_run_cost_one_request_each_at_the_most(self, hand_made, follow, clock):
        for number in range(60):
            hand_made.add_project(f"quiet{number}")
        hand_made.add_project("p")
        following = follow(hand_made.transport, per_minute=4, per_hour=240)
        go(following, 2 * HOUR)
        before = hand_made.asked("projects/p/runs")

        for _ in range(10):
            following.poller.expect_run("p")
        go(following, 600)

        assert before < hand_made.asked("projects/p/runs") <= before + 2

    @pytest.mark.slow
    def test_projects_are_taken_up_once_a_listing_not_once_a_page(self, hand_made, follow, monkeypatch):
        values = [{"id": f"p{number}", "lastPublishedAt": "2026-01-01T00:00:00Z"} for number in range(5)]

        def page(request):
            first = int(request.url.params.get("after") or 0)
            after = str(first + 1) if first + 1 < len(values) else None
            return httpx.Response(200, json={"values": values[first : first + 1], "pagination": {"after": after}})

        hand_made.answers["projects"] = page
        hand_made.runs |= {value["id"]: [] for value in values}
        taken_up = []
        choose = WorkspaceLedger.choose_members
        monkeypatch.setattr(
            WorkspaceLedger, "choose_members", lambda *given, **named: taken_up.append(choose(*given, **named))
        )
        following = follow(hand_made.transport)

        go(following, HOUR)

        listings = hand_made.asked("projects") / len(values)
        assert len(following.known.projects()) == 5
        assert listings >= 2
        assert len(taken_up) == int(listings)

    @pytest.mark.slow
    def test_queried_tables_are_not_looked_for_while_something_else_is_due(self, hand_made, follow, monkeypatch):
        for number in range(30):
            hand_made.add_project(f"p{number}")
        looked_for = []
        next_request = DetailReader.next_request
        monkeypatch.setattr(
            DetailReader, "next_request", lambda *given: looked_for.append(given[1]) or next_request(*given)
        )
        following = follow(hand_made.transport)

        go(following, 100)
        assert len(hand_made.requests) > 10
        assert len(looked_for) <= 30 * hand_made.asked("projects")
        go(following, HOUR)

        assert hand_made.asked("projects/p7/queriedTables") == 1

    @pytest.mark.slow
    def test_turns_come_sooner_once_all_history_is_read(self, hand_made, follow, clock):
        for number in range(40):
            hand_made.add_project(f"p{number}")
        for number in range(450):
            hand_made.add_run("p0", f"old{number}", clock.now() - (500 - number) * 3600, end=clock.now() - 60)
        following = follow(hand_made.transport)
        planned = {}

        def note():
            report = following.poller.report
            if report.planned_requests_per_hour and following.known.projects():
                planned.setdefault(report.projects_with_older_history == 0, []).append(report.planned_requests_per_hour)

        go(following, 3 * HOUR, each=note)

        assert planned[False][0] < 0.61 * 120
        assert 0.8 * 120 < planned[True][-1] < 0.91 * 120

    @pytest.mark.slow
    def test_turns_that_fall_together_are_spread(self, hand_made, follow, clock):
        for number in range(40):
            hand_made.add_project(f"p{number}")
        following = follow(hand_made.transport, per_minute=10, per_hour=120)
        go(following, 2 * HOUR)
        hand_made.requests.clear()

        go(following, 2 * HOUR)

        asked = [at for at, path in hand_made.requests if path.endswith("/runs")]
        assert len(asked) > 60
        assert max(sum(at <= other < at + 600 for other in asked) for at in asked) <= 25

    @pytest.mark.slow
    def test_cells_are_asked_where_queried_tables_are_not_to_be_had_once_per_project_and_edit(
        self, hand_made, follow, clock
    ):
        for number in range(5):
            hand_made.add_project(f"p{number}", lastEditedAt="2026-01-01T00:00:00Z")
            hand_made.answers[f"projects/p{number}/queriedTables"] = refusal(403)
        cell = {"id": "c", "dataConnectionId": "warehouse"}
        hand_made.answers["cells"] = httpx.Response(200, json={"values": [cell], "pagination": {"after": None}})
        following = follow(hand_made.transport)

        go(following, 6 * HOUR)

        assert hand_made.asked("cells") == 5
        assert {tables[0].connection_id for tables in following.known.tables().values()} == {"warehouse"}

    @pytest.mark.slow
    def test_cells_cost_at_most_200_requests_a_day(self, hand_made, follow, clock):
        for number in range(230):
            hand_made.add_project(f"p{number}", lastEditedAt="2026-01-01T00:00:00Z")
            hand_made.answers[f"projects/p{number}/queriedTables"] = refusal(403)
        following = follow(hand_made.transport, per_minute=60, per_hour=3600)

        go(following, HOUR / 2)

        assert hand_made.asked("cells") == 200


class TestTrouble:
    @pytest.mark.slow
    def test_429_stops_every_endpoint_for_as_long_as_hex_says_restarts_included(self, hand_made, follow, clock):
        hand_made.add_project("p")
        following = follow(hand_made.transport, durable=True)
        go(following, HOUR)
        hand_made.answers["projects/p/runs"] = refusal(429, **{"Retry-After": "900"})
        hand_made.requests.clear()
        while not hand_made.asked("projects/p/runs"):
            go(following, 1)
        told_at = hand_made.requests[-1][0]
        del hand_made.answers["projects/p/runs"]

        go(following, 60)
        following.restart()
        go(following, HOUR)

        after = [at for at, _ in hand_made.requests if at > told_at]
        assert min(after) - told_at >= 900
        assert following.counted("hex_api_rate_limited_total") == {("runs",): 1}

    @pytest.mark.slow
    def test_403_turns_one_collector_off_and_not_the_others(self, hand_made, follow):
        hand_made.add_project("p")
        hand_made.answers["users"] = refusal(403)
        following = follow(hand_made.transport)

        go(following, HOUR / 2)

        states = following.known.collectors()
        assert not states["users"].success
        assert states["projects"].success
        assert states["groups"].success
        assert 2 <= hand_made.asked("users") <= 8
        assert following.poller.report.is_followed
        assert following.poller.report.problems == ("users: 403 no",)

    @pytest.mark.slow
    def test_project_whose_runs_are_refused_is_left_alone_and_the_others_go_on(self, hand_made, follow, clock):
        hand_made.add_project("secret")
        hand_made.add_project("p")
        hand_made.answers["projects/secret/runs"] = refusal(404)
        following = follow(hand_made.transport)
        go(following, HOUR / 2)

        hand_made.add_run("p", "r", clock.now(), end=clock.now() + 1)
        go(following, HOUR / 3)

        assert 2 <= hand_made.asked("projects/secret/runs") <= 5
        assert following.counted() == {("p", "api", "completed"): 1}

    def test_401_is_said_once_and_a_new_token_file_is_taken_up_at_once(self, hand_made, follow, clock, tmp_path):
        token = tmp_path / "token"
        token.write_text("hxtw_old\n")
        hand_made.add_project("p")
        accepted = {"hxtw_new"}

        def door(request: httpx.Request) -> httpx.Response:
            if request.headers["Authorization"].removeprefix("Bearer ") not in accepted:
                return httpx.Response(401, text="Unauthorized", headers={"WWW-Authenticate": "Bearer"})
            return httpx.Response(200, json={"values": list(hand_made.projects.values()), "pagination": {}})

        hand_made.answers["projects"] = door
        following = follow(hand_made.transport, token=TokenSource(file=token))
        with structlog.testing.capture_logs() as logs:
            go(following, HOUR)
        asked_in_an_hour = len(hand_made.requests)
        state = following.known.collectors()["projects"]

        token.write_text("hxtw_new\n")
        go(following, 10)

        assert not state.success
        assert asked_in_an_hour < 15
        assert len([line for line in logs if line["log_level"] == "warning"]) == 1
        assert following.known.collectors()["projects"].success

    @pytest.mark.slow
    def test_runs_that_a_revoked_token_does_not_get_are_no_success_until_it_is_accepted_again(self, hand_made, follow):
        hand_made.add_project("p")
        following = follow(hand_made.transport)
        go(following, HOUR / 2)
        assert following.known.collectors()["runs"].success

        hand_made.answers["projects"] = hand_made.answers["projects/p/runs"] = httpx.Response(401, text="Unauthorized")
        go(following, HOUR)
        assert not following.known.collectors()["runs"].success
        assert not following.known.collectors()["projects"].success

        hand_made.answers.clear()
        go(following, HOUR)
        assert following.known.collectors()["runs"].success
        assert following.known.collectors()["projects"].success

    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(500, text="<html>oops</html>"),
            httpx.Response(200, text="<html>maintenance</html>"),
            httpx.Response(200, content=b'{"values": [{"id": "p"}'),
            httpx.Response(200, content=b""),
        ],
        ids=["500", "html", "truncated", "empty"],
    )
    @pytest.mark.slow
    def test_broken_listing_leaves_the_last_one_and_is_asked_again(self, hand_made, follow, answer):
        hand_made.add_project("p")
        following = follow(hand_made.transport)
        go(following, HOUR / 2)
        hand_made.add_project("q")
        hand_made.answers["projects"] = answer

        go(following, HOUR)
        during = [one.project.project_id for one in following.known.projects()]
        is_up_during = following.known.collectors()["projects"].success
        del hand_made.answers["projects"]
        go(following, HOUR)

        assert during == ["p"]
        assert not is_up_during
        assert {one.project.project_id for one in following.known.projects()} == {"p", "q"}

    @pytest.mark.slow
    def test_hex_away_from_the_start_is_survived(self, hand_made, follow, clock):
        def away(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused", request=request)

        broken = follow(httpx.MockTransport(away))
        with structlog.testing.capture_logs() as logs:
            go(broken, 2 * HOUR)

        assert not broken.known.collectors()["projects"].success
        assert broken.counted("hex_api_requests_total")[("projects", "error")] > 10
        assert len([line for line in logs if line.get("what") == "projects"]) == 1

    def test_half_read_listing_is_never_published(self, hand_made, follow):
        first = {"values": [{"id": "a", "title": "A"}], "pagination": {"after": "c1"}}

        def pages(request: httpx.Request) -> httpx.Response:
            return refusal(500) if request.url.params.get("after") else httpx.Response(200, json=first)

        hand_made.answers["projects"] = pages
        following = follow(hand_made.transport)

        go(following, HOUR)

        assert following.known.projects() == ()

    @pytest.mark.slow
    def test_ledger_that_cannot_be_written_costs_nothing_once_it_can(self, hand_made, follow, clock, monkeypatch):
        hand_made.add_project("p")
        following = follow(hand_made.transport)
        go(following, HOUR)
        hand_made.add_run("p", "r", clock.now(), end=clock.now() + 5)
        known = following.known

        def full(*args: object, **kwargs: object) -> None:
            raise LedgerError("ledger.db: cannot be written: disk full")

        with monkeypatch.context() as patched:
            patched.setattr(type(known), "record_runs", full)
            patched.setattr(type(known), "record_projects", full)
            go(following, HOUR)
            during = following.poller.report
        go(following, HOUR)

        assert during.problems == ("ledger.db: cannot be written: disk full",)
        assert not during.is_followed
        assert following.poller.report.problems == ()
        assert following.counted() == {("p", "api", "completed"): 1}

    @pytest.mark.slow
    def test_clock_that_steps_is_corrected_by_hexs_date(self, hand_made, follow, clock):
        hand_made.add_project("p")
        following = follow(hand_made.transport)
        go(following, HOUR)
        clock.step(7200)
        hand_made.lags_seconds = 7200
        go(following, HOUR)

        progress = following.known.projects()[0].progress
        assert abs(progress.known_until_ms / 1000 - (clock.now() - 7200)) < 600
        assert following.poller.report.clock_skew_seconds == pytest.approx(7200, abs=3)


@pytest.mark.slow
def test_pace_is_never_exceeded_whatever_there_is_to_do(hand_made, follow):
    for number in range(80):
        hand_made.add_project(f"p{number}", schedules=[hourly(number % 60)])
    following = follow(hand_made.transport, per_minute=5, per_hour=100)

    go(following, 3 * HOUR)

    times = [at for at, _ in hand_made.requests]
    assert all(later - earlier >= 60 - 1e-3 for earlier, later in zip(times, times[5:], strict=False))
    assert all(later - earlier >= HOUR - 1e-3 for earlier, later in zip(times, times[100:], strict=False))
    assert all(later >= earlier for earlier, later in pairwise(times))
