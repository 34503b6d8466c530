"""What the loop requests of Hex, what it leaves alone, and how often."""

from itertools import pairwise

import httpx
import pytest
from helpers.following import go
from helpers.hand_made_answers import hourly, refusal

from exporter.config import Collect
from exporter.ledger import WorkspaceLedger
from exporter.polling import project_details

HOUR = 3600
DAY = 24 * HOUR


class TestWhatIsAsked:
    @pytest.mark.slow
    def test_unpublished_project_is_never_asked_for_runs(self, hand_made, follow):
        hand_made.add_project("draft", lastPublishedAt=None)
        following = follow(hand_made.transport, per_hour=20)

        go(following, DAY / 4)

        assert hand_made.requested("projects/draft/runs") == 0

    @pytest.mark.slow
    def test_archived_project_is_read_once_and_then_once_a_day(self, hand_made, follow, clock):
        hand_made.add_project("old", archivedAt="2026-01-01T00:00:00Z", schedules=[hourly()])
        following = follow(hand_made.transport, per_hour=20)

        go(following, 2 * DAY)

        assert 1 <= hand_made.requested("projects/old/runs") <= 3

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
        before = hand_made.requested("projects/p/runs")

        hand_made.add_run("p", "r", clock.now(), end=clock.now() + 170)
        following.poller.expect_run("p")
        following.poller.expect_run("unknown")
        go(following, 240)

        assert following.counted() == {("p", "api", "completed"): 1}
        assert hand_made.requested("projects/p/runs") <= before + 2

    @pytest.mark.slow
    def test_starts_without_a_run_cost_one_request_each_at_the_most(self, hand_made, follow, clock):
        for number in range(60):
            hand_made.add_project(f"quiet{number}")
        hand_made.add_project("p")
        following = follow(hand_made.transport, per_minute=4, per_hour=240)
        go(following, HOUR)
        before = hand_made.requested("projects/p/runs")

        for _ in range(10):
            following.poller.expect_run("p")
        go(following, 600)

        assert before < hand_made.requested("projects/p/runs") <= before + 2

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

        listings = hand_made.requested("projects") / len(values)
        assert len(following.known.projects()) == 5
        assert listings >= 2
        assert len(taken_up) == int(listings)

    @pytest.mark.slow
    def test_queried_tables_are_not_looked_for_while_something_else_is_due(self, hand_made, follow, monkeypatch):
        for number in range(30):
            hand_made.add_project(f"p{number}")
        looked_for = []
        next_request = project_details.DetailReader.next_request
        monkeypatch.setattr(
            project_details.DetailReader,
            "next_request",
            lambda *given: looked_for.append(given[1]) or next_request(*given),
        )
        following = follow(hand_made.transport)

        go(following, 100)
        assert len(hand_made.requests) > 10
        assert len(looked_for) <= 30 * hand_made.requested("projects")
        go(following, HOUR)

        assert hand_made.requested("projects/p7/queriedTables") == 1

    @pytest.mark.slow
    def test_turns_come_sooner_once_all_history_is_read(self, hand_made, follow, clock):
        for number in range(40):
            hand_made.add_project(f"p{number}")
        for number in range(450):
            hand_made.add_run("p0", f"old{number}", clock.now() - (500 - number) * 3600, end=clock.now() - 60)
        following = follow(hand_made.transport, per_hour=120)
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
        go(following, HOUR)
        hand_made.requests.clear()

        go(following, HOUR)

        requested = [at for at, path in hand_made.requests if path.endswith("/runs")]
        assert len(requested) > 60
        assert max(sum(at <= other < at + 600 for other in requested) for at in requested) <= 25

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

        assert hand_made.requested("cells") == 5
        assert {tables[0].connection_id for tables in following.known.tables().values()} == {"warehouse"}

    @pytest.mark.slow
    def test_cells_cost_at_most_200_requests_a_day(self, hand_made, follow, monkeypatch):
        """With an allowance of a tenth of that, and a tenth of the projects that it would take."""
        assert project_details.CELLS_PER_DAY == 200
        monkeypatch.setattr(project_details, "CELLS_PER_DAY", 20)
        for number in range(23):
            hand_made.add_project(f"p{number}", lastEditedAt="2026-01-01T00:00:00Z")
            hand_made.answers[f"projects/p{number}/queriedTables"] = refusal(403)
        following = follow(hand_made.transport, per_minute=60, per_hour=360)

        go(following, HOUR / 2)

        assert hand_made.requested("cells") == 20


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
