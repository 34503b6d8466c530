"""Refusals: an answer that was not given is never taken for "nothing", and a passing one never for a lasting one."""

import httpx
import pytest
import structlog
from helpers.following import go
from helpers.hand_made_answers import refusal

HOUR = 3600
UNTIL = "hex_runs_complete_until_timestamp_seconds"


def runs_of(name: str) -> str:
    return f"projects/{name}/runs"


def add_past(hand_made, name: str, count: int, every: float = HOUR) -> None:
    now = hand_made.clock.now()
    for number in range(count, 0, -1):
        start = now - number * every
        hand_made.add_run(name, f"{name}-{number}", start, end=start + 30)


class TestRunsOfSomeProjects:
    @pytest.mark.slow
    def test_a_passing_refusal_is_retried_within_minutes_and_not_counted_as_known_meanwhile(
        self, hand_made, follow, clock
    ):
        for name in ("a", "b", "c"):
            hand_made.add_project(name)
        following = follow(hand_made.transport)
        go(following, HOUR)
        begin = clock.now()
        for name in ("a", "b", "c"):
            hand_made.answers[runs_of(name)] = refusal(404)
            hand_made.add_run(name, f"{name}-new", clock.now(), end=clock.now() + 5)
        go(following, 10 * 60)
        assert following.figures()[UNTIL][()] <= begin

        hand_made.answers.clear()
        go(following, 16 * 60)

        assert sum(following.counted().values()) == 3
        assert following.figures()[UNTIL][()] > begin + 600

    @pytest.mark.slow
    def test_the_first_refusal_of_what_used_to_work_is_retried_after_a_minute(self, hand_made, follow, clock):
        hand_made.add_project("p")
        hand_made.add_project("q")
        following = follow(hand_made.transport)
        go(following, HOUR)
        requested = []

        def once(request):
            requested.append(clock.now())
            if len(requested) == 1:
                return refusal(403)
            return httpx.Response(200, json={"runs": [], "nextPage": None})

        hand_made.answers[runs_of("p")] = once
        go(following, HOUR)

        assert requested[1] - requested[0] <= 90

    @pytest.mark.slow
    def test_a_project_that_was_never_readable_is_named_once_and_the_others_are_complete(
        self, hand_made, follow, clock
    ):
        for number in range(20):
            hand_made.add_project(f"p{number}")
        hand_made.add_project("secret")
        hand_made.answers[runs_of("secret")] = refusal(404)
        following = follow(hand_made.transport)

        with structlog.testing.capture_logs() as logs:
            go(following, 3 * HOUR)

        assert len([line for line in logs if line.get("project_id") == "secret" and line["log_level"] != "debug"]) == 1
        assert len([line for line in logs if line["log_level"] == "warning"]) == 1
        assert any("secret" in problem for problem in following.poller.report.problems)
        assert following.poller.report.is_followed
        assert 3 <= hand_made.requested(runs_of("secret")) <= 12
        figures = following.figures()
        assert figures["hex_exporter_unreadable_projects"] == {(): 1}
        assert figures["hex_budget_unreadable_projects"] == {("weekly-runs", "runs"): 1}
        assert figures["hex_budget_used"] == {("weekly-runs", "runs"): 0}
        assert clock.now() - figures[UNTIL][()] < HOUR
        assert figures["hex_collector_success"][("runs",)] == 1

    @pytest.mark.slow
    def test_a_refusal_of_an_older_page_ends_only_that_walk_and_says_so(self, hand_made, follow, clock):
        hand_made.add_project("p")
        clock.advance(48 * HOUR)
        add_past(hand_made, "p", 450, every=120)
        page = hand_made._page

        def bounded(request):
            if int(request.url.params["offset"]) >= 200:
                return refusal(400)
            return httpx.Response(200, json=page(runs_of("p"), request.url.params))

        hand_made.answers[runs_of("p")] = bounded
        following = follow(hand_made.transport)
        with structlog.testing.capture_logs() as logs:
            go(following, HOUR)
        figures = following.figures()
        hand_made.add_run("p", "new", clock.now(), end=clock.now() + 5)
        go(following, 20 * 60)

        assert "hex_budget_used" not in figures or figures["hex_budget_used"][("weekly-runs", "runs")] == 450
        assert clock.now() - following.figures()[UNTIL][()] < 20 * 60
        assert following.counted() == {("p", "api", "completed"): 1}
        said = [line for line in logs if line["log_level"] == "warning"]
        assert len(said) == 1
        assert said[0]["project_id"] == "p"

    @pytest.mark.slow
    def test_what_only_a_refused_page_could_join_becomes_unknown_rather_than_claimed(self, hand_made, follow, clock):
        """The exporter was away for 300 runs, and pages from 200 on are refused: what lies between is not known."""
        hand_made.add_project("p")
        add_past(hand_made, "p", 3)
        following = follow(hand_made.transport, durable=True)
        go(following, HOUR)
        clock.advance(30 * HOUR)
        add_past(hand_made, "p", 300, every=240)
        page = hand_made._page
        hand_made.answers[runs_of("p")] = lambda request: (
            refusal(400)
            if int(request.url.params["offset"]) >= 200
            else httpx.Response(200, json=page(runs_of("p"), request.url.params))
        )
        following.restart()

        go(following, HOUR)

        progress = following.known.projects()[0].progress
        assert clock.now() - progress.known_until_ms / 1000 < HOUR
        assert progress.known_from_ms / 1000 > clock.now() - 22 * HOUR


class TestRunsOfEveryProject:
    @pytest.mark.slow
    def test_every_project_refused_is_said_and_nothing_is_claimed(self, hand_made, follow, clock):
        for number in range(12):
            hand_made.add_project(f"p{number}")
            hand_made.answers[runs_of(f"p{number}")] = refusal(403)
        following = follow(hand_made.transport)

        with structlog.testing.capture_logs() as logs:
            go(following, 3 * HOUR)

        figures = following.figures()
        assert "hex_budget_used" not in figures
        assert UNTIL not in figures
        assert figures["hex_collector_success"][("runs",)] == 0
        assert figures["hex_up"] == {(): 1}
        assert figures["hex_exporter_unreadable_projects"] == {(): 12}
        assert len([line for line in logs if line["log_level"] == "warning" and line.get("what") == "runs"]) == 1
        assert 12 <= sum(path.endswith("/runs") for _, path in hand_made.requests) < 50

    @pytest.mark.slow
    def test_a_share_of_refused_projects_is_a_failed_collector(self, hand_made, follow):
        for number in range(12):
            hand_made.add_project(f"p{number}")
        for number in (3, 7):
            hand_made.answers[runs_of(f"p{number}")] = refusal(404)
        following = follow(hand_made.transport)

        go(following, HOUR)

        figures = following.figures()
        assert figures["hex_collector_success"][("runs",)] == 0
        assert "hex_budget_used" not in figures
        assert any("2 of 12" in problem for problem in following.poller.report.problems)

    @pytest.mark.slow
    def test_a_scope_that_comes_back_has_every_refused_project_requested_at_once(self, hand_made, follow, clock):
        names = [f"p{number}" for number in range(8)]
        for name in names:
            hand_made.add_project(name)
            hand_made.answers[runs_of(name)] = refusal(403)
        following = follow(hand_made.transport, per_hour=240)
        go(following, 3 * HOUR)
        hand_made.answers.clear()
        came_back = clock.now()

        go(following, 16 * 60)

        reads = [one.progress.last_read_ms for one in following.known.projects()]
        assert all(read is not None for read in reads)
        requested = [at for at, path in hand_made.requests if path.endswith("/runs") and at > came_back]
        assert requested[7] - requested[0] <= 60
        assert following.figures()["hex_collector_success"][("runs",)] == 1

    @pytest.mark.slow
    def test_a_restart_asks_the_refused_again_at_once(self, hand_made, follow, clock):
        for number in range(8):
            hand_made.add_project(f"p{number}")
            hand_made.answers[runs_of(f"p{number}")] = refusal(403)
        following = follow(hand_made.transport, durable=True, per_hour=240)
        go(following, 3 * HOUR)
        hand_made.answers.clear()

        following.restart()
        go(following, 4 * 60)

        assert all(one.progress.last_read_ms is not None for one in following.known.projects())

    @pytest.mark.slow
    def test_html_with_status_200_on_every_runs_page_is_a_failed_collector(self, hand_made, follow):
        for number in range(4):
            hand_made.add_project(f"p{number}")
            hand_made.answers[runs_of(f"p{number}")] = httpx.Response(200, text="<html>log in</html>")
        following = follow(hand_made.transport)

        go(following, HOUR)

        assert following.figures()["hex_collector_success"][("runs",)] == 0
        assert any("HTML" in problem for problem in following.poller.report.problems)


class TestListings:
    @pytest.mark.parametrize(("status", "headers"), [(403, {"Retry-After": "3"}), (404, {}), (503, {})])
    def test_one_refusal_of_the_project_listing_is_no_outage(self, hand_made, follow, status, headers):
        hand_made.add_project("p")
        requested = []

        def once(request):
            requested.append(1)
            if len(requested) == 1:
                return refusal(status, **headers)
            return httpx.Response(200, json={"values": list(hand_made.projects.values()), "pagination": {}})

        hand_made.answers["projects"] = once
        following = follow(hand_made.transport)

        go(following, 60)

        assert following.figures()["hex_up"] == {(): 1}

    @pytest.mark.slow
    def test_a_project_listing_that_stays_refused_is_asked_every_quarter_of_an_hour(self, hand_made, follow, clock):
        hand_made.add_project("p")
        following = follow(hand_made.transport)
        go(following, HOUR)
        hand_made.answers["projects"] = refusal(403)
        go(following, 4 * HOUR)
        hand_made.requests.clear()

        go(following, 3 * HOUR)

        assert 10 <= hand_made.requested("projects") <= 20

    @pytest.mark.parametrize("status", [403, 503])
    def test_retry_after_is_honoured_on_any_status_up_to_an_hour(self, hand_made, follow, clock, status):
        hand_made.answers["users"] = refusal(status, **{"Retry-After": "1500"})
        hand_made.answers["groups"] = refusal(status, **{"Retry-After": "86400"})
        following = follow(hand_made.transport)

        go(following, HOUR + 300)

        users, groups = ([at for at, path in hand_made.requests if path == name] for name in ("users", "groups"))
        assert users[1] - users[0] == pytest.approx(1500, abs=60)
        assert len(groups) == 2


class TestParameters:
    @pytest.mark.slow
    @pytest.mark.parametrize("unknown", ["includeUnlisted", "includeSharing", "runTriggerFilter"])
    def test_a_parameter_that_the_server_does_not_know_is_left_out_once_and_remembered(
        self, hand_made, follow, clock, unknown
    ):
        hand_made.add_project("p")
        refused = []
        page = hand_made._page

        def older_server(request):
            if unknown in request.url.params:
                refused.append(unknown)
                return refusal(400)
            path = request.url.path.removeprefix("/api/v1/")
            return httpx.Response(200, json=page(path, request.url.params))

        hand_made.answers |= {"projects": older_server, runs_of("p"): older_server}
        following = follow(hand_made.transport, durable=True)
        with structlog.testing.capture_logs() as logs:
            go(following, HOUR)
            before = len(refused)
            following.restart()
            go(following, HOUR)

        assert 1 <= before <= 2
        assert len(refused) == before
        assert len([line for line in logs if line.get("parameters") and line["log_level"] != "debug"]) == 1
        figures = following.figures()
        assert figures["hex_up"] == {(): 1}
        assert UNTIL in figures
