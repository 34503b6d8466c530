"""The audit out of the ledger: it finds what was planted, and says what it cannot know."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from helpers.wasteful import DAY_MS, config_of
from known_workspace import DAILY, HOUR_MS, Known, audited, scheduled

from exporter.audit.input_reader import StoppedError, read_audit_input
from exporter.config import Collect, Ignore, Storage
from exporter.facts import FINDING_KINDS, Project, QueriedTable, Run, Schedule, Seat, Thread
from exporter.ledger import RunProgress


class TestEvidence:
    def test_runs_are_added_up_by_trigger_and_status(self, known: Known) -> None:
        known.projects(Project(project_id="p", published_ms=1))
        ago = known.now_ms - DAY_MS
        known.runs(
            "p",
            scheduled("p", 1, ago, elapsed_ms=1000),
            scheduled("p", 2, ago + 1, end_ms=ago + 501),
            scheduled("p", 3, ago + 2, end_ms=ago - 10_000),
            scheduled("p", 4, ago + 3, status="errored", elapsed_ms=-5),
            scheduled("p", 5, ago + 4, status="unable_to_allocate_kernel"),
            scheduled("p", 6, known.now_ms - 40 * DAY_MS, status="killed", elapsed_ms=7),
            scheduled("p", 7, known.now_ms + DAY_MS, elapsed_ms=9),
        )

        use = read_audit_input(known.ledger, config_of(), known.now_ms).uses["p"]

        assert use.by == {("scheduled", "completed"): (3, 1500), ("scheduled", "errored"): (1, 0)}
        assert use.last_scheduled == ("completed", "errored", "completed", "completed", "completed")
        assert use.last_ms == {"scheduled": known.now_ms + DAY_MS}

    def test_nothing_listed_is_nothing_known(self, known: Known) -> None:
        evidence = read_audit_input(known.ledger, config_of(), known.now_ms)

        assert (evidence.projects, evidence.seats, evidence.connections, evidence.since_ms) == (None, None, None, None)
        assert evidence.missing == dict.fromkeys(
            ("projects", "runs", "users", "threads", "connections"), "not read yet"
        )
        found = audited(known.ledger, config_of(), known.now_ms)
        assert (found.findings, found.totals) == ((), {})
        assert {one.kind for one in found.not_judged} == set(FINDING_KINDS)

    def test_an_old_listing_is_no_evidence(self, known: Known) -> None:
        known.projects(Project(project_id="p", published_ms=1))
        known.seats(Seat(user_id="u", role="editor"))

        evidence = read_audit_input(known.ledger, config_of(), known.now_ms + 7 * HOUR_MS)

        assert evidence.seats is None
        assert evidence.missing["users"] == "last read 7 hours ago"

    def test_what_is_switched_off_says_so(self, known: Known) -> None:
        known.projects(Project(project_id="p", published_ms=1), tables=False)
        config = config_of(collect=Collect(users=False, queried_tables=False))

        missing = read_audit_input(known.ledger, config, known.now_ms).missing

        assert missing["users"] == "collect.users is off"
        assert missing["queried_tables"] == "collect.queried_tables is off"

    def test_a_history_that_is_still_being_read_is_not_judged(self, known: Known) -> None:
        known.projects(Project(project_id="p", published_ms=1), known_from_ms=known.now_ms - 3 * DAY_MS)

        evidence = read_audit_input(known.ledger, config_of(), known.now_ms)

        assert evidence.since_ms is None
        assert evidence.missing["runs"] == "their history is still being read"

    def test_what_is_no_longer_kept_shortens_the_window(self, known: Known) -> None:
        known.projects(Project(project_id="p", published_ms=1))
        config = config_of(storage=Storage(url="sqlite://", keep_runs_seconds=10 * 86_400))

        assert read_audit_input(known.ledger, config, known.now_ms).since_ms == known.now_ms - 10 * DAY_MS

    def test_projects_that_are_gone_are_not_judged(self, known: Known) -> None:
        known.projects(Project(project_id="p", published_ms=1), Project(project_id="q", published_ms=1))
        known.ledger.record_projects([Project(project_id="q", published_ms=1)], known.now_ms + 1)

        evidence = read_audit_input(known.ledger, config_of(), known.now_ms + 1)

        assert [one.project_id for one in evidence.projects or ()] == ["q"]
        assert set(evidence.tables or {}) == {"q"}

    def test_unviewed_runs_count_from_when_they_were_watched_on(self, known: Known, manual_clock: Any) -> None:
        known.projects(Project(project_id="p", published_ms=1, schedules=DAILY, viewed_ms=1))
        known.ledger.choose_members(10, known.now_ms)
        assert read_audit_input(known.ledger, config_of(), known.now_ms).uses.get("p") is None
        manual_clock.advance(14 * 86_400)
        later_ms = known.now_ms + 14 * DAY_MS
        progress = RunProgress(known_until_ms=later_ms, known_from_ms=0)
        runs = [
            scheduled("p", day, known.now_ms + day * DAY_MS, end_ms=known.now_ms + day * DAY_MS + 1)
            for day in range(1, 15)
        ]
        known.ledger.record_runs("p", runs, progress, later_ms)
        known.ledger.record_projects([Project(project_id="p", published_ms=1, schedules=DAILY, viewed_ms=1)], later_ms)
        known.ledger.record_collector("projects", True, later_ms)
        known.ledger.release_holds(later_ms + 91_000)

        use = read_audit_input(known.ledger, config_of(), later_ms).uses["p"]

        assert use.unviewed_week == pytest.approx(6.5)

    def test_it_stops_when_nobody_wants_it(self, known: Known) -> None:
        with pytest.raises(StoppedError):
            read_audit_input(known.ledger, config_of(), known.now_ms, lambda: False)


class TestBadInput:
    """Whatever Hex says, an audit comes of it."""

    def test_clocks_ahead_nulls_and_unknown_roles(self, known: Known) -> None:
        ahead = known.now_ms + 30 * DAY_MS
        known.projects(
            Project(project_id="ahead", published_ms=ahead, created_ms=ahead, edited_ms=ahead, viewed_ms=ahead),
            Project(project_id="nulls", published_ms=1, schedules=(Schedule(cadence="?", enabled=True, cron=None),)),
            Project(project_id="odd", published_ms=1, views_30d=-4, schedules=DAILY, owner=""),
        )
        for project_id in ("ahead", "nulls", "odd"):
            known.runs(
                project_id,
                scheduled(project_id, 1, ahead, elapsed_ms=-1),
                Run(run_id=f"{project_id}-x", project_id=project_id, status="melted", end_ms=5),
                Run(run_id=f"{project_id}-y", project_id=project_id, status="", trigger=""),
            )
        known.seats(
            Seat(user_id="u1", role="astronaut", last_login_ms=ahead),
            Seat(user_id="u2", role="", email="same@x.example"),
            Seat(user_id="u3", role="editor", email="same@x.example", last_login_ms=-1),
            Seat(user_id="u4", role="editor", email="SAME@x.example", last_login_ms=known.now_ms),
        )
        known.rest()

        found = audited(known.ledger, config_of(), known.now_ms)

        assert found.now_ms == known.now_ms
        assert all(one.saving.micro is None or one.saving.micro >= 0 for one in found.findings)
        assert "astronaut" not in {fact.value for one in found.findings for fact in one.evidence}

    def test_users_without_an_address_are_told_apart(self, known: Known) -> None:
        known.projects(Project(project_id="p", published_ms=1, owner=None))
        known.seats(Seat(user_id="u1", role="editor"), Seat(user_id="u2", role="editor"))
        known.rest()

        found = audited(known.ledger, config_of(), known.now_ms)

        idle = [one for one in found.findings if one.kind == "idle_paid_seat"]
        assert {one.subject for one in idle} == {"u1", "u2"}
        assert all(one.subject_name for one in idle)

    def test_threads_of_nobody_and_of_no_time(self, known: Known) -> None:
        known.projects(Project(project_id="p", published_ms=1))
        known.ledger.record_threads(
            [
                Thread(thread_id="1"),
                Thread(thread_id="2", user_id="u"),
                Thread(thread_id="3", user_id="u", created_ms=5),
                Thread(thread_id="4", created_ms=9),
            ],
            known.now_ms,
        )

        assert read_audit_input(known.ledger, config_of(), known.now_ms).seen_ms == {"u": 5}

    def test_connections_without_a_name_and_tables_of_unknown_ones(self, known: Known) -> None:
        known.projects(Project(project_id="p", published_ms=1))
        known.seats()
        known.rest()
        known.ledger.record_tables("p", [QueriedTable(connection_id="gone", table="")], known.now_ms)
        known.ledger.record_tables("stranger", [QueriedTable(connection_id="c", table="t")], known.now_ms)

        found = audited(known.ledger, config_of(), known.now_ms)

        assert {one.subject for one in found.findings if one.kind == "unused_connection"} == {"c"}

    def test_an_ignored_finding_counts_again_after_its_last_day(self, known: Known) -> None:
        known.projects(Project(project_id="p", published_ms=1))
        known.seats(Seat(user_id="u1", role="editor", email="a@x.example"))
        known.rest()
        today = datetime.fromtimestamp(known.now_ms / 1000, UTC).date()
        for until, is_ignored in ((today, True), (date(2020, 1, 1), False), (None, True)):
            rule = Ignore(kind="idle_paid_seat", subject="*@X.example", reason="on leave", until=until)
            found = audited(known.ledger, config_of(ignore=(rule,)), known.now_ms)
            assert [one.subject for one in found.ignored] == (["u1"] if is_ignored else [])
            assert ("u1" in {one.subject for one in found.findings}) is not is_ignored
            assert found.totals["idle_paid_seat"].findings == (0 if is_ignored else 1)
