"""Items that cannot be read: each costs itself and no other, and is counted until it can be."""

import pytest
import structlog
from helpers.following import go
from helpers.hand_made_answers import listing

HOUR = 3600


class TestUnreadableItems:
    @pytest.mark.slow
    def test_two_items_without_an_id_take_no_project_away(self, hand_made, follow):
        for number in range(30):
            hand_made.add_project(f"p{number}")
        following = follow(hand_made.transport)
        go(following, HOUR / 2)
        items = list(hand_made.projects.values())
        hand_made.answers["projects"] = listing(*items[2:], {"id": None}, {"id": ["?"]})

        go(following, HOUR)

        assert len(following.known.projects()) == 30
        assert following.figures()["hex_up"] == {(): 1}

    @pytest.mark.slow
    def test_a_listing_of_which_many_cannot_be_read_is_no_success(self, hand_made, follow):
        for number in range(4):
            hand_made.add_project(f"p{number}")
        following = follow(hand_made.transport)
        go(following, HOUR / 2)
        hand_made.answers["projects"] = listing(*({"id": None} for _ in range(4)))

        with structlog.testing.capture_logs() as logs:
            go(following, HOUR)

        assert len(following.known.projects()) == 4
        assert following.figures()["hex_up"] == {(): 0}
        assert len([line for line in logs if line.get("what") == "projects"]) == 1

    @pytest.mark.slow
    def test_a_project_that_can_never_be_read_is_counted_and_said(self, hand_made, follow):
        for number in range(12):
            hand_made.add_project(f"p{number}")
        items = list(hand_made.projects.values())
        hand_made.answers["projects"] = listing(*items[1:], {"id": None})
        following = follow(hand_made.transport)
        go(following, HOUR / 2)
        figures, problems = following.figures(), following.poller.report.problems

        hand_made.answers["projects"] = listing(*items)
        go(following, HOUR / 2)

        assert figures["hex_up"] == {(): 1}
        assert figures["hex_exporter_unreadable_projects"] == {(): 1}
        assert any("cannot be read: 1" in problem for problem in problems)
        assert following.figures()["hex_exporter_unreadable_projects"] == {(): 0}
        assert following.poller.report.problems == ()

    @pytest.mark.slow
    def test_a_known_project_that_cannot_be_read_for_once_is_not_counted(self, hand_made, follow):
        for number in range(12):
            hand_made.add_project(f"p{number}")
        following = follow(hand_made.transport)
        go(following, HOUR / 2)
        hand_made.answers["projects"] = listing(*list(hand_made.projects.values())[1:], {"id": None})

        go(following, HOUR / 2)

        assert following.figures()["hex_exporter_unreadable_projects"] == {(): 0}

    @pytest.mark.slow
    def test_seats_that_cannot_be_read_stay_as_they_were(self, hand_made, follow):
        users = [{"id": f"u{number}", "email": f"u{number}@x.example", "role": "EDITOR"} for number in range(12)]
        hand_made.answers["users"] = listing(*users)
        following = follow(hand_made.transport)
        go(following, HOUR)
        hand_made.answers["users"] = listing(*users[1:], {"id": {}})

        go(following, 4 * HOUR)

        assert following.figures()["hex_seats"][("editor",)] == 12


@pytest.mark.slow
def test_a_run_that_cannot_be_read_is_counted_as_such_and_known_once_it_can(hand_made, follow, clock):
    """A look behind what is known finds it within hours, however many runs have started since."""
    hand_made.add_project("p")
    following = follow(hand_made.transport)
    go(following, HOUR)
    run = hand_made.add_run("p", "r", clock.now(), end=clock.now() + 5)
    good = dict(run)
    run["runId"] = None
    for number in range(150):
        hand_made.add_run("p", f"r{number}", clock.now() + number / 100, end=clock.now() + 5)
    go(following, HOUR)
    assert following.counted("hex_exporter_bad_items_total")["runs",] >= 1
    assert sum(1 for _ in following.known.runs_between(0, None)) == 150
    run.update(good)

    go(following, 2 * HOUR)

    assert sum(1 for _ in following.known.runs_between(0, None)) == 151


@pytest.mark.slow
class TestARunThatCannotBeReadForLong:
    """Nothing is complete beyond it, for a day; a run that was known before it broke holds nothing up."""

    def broken(self, hand_made, follow, clock, later=110, per_hour=60):
        hand_made.add_project("p")
        hand_made.add_run("p", "first", clock.now() - HOUR, end=clock.now() - HOUR + 5)
        following = follow(hand_made.transport, per_hour=per_hour)
        go(following, HOUR)
        self.start = clock.now()
        run = hand_made.add_run("p", "r", self.start, end=self.start + 5)
        good = dict(run)
        run["runId"] = None
        for number in range(later):
            hand_made.add_run("p", f"r{number}", self.start + 60 + number / 100, end=self.start + 70)
        return following, run, good

    def until(self, following):
        (project,) = following.known.projects()
        return project.progress.known_until_ms / 1000

    def runs(self, following):
        return sum(1 for _ in following.known.runs_between(0, None))

    def test_it_is_counted_once_it_can_be_read_and_until_then_nothing_beyond_it_is_complete(
        self, hand_made, follow, clock
    ):
        following, run, good = self.broken(hand_made, follow, clock)
        go(following, 3 * HOUR)
        assert self.until(following) <= self.start
        assert self.runs(following) == 111
        run.update(good)

        go(following, HOUR)

        assert self.runs(following) == 112
        assert clock.now() - self.until(following) < HOUR

    def test_a_restart_does_not_pass_it_over(self, hand_made, follow, clock):
        following, run, good = self.broken(hand_made, follow, clock)
        go(following, 3 * HOUR)
        following.poller.load()
        run.update(good)

        go(following, HOUR)

        assert self.runs(following) == 112

    def test_after_a_day_it_is_left_out_with_a_word(self, hand_made, follow, clock):
        following, _, _ = self.broken(hand_made, follow, clock, later=3, per_hour=20)
        with structlog.testing.capture_logs() as logs:
            go(following, 26 * HOUR)

        assert clock.now() - self.until(following) < 7 * HOUR
        assert len([line for line in logs if "left out" in line["event"]]) == 1

    def test_one_that_is_known_already_holds_nothing_up(self, hand_made, follow, clock):
        hand_made.add_project("p")
        runs = [
            hand_made.add_run("p", f"r{n}", clock.now() - n * HOUR - 60, end=clock.now() - n * HOUR) for n in (3, 2, 1)
        ]
        following = follow(hand_made.transport)
        go(following, HOUR)
        runs[1]["runId"] = None

        go(following, HOUR)

        assert clock.now() - self.until(following) < HOUR


@pytest.mark.slow
class TestARunOfThePastThatCannotBeRead:
    """Where it lies nothing is known for a day, however deep; then each figure says that it is left out."""

    def broken(self, hand_made, follow, clock, place=130, of=150, every=HOUR):
        """So many runs, a start each hour, of which one of the last week is broken."""
        hand_made.add_project("p")
        for number in range(of):
            start = clock.now() - (of - number) * every
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        run = hand_made.runs["p"][place]
        good = dict(run)
        run["runId"] = None
        return follow(hand_made.transport, durable=True, per_hour=12), run, good

    def since(self, following):
        (project,) = following.known.projects()
        return project.progress.complete_from_ms

    def ids(self, following):
        return {run.run_id for run in following.known.runs_between(0, None)}

    @pytest.mark.parametrize("place", [0, 99, 130, 149])
    def test_nothing_is_complete_where_it_lies_and_it_is_known_once_it_can_be_read(
        self, hand_made, follow, clock, place
    ):
        following, run, good = self.broken(hand_made, follow, clock, place)
        go(following, 3 * HOUR)
        (project,) = following.known.projects()
        progress = project.progress
        start_ms = clock.now() * 1000 - (place + 1 + 3) * HOUR * 1000
        assert progress.complete_from_ms > start_ms or progress.known_until_ms <= start_ms + HOUR * 1000
        assert following.figures()["hex_exporter_unreadable_runs"] == {(): 1}
        run.update(good)

        go(following, 2 * HOUR)

        assert len(self.ids(following)) == 150
        assert self.since(following) == 0
        assert following.figures()["hex_exporter_unreadable_runs"] == {(): 0}

    def test_after_a_day_it_is_left_out_and_every_figure_says_so(self, hand_made, follow, clock):
        following, _, _ = self.broken(hand_made, follow, clock)
        go(following, 20 * HOUR)
        assert "hex_budget_previous_used" not in following.figures()
        following.restart()
        with structlog.testing.capture_logs() as logs:
            go(following, 6 * HOUR)

        figures = following.figures()
        assert self.since(following) == 0
        assert figures["hex_exporter_unreadable_runs"] == {(): 1}
        assert figures["hex_budget_unreadable_projects"] == {("weekly-runs", "runs"): 1}
        weeks = ("hex_budget_used", "hex_budget_previous_used")
        assert sum(figures[name]["weekly-runs", "runs"] for name in weeks) == 149
        assert len([line for line in logs if "left out" in line["event"]]) == 1

    def test_pages_of_which_nothing_can_be_read_are_no_end_and_no_disorder(self, hand_made, follow, clock):
        following, run, whole = self.broken(hand_made, follow, clock, of=450)
        run.update(whole)
        broken = hand_made.runs["p"][150:290]
        good = [dict(run) for run in broken]
        for run in broken:
            run["runId"] = None
        go(following, 3 * HOUR)
        (project,) = following.known.projects()
        assert project.progress.known_from_ms > clock.now() * 1000 - 160 * HOUR * 1000
        assert not project.progress.is_unordered
        for run, fields in zip(broken, good, strict=True):
            run.update(fields)

        go(following, 4 * HOUR)

        assert len(self.ids(following)) == 450

    def test_one_of_before_the_last_two_periods_marks_no_budget(self, hand_made, follow, clock):
        following, _, _ = self.broken(hand_made, follow, clock, place=40, of=50, every=24 * HOUR)
        go(following, 26 * HOUR)

        figures = following.figures()
        assert figures["hex_exporter_unreadable_runs"] == {(): 1}
        assert figures["hex_budget_unreadable_projects"] == {("weekly-runs", "runs"): 0}
        assert "hex_budget_previous_used" in figures
