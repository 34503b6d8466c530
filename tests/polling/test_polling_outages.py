"""Refused, broken and missing answers, a ledger that cannot be written, a clock that steps: the loop goes on."""

import httpx
import pytest
import structlog
from helpers.following import go
from helpers.hand_made_answers import refusal

from exporter.errors import LedgerError
from exporter.hexapi import TokenSource

HOUR = 3600


class TestTrouble:
    @pytest.mark.slow
    def test_429_stops_every_endpoint_for_as_long_as_hex_says_restarts_included(self, hand_made, follow, clock):
        hand_made.add_project("p")
        following = follow(hand_made.transport, durable=True)
        go(following, HOUR)
        hand_made.answers["projects/p/runs"] = refusal(429, **{"Retry-After": "900"})
        hand_made.requests.clear()
        while not hand_made.requested("projects/p/runs"):
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
        assert 2 <= hand_made.requested("users") <= 8
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

        assert 2 <= hand_made.requested("projects/secret/runs") <= 5
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
