"""Which runs are known and which are counted, each once."""

import pytest
import structlog
from helpers.following import go
from helpers.hand_made_answers import hourly

HOUR = 3600
DAY = 24 * HOUR


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
