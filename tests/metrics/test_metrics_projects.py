"""Projects as listed."""

import hashlib
import hmac
from pathlib import Path
from typing import Any

import pytest

from exporter.config import Labels, Match, Team, Workspace
from exporter.facts import Identity, ProjectVersion, QueriedTable, Schedule

DAY_MS = 86_400_000
FROM_THE_LISTING = {
    "hex_projects",
    "hex_schedules",
    "hex_project_last_viewed_timestamp_seconds",
    "hex_project_last_edited_timestamp_seconds",
    "hex_project_last_published_timestamp_seconds",
    "hex_project_results_updated_timestamp_seconds",
    "hex_project_app_views",
    "hex_project_scheduled_week_runs",
    "hex_week_hour_scheduled_runs",
}


def info(world: Any) -> dict[str, str]:
    """The labels of the only project."""
    ((labels, value),) = world.figures()["hex_project_info"].items()
    assert value == 1
    return dict(zip(("project_id", "title", "owner", "team", "project_status", "url"), labels, strict=True))


class TestInfo:
    def test_it_says_what_the_project_is(self, world: Any) -> None:
        world.list_projects(world.published(title="Orders", owner="ada@acme.example", project_status="Approved"))

        assert info(world) == {
            "project_id": "p1",
            "title": "Orders",
            "owner": "ada@acme.example",
            "team": "",
            "project_status": "Approved",
            "url": "https://app.hex.tech/hex/p1",
        }

    def test_what_hex_does_not_say_is_empty(self, world: Any) -> None:
        world.list_projects(world.published())

        assert (info(world)["owner"], info(world)["project_status"]) == ("", "")

    def test_the_url_has_the_organisation_once_it_is_known(self, world: Any) -> None:
        world.configure(workspaces=(Workspace(name="acme", base_url="https://eu.hex.tech:8443/api/v1"),))
        world.list_projects(world.published("a/b?c"))
        world.acme.record_identity(Identity(org_id="org-1"), world.now_ms)

        assert info(world)["url"] == "https://eu.hex.tech:8443/org-1/hex/a%2Fb%3Fc"

    def test_the_team_is_the_first_that_fits(self, world: Any) -> None:
        world.configure(
            teams=(
                Team(name="sales", match=Match(owner="*@sales.example")),
                Team(name="everyone", match=Match(title="*")),
                Team(name="late", match=Match(title="Orders")),
            )
        )
        world.list_projects(world.published(title="Orders", owner="ada@acme.example"))

        assert info(world)["team"] == "everyone"

    def test_archived_and_gone_projects_keep_their_names(self, world: Any) -> None:
        """Their counters are still there, and want to be called by name."""
        world.list_projects(world.published(title="Orders", archived_ms=1))
        assert info(world)["title"] == "Orders"

        world.clock.advance(60)
        world.list_projects()
        assert info(world)["title"] == "Orders"

    def test_projects_without_series_have_none(self, world: Any) -> None:
        world.list_projects(world.published(), members=0)

        assert "hex_project_info" not in world.figures()


class TestOwner:
    def test_it_may_be_a_keyed_hash(self, world: Any, tmp_path: Path) -> None:
        key = tmp_path / "key"
        key.write_bytes(b"pepper\n")
        world.configure(labels=Labels(owner="hash", hash_key_file=str(key)))
        world.list_projects(world.published(owner="ada@acme.example"))

        expected = hmac.new(b"pepper", b"ada@acme.example", hashlib.sha256).hexdigest()[:12]

        assert info(world)["owner"] == expected

    def test_nobody_has_no_hash(self, world: Any, tmp_path: Path) -> None:
        key = tmp_path / "key"
        key.write_bytes(b"pepper")
        world.configure(labels=Labels(owner="hash", hash_key_file=str(key)))
        world.list_projects(world.published(owner=None))

        assert info(world)["owner"] == ""

    def test_it_may_be_left_out(self, world: Any) -> None:
        world.configure(labels=Labels(owner="none"))
        world.list_projects(world.published(owner="ada@acme.example"))

        assert info(world)["owner"] == ""

    @pytest.mark.parametrize("content", [None, b"\n"])
    def test_without_a_key_the_address_stays_hidden(self, world: Any, tmp_path: Path, content: bytes | None) -> None:
        key = tmp_path / "key"
        if content is not None:
            key.write_bytes(content)
        world.configure(labels=Labels(owner="hash", hash_key_file=str(key)))
        world.list_projects(world.published(owner="ada@acme.example"))

        assert info(world)["owner"] == ""


def test_projects_are_counted_by_their_strongest_state(world: Any) -> None:
    world.list_projects(
        world.published("a"),
        world.published("b"),
        world.published("c", published_ms=None),
        world.published("d", archived_ms=1, trashed_ms=1),
        members=1,
    )

    assert world.figures()["hex_projects"] == {
        ("published",): 2,
        ("unpublished",): 1,
        ("archived",): 0,
        ("trashed",): 1,
    }


def test_times_and_views_are_those_of_the_listing(world: Any) -> None:
    world.list_projects(
        world.published(
            published_ms=1_000_500,
            edited_ms=2_000_000,
            viewed_ms=3_000_000,
            results_updated_ms=4_000_000,
            views_7d=7,
            views_14d=0,
            views_30d=None,
        )
    )

    figures = world.figures()

    assert figures["hex_project_last_published_timestamp_seconds"] == {("p1",): 1000.5}
    assert figures["hex_project_last_edited_timestamp_seconds"] == {("p1",): 2000.0}
    assert figures["hex_project_last_viewed_timestamp_seconds"] == {("p1",): 3000.0}
    assert figures["hex_project_results_updated_timestamp_seconds"] == {("p1",): 4000.0}
    assert figures["hex_project_app_views"] == {("p1", "7d"): 7, ("p1", "14d"): 0}


def test_what_was_never_viewed_has_no_time(world: Any) -> None:
    world.list_projects(world.published())

    assert "hex_project_last_viewed_timestamp_seconds" not in world.figures()


def test_details_are_for_listed_projects_with_series(world: Any) -> None:
    world.list_projects(world.published(viewed_ms=1000), members=0)
    assert "hex_project_last_viewed_timestamp_seconds" not in world.figures()

    world.list_projects(world.published(viewed_ms=1000))
    assert "hex_project_last_viewed_timestamp_seconds" in world.figures()

    world.list_projects()
    assert "hex_project_last_viewed_timestamp_seconds" not in world.figures()


def test_figures_from_the_listing_disappear_when_it_is_too_old(world: Any) -> None:
    full = {
        "viewed_ms": 1,
        "edited_ms": 1,
        "results_updated_ms": 1,
        "views_7d": 1,
        "schedules": (Schedule(cadence="daily", enabled=True, cron="0 8 * * *"),),
    }
    world.list_projects(world.published(**full))
    world.clock.advance(6 * 3600)
    assert world.figures().keys() >= FROM_THE_LISTING

    world.clock.advance(1)

    figures = world.figures()
    assert not figures.keys() & FROM_THE_LISTING
    assert "hex_project_info" in figures


class TestSchedules:
    def test_every_cadence_is_there_before_any_schedule(self, world: Any) -> None:
        world.list_projects()

        assert set(world.figures()["hex_schedules"]) == {
            (cadence, state)
            for cadence in ("hourly", "daily", "weekly", "monthly", "custom")
            for state in ("enabled", "disabled")
        }

    def test_schedules_of_archived_and_trashed_projects_are_not_enabled(self, world: Any) -> None:
        daily = Schedule(cadence="daily", enabled=True, cron="0 8 * * *")
        off = Schedule(cadence="weekly", enabled=False, cron="0 8 * * 1")
        world.list_projects(
            world.published("a", schedules=(daily, off)),
            world.published("b", schedules=(daily,), archived_ms=1),
            world.published("c", schedules=(daily,), trashed_ms=1),
            members=0,
        )

        found = {which: count for which, count in world.figures()["hex_schedules"].items() if count}

        assert found == {("daily", "enabled"): 1, ("daily", "disabled"): 2, ("weekly", "disabled"): 1}

    def test_a_cadence_that_hex_invents_is_kept(self, world: Any) -> None:
        world.list_projects(world.published(schedules=(Schedule(cadence="fortnightly", enabled=True, cron=None),)))

        assert world.figures()["hex_schedules"][("fortnightly", "enabled")] == 1


def test_when_a_project_is_scheduled_and_what_it_queries(world: Any) -> None:
    daily = Schedule(cadence="daily", enabled=True, cron="5 9 * * *", timezone="Europe/Zurich")
    off = Schedule(cadence="hourly", enabled=False, cron="0 * * * *")
    world.list_projects(world.published("p1", schedules=(daily, off)))
    world.acme.record_tables("p1", [QueriedTable(connection_id="c1", table="t")] * 2, world.now_ms)

    figures = world.figures()

    assert figures["hex_project_schedule_info"] == {("p1", "daily", "5 9 * * *", "Europe/Zurich"): 1}
    assert figures["hex_project_connection_info"] == {("p1", "c1"): 1}


class TestCacheSettings:
    def record(self, world: Any, version: str, published_ms: int = 1, **settings: Any) -> None:
        facts = ProjectVersion(project_id="p1", version=version, **settings)
        world.acme.record_version(facts, published_ms, world.now_ms)

    def test_they_are_those_of_the_published_version(self, world: Any) -> None:
        """An old version that runs name may be read after the published one."""
        world.list_projects(world.published(published_ms=1))
        self.record(world, "10", auto_rerun_app=True, cache_published_app=False, published_cache="disabled")
        self.record(world, "9", auto_rerun_app=False)

        assert world.figures()["hex_project_cache_info"] == {("p1", "false", "true", "", "disabled"): 1}

        self.record(world, "latest", logic_cache="3600")
        assert world.figures()["hex_project_cache_info"] == {("p1", "", "", "3600", ""): 1}

    def test_what_was_published_last_is_superseded_by_a_later_version(self, world: Any) -> None:
        world.list_projects(world.published(published_ms=2))
        self.record(world, "latest", 1, logic_cache="3600")
        assert world.figures()["hex_project_cache_info"] == {("p1", "", "", "3600", ""): 1}

        self.record(world, "4", 2, logic_cache="60")
        assert world.figures()["hex_project_cache_info"] == {("p1", "", "", "60", ""): 1}

    def test_without_a_version_or_a_published_app_there_is_none(self, world: Any) -> None:
        world.list_projects(world.published("p1"), world.published("p2", published_ms=None))
        facts = ProjectVersion(project_id="p2", version="1")
        world.acme.record_version(facts, None, world.now_ms)

        assert "hex_project_cache_info" not in world.figures()
