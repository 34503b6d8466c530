"""Answers that are broken, out of order or never end: nothing false follows from them."""

import httpx
import pytest
import structlog
from helpers.following import go
from helpers.hand_made_answers import listing

HOUR = 3600
UNTIL = "hex_runs_complete_until_timestamp_seconds"


class TestEmptyPages:
    @pytest.mark.slow
    def test_an_empty_runs_page_that_names_a_next_one_is_no_end(self, hand_made, follow):
        hand_made.add_project("p")
        for number in range(150):
            start = hand_made.clock.now() - (150 - number) * 600
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        page = hand_made._page

        def gap(request):
            offset = int(request.url.params["offset"])
            body = page("projects/p/runs", request.url.params)
            if 0 < offset < 100:
                body["runs"], body["nextPage"] = [], "https://next"
            return httpx.Response(200, json=body)

        hand_made.answers["projects/p/runs"] = gap
        following = follow(hand_made.transport)

        go(following, HOUR)

        found = sum(1 for _ in following.known.runs_between(0, None))
        assert found < 150
        assert following.known.projects()[0].progress.known_from_ms != 0
        assert following.poller.report.problems != ()

    @pytest.mark.slow
    def test_empty_runs_pages_without_end_are_not_followed_for_long(self, hand_made, follow):
        hand_made.add_project("p")
        hand_made.answers["projects/p/runs"] = lambda _: httpx.Response(200, json={"runs": [], "nextPage": "https://n"})
        following = follow(hand_made.transport, per_hour=120)

        go(following, HOUR)

        figures = following.figures()
        assert "hex_budget_used" not in figures
        assert UNTIL not in figures
        assert hand_made.requested("projects/p/runs") < 100

    @pytest.mark.slow
    def test_a_server_that_ignores_the_offset_is_not_taken_for_the_whole_history(self, hand_made, follow):
        hand_made.add_project("p")
        for number in range(100):
            start = hand_made.clock.now() - (100 - number) * 60
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        page = hand_made._page

        def same(request):
            body = page("projects/p/runs", request.url.params.set("offset", 0))
            return httpx.Response(200, json=body | {"nextPage": "https://next"})

        hand_made.answers["projects/p/runs"] = same
        following = follow(hand_made.transport, per_hour=120)

        go(following, HOUR)

        assert following.known.projects()[0].progress.known_from_ms != 0
        assert hand_made.requested("projects/p/runs") < 70


class TestOrder:
    @pytest.mark.slow
    def test_a_listing_out_of_order_is_read_whole_once_and_then_only_as_far_as_the_disorder_reaches(
        self, hand_made, follow, clock
    ):
        """Start times that jump by two hours, over 1,500 runs."""
        hand_made.add_project("p")
        for number in range(1500):
            jump = 2 * HOUR if number % 7 == 0 else 0
            start = clock.now() - (1500 - number) * 600 - jump
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        following = follow(hand_made.transport, per_hour=120)
        go(following, HOUR)
        assert sum(1 for _ in following.known.runs_between(0, None)) == 1500
        assert following.known.projects()[0].progress.known_from_ms == 0
        hand_made.requests.clear()

        go(following, HOUR)

        progress = following.known.projects()[0].progress
        assert clock.now() - progress.known_until_ms / 1000 < 600
        assert not progress.is_unordered
        assert HOUR * 1000 < progress.disorder_ms < 3 * HOUR * 1000
        assert hand_made.requested("projects/p/runs") < 110


class TestActiveRuns:
    @pytest.mark.slow
    def test_a_run_active_in_a_project_that_is_deleted_ends_within_an_hour(self, hand_made, follow, clock):
        hand_made.add_project("p")
        hand_made.add_project("q")
        hand_made.add_run("p", "r", clock.now())
        following = follow(hand_made.transport, durable=True)
        go(following, HOUR)
        assert len(following.known.active_runs()) == 1
        del hand_made.projects["p"]
        go(following, 40 * 60)
        following.restart()
        go(following, 20 * 60)

        assert following.known.active_runs() == ()

    @pytest.mark.slow
    def test_a_run_without_a_status_is_not_active_for_ever_and_still_a_run(self, hand_made, follow, clock):
        hand_made.add_project("p")
        following = follow(hand_made.transport)
        go(following, HOUR)
        hand_made.add_run("p", "r", clock.now(), status=None)
        hand_made.add_run("p", "s", clock.now(), status=None, startTime=None)

        go(following, 2 * HOUR)

        assert following.known.active_runs() == ()
        assert following.figures()["hex_budget_used"][("weekly-runs", "runs")] == 2

        hand_made.runs["p"][1].update(status="COMPLETED", endTime="2026-11-23T03:30:00.000Z")
        go(following, 2 * HOUR)
        assert following.counted() == {("p", "api", "completed"): 1}


class TestWhatIsLogged:
    def test_a_cursor_that_loops_is_said_once(self, hand_made, follow):
        item = {"id": "p", "lastPublishedAt": None}
        hand_made.answers["projects"] = lambda request: (
            listing(item, after="c1")
            if request.url.params.get("after") is None
            else listing({"id": "q", "lastPublishedAt": None}, after="c1")
        )
        following = follow(hand_made.transport)

        with structlog.testing.capture_logs() as logs:
            go(following, 2 * HOUR)

        assert len([line for line in logs if line.get("what") == "projects"]) == 1

    @pytest.mark.slow
    def test_one_project_that_never_answers_among_others_that_do_is_said_once(self, hand_made, follow):
        for number in range(12):
            hand_made.add_project(f"p{number}")
        hand_made.answers["projects/p3/runs"] = httpx.Response(504, text="timeout")
        following = follow(hand_made.transport)

        with structlog.testing.capture_logs() as logs:
            go(following, 2 * HOUR)
            during = following.poller.report.problems
            del hand_made.answers["projects/p3/runs"]
            go(following, HOUR)

        assert [line["log_level"] for line in logs if line.get("what") == "runs"] == ["warning", "info"]
        assert any("504" in problem for problem in during)
        assert following.poller.report.problems == ()
