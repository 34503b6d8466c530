"""Whether the workspace is seen, and how far its runs are known."""

from typing import Any

from exporter.facts import Identity

HOUR_MS = 3_600_000


def test_before_the_first_listing_it_is_down(world: Any) -> None:
    figures = world.figures()

    assert figures["hex_up"] == {(): 0}
    assert "hex_last_successful_poll_timestamp_seconds" not in figures
    assert "hex_runs_complete_until_timestamp_seconds" not in figures


def test_a_whole_listing_puts_it_up_and_a_failed_one_down(world: Any) -> None:
    world.list_projects()
    listed = world.clock.now()
    assert world.figures()["hex_up"] == {(): 1}

    world.clock.advance(60)
    world.acme.record_collector("projects", False, world.now_ms)

    figures = world.figures()
    assert figures["hex_up"] == {(): 0}
    assert figures["hex_last_successful_poll_timestamp_seconds"] == {(): listed}


def test_each_collector_speaks_for_itself(world: Any) -> None:
    world.acme.record_collector("users", True, world.now_ms)
    world.acme.record_collector("threads", False, world.now_ms)

    figures = world.figures()

    assert figures["hex_collector_success"] == {("users",): 1, ("threads",): 0}
    assert figures["hex_collector_last_success_timestamp_seconds"] == {("users",): world.clock.now()}


def test_the_token_expires_when_hex_says(world: Any) -> None:
    world.acme.record_identity(Identity(org_id="o", token_expires_ms=1_800_000_000_000), world.now_ms)

    assert world.figures()["hex_token_expiry_timestamp_seconds"] == {(): 1_800_000_000.0}


def test_a_token_without_expiry_has_none(world: Any) -> None:
    world.acme.record_identity(Identity(org_id="o"), world.now_ms)

    assert "hex_token_expiry_timestamp_seconds" not in world.figures()


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
        world.read_runs("refused", known_until_ms=None, refusals=1, refused_until_ms=world.now_ms + HOUR_MS)

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
