"""How far the runs are known: until when, and from when on."""

from typing import Any

HOUR_MS = 3_600_000


class TestCompleteUntil:
    METRIC = "hex_runs_complete_until_timestamp_seconds"

    def test_it_is_the_time_of_the_project_that_is_furthest_behind(self, world: Any) -> None:
        world.list_projects(world.published("a"), world.published("b"))
        world.read_runs("a")
        behind = world.clock.now()
        world.clock.advance(600)
        world.read_runs("b")

        assert world.figures()[self.METRIC] == {(): behind}

    def test_it_is_unknown_until_every_project_was_read_once(self, world: Any) -> None:
        world.list_projects(world.published("a"), world.published("b"))
        world.read_runs("a")

        assert self.METRIC not in world.figures()

    def test_projects_without_a_run_history_are_not_waited_for(self, world: Any) -> None:
        """Unpublished, archived and trashed projects, and those whose runs Hex refuses."""
        world.list_projects(
            world.published("a"),
            world.published("draft", published_ms=None),
            world.published("archived", archived_ms=1),
            world.published("trashed", trashed_ms=1),
            world.published("refused"),
        )
        world.read_runs("a")
        world.read_runs("refused", known_until_ms=None, refusals=1)

        assert world.figures()[self.METRIC] == {(): world.clock.now()}

    def test_a_project_created_since_first_contact_is_known_to_its_creation(self, world: Any) -> None:
        """A new project must not make everything unknown for the minute until its runs are read."""
        world.list_projects(world.published("a"))
        world.clock.advance(600)
        created_ms = world.now_ms - 60_000
        world.list_projects(world.published("a"), world.published("new", created_ms=created_ms))
        world.read_runs("a")

        assert world.figures()[self.METRIC] == {(): created_ms / 1000}

    def test_without_a_project_that_runs_it_is_the_listings_time(self, world: Any) -> None:
        world.list_projects(world.published("draft", published_ms=None))

        assert world.figures()[self.METRIC] == {(): world.clock.now()}


HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
THIS, LAST, NEXT = (
    "hex_project_week_runs",
    "hex_project_previous_week_runs",
    "hex_project_scheduled_week_runs",
)
# The manual clock starts on Wednesday, 18 November 2026, 11:06:40 UTC: this week is 2 days and 11 hours old.
THIS_WEEK, LAST_WEEK, BEFORE = DAY_MS, 4 * DAY_MS, 10 * DAY_MS


def test_a_week_appears_when_it_is_known_for_every_project(world: Any) -> None:
    """Part of a week's runs is never shown as the week's."""
    world.list_projects(world.published("p1"), world.published("p2"))
    world.read_runs("p1", *world.many(2, THIS_WEEK))
    world.read_runs("p2", known_from_ms=world.now_ms - DAY_MS)
    figures = world.figures()
    assert THIS not in figures
    assert LAST not in figures

    world.read_runs("p2", known_from_ms=world.now_ms - 3 * DAY_MS)
    figures = world.figures()
    assert figures[THIS] == {("p1",): 2, ("p2",): 0}
    assert LAST not in figures

    world.read_runs("p2", known_from_ms=world.now_ms - 20 * DAY_MS)
    assert world.figures()[LAST] == {("p1",): 0, ("p2",): 0}


def test_nothing_is_known_before_the_projects_are(world: Any) -> None:
    assert THIS not in world.figures()


NEVER_READ = {"known_from_ms": None, "known_until_ms": None, "last_read_ms": None, "refusals": 3}
USED, MISSING = "hex_budget_used", "hex_budget_unreadable_projects"
BUDGET = ("weekly-runs", "runs")


class TestUnreadableProjects:
    """Projects that can run and whose runs Hex has never shown: left out and said, and never taken for 0."""

    def test_one_among_many_is_left_out_of_the_week_and_marks_the_budget(self, world: Any) -> None:
        world.list_projects(*(world.published(f"p{number}") for number in range(20)), world.published("secret"))
        for number in range(20):
            world.read_runs(f"p{number}", world.run(f"r{number}", THIS_WEEK, project_id=f"p{number}"))
        world.read_runs("secret", **NEVER_READ)

        figures = world.figures()
        assert figures[THIS] == {(f"p{number}",): 1 for number in range(20)}
        assert figures[USED][BUDGET] == 20
        assert figures[MISSING][BUDGET] == 1
        assert figures["hex_exporter_unreadable_projects"] == {(): 1}

    def test_a_share_of_them_hides_what_sums_over_them(self, world: Any) -> None:
        world.list_projects(*(world.published(f"p{number}") for number in range(10)))
        for number in range(9):
            world.read_runs(f"p{number}", world.run(f"r{number}", THIS_WEEK, project_id=f"p{number}"))
        world.read_runs("p9", **NEVER_READ)

        figures = world.figures()
        assert USED not in figures
        assert THIS not in figures
        assert figures[MISSING][BUDGET] == 1

    def test_a_project_that_was_read_before_stays_and_holds_back_complete_until(self, world: Any) -> None:
        world.list_projects(world.published("p1"), world.published("p2"))
        world.read_runs("p1", *world.many(1, THIS_WEEK))
        read = world.clock.now()
        world.clock.advance(600)
        world.read_runs("p1", known_until_ms=round(read * 1000), refusals=2)
        world.read_runs("p2")

        figures = world.figures()
        assert figures[USED][BUDGET] == 1
        assert figures[MISSING][BUDGET] == 0
        assert figures[TestCompleteUntil.METRIC] == {(): read}

    def test_when_there_are_no_others_nothing_is_known(self, world: Any) -> None:
        world.list_projects(world.published("p1"), world.published("p2"))
        for project_id in ("p1", "p2"):
            world.read_runs(project_id, **NEVER_READ)

        figures = world.figures()
        assert not {USED, THIS, TestCompleteUntil.METRIC} & figures.keys()
        assert figures["hex_exporter_unreadable_projects"] == {(): 2}


def test_a_project_created_meanwhile_does_not_hide_the_week(world: Any) -> None:
    world.list_projects(world.published("p1"))
    world.read_runs("p1", *world.many(1, THIS_WEEK))
    world.clock.advance(60)
    world.list_projects(world.published("p1"), world.published("new", created_ms=world.now_ms))

    assert world.figures()[THIS] == {("p1",): 1, ("new",): 0}
