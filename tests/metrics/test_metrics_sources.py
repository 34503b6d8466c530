"""Sources of data: whether they can be read, and when what they hold changed."""

from typing import Any

import pytest

from exporter.config import FileSource, HttpSource, Match, Source

FILES = Source(match=Match(title="Files*"), name="files", file=FileSource(paths=("/data/a.csv",)))
EACH = Source(match=Match(title="*"), name="each", http=HttpSource(url="https://data.example/{project_id}"))


@pytest.fixture
def sourced(world: Any) -> Any:
    """Two projects of one file, one with a source of its own, and one that cannot run."""
    world.configure(sources=(FILES, EACH))
    world.list_projects(
        world.published("f1", title="Files, one"),
        world.published("f2", title="Files, two"),
        world.published("p1", title="Orders"),
        world.published("old", title="Old", archived_ms=world.now_ms),
    )
    return world


def probe(world: Any, source: Source, project_id: str, digest: str = "a") -> None:
    """A probe that succeeded and took a second."""
    began_ms = world.now_ms
    world.clock.advance(1)
    world.acme.sources.record(source.key(project_id), digest, began_ms, world.now_ms)


def fail(world: Any, source: Source, project_id: str) -> None:
    world.acme.sources.record_failure(source.key(project_id), "no answer", world.now_ms)


def test_without_sources_nothing_is_said_of_them(world: Any) -> None:
    world.list_projects(world.published())

    assert not [name for name in world.figures() if name.startswith("hex_source")]


def test_before_the_first_probe_it_is_only_known_whose_data_is_not(sourced: Any) -> None:
    figures = sourced.figures()

    assert figures["hex_source_projects"] == {
        ("files", "known"): 0,
        ("files", "unknown"): 2,
        ("each", "known"): 0,
        ("each", "unknown"): 1,
    }
    assert not {"hex_source_success", "hex_source_last_success_timestamp_seconds"} & figures.keys()


def test_a_probe_that_succeeds_tells_of_all_its_projects(sourced: Any) -> None:
    probe(sourced, FILES, "f1")

    figures = sourced.figures()

    assert figures["hex_source_success"] == {("files",): 1}
    assert figures["hex_source_last_success_timestamp_seconds"] == {("files",): sourced.clock.now()}
    assert figures["hex_source_projects"][("files", "known")] == 2


def test_a_source_per_project_is_as_well_as_the_worst_of_them(sourced: Any) -> None:
    sourced.list_projects(sourced.published("p1", title="Orders"), sourced.published("p2", title="Churn"))
    probe(sourced, EACH, "p1")
    first = sourced.clock.now()

    assert "hex_source_last_success_timestamp_seconds" not in sourced.figures()

    sourced.clock.advance(60)
    probe(sourced, EACH, "p2")
    assert sourced.figures()["hex_source_last_success_timestamp_seconds"] == {("each",): first}
    assert sourced.figures()["hex_source_success"] == {("each",): 1}

    fail(sourced, EACH, "p2")
    figures = sourced.figures()
    assert figures["hex_source_success"] == {("each",): 0}
    assert figures["hex_source_projects"] == {("each", "known"): 1, ("each", "unknown"): 1}


def test_a_failure_hides_neither_the_last_success_nor_the_last_change(sourced: Any) -> None:
    probe(sourced, FILES, "f1", "a")
    changed = sourced.clock.now()
    probe(sourced, FILES, "f1", "b")
    reported = sourced.clock.now()
    fail(sourced, FILES, "f1")

    figures = sourced.figures()

    assert figures["hex_source_success"] == {("files",): 0}
    assert figures["hex_source_last_success_timestamp_seconds"] == {("files",): reported}
    assert figures["hex_source_changed_timestamp_seconds"] == {("f1",): changed, ("f2",): changed}


def test_a_change_is_told_once_it_was_seen(sourced: Any) -> None:
    """What the first probe sees is no change: since when it has been so, no one knows."""
    probe(sourced, EACH, "p1", "a")
    assert "hex_source_changed_timestamp_seconds" not in sourced.figures()

    sourced.clock.advance(60)
    changed = sourced.clock.now()
    probe(sourced, EACH, "p1", "b")
    probe(sourced, EACH, "p1", "b")
    assert sourced.figures()["hex_source_changed_timestamp_seconds"] == {("p1",): changed}


def test_a_project_without_its_own_series_has_no_time_of_its_own(sourced: Any) -> None:
    sourced.list_projects(sourced.published("f1", title="Files"), members=0)
    probe(sourced, FILES, "f1", "a")
    probe(sourced, FILES, "f1", "b")

    assert "hex_source_changed_timestamp_seconds" not in sourced.figures()
    assert sourced.figures()["hex_source_projects"] == {("files", "known"): 1, ("files", "unknown"): 0}


def test_a_source_that_no_project_has_any_more_is_gone(sourced: Any) -> None:
    probe(sourced, FILES, "f1")
    sourced.list_projects(sourced.published("p1", title="Orders"))

    assert "hex_source_success" not in sourced.figures()


def test_judged_runs_are_counted_by_project_and_trigger(sourced: Any) -> None:
    sourced.acme.sources.record_judged("p1", EACH.key("p1"), 1, {"scheduled": (5, 4)}, sourced.now_ms)
    sourced.release()

    figures = sourced.figures()

    assert figures["hex_source_checked_runs_total"][("p1", "scheduled")] == 5
    assert figures["hex_source_unchanged_runs_total"][("p1", "scheduled")] == 4
