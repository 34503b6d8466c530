"""The audit out of the ledger: it finds what was planted, and says what it cannot know."""

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from helpers.evidencing import is_found, is_of
from helpers.evidencing import read_audit_input as truth_of
from helpers.wasteful import DAY_MS, MovingClock, config_of, follow, probe

from exporter.audit.auditor import Auditor, audit_of
from exporter.audit.input_reader import StoppedError, is_settled, read_audit_input
from exporter.config import Audit as AuditSettings
from exporter.config import Collect, Ignore, Storage
from exporter.errors import LedgerError
from exporter.facts import FINDING_KINDS, Connection, Project, QueriedTable, Run, Schedule, Seat, Thread
from exporter.ledger import RunProgress, open_ledger
from exporter.simulator.tokens import Scope

PROBED = ("over_refreshed", "over_scheduled", "office", "daily")


@pytest.fixture(scope="module")
def world() -> Any:
    """A workspace that was followed until everything was read, and probed for four weeks."""
    clock = MovingClock(1_795_000_000.0)
    simulation, following = follow(clock)
    now_ms = round(clock.now() * 1000)
    config = probe(simulation, following.known, config_of(simulation), PROBED, now_ms)
    return simulation, following.known, config, now_ms


def audited(ledger: Any, config: Any, now_ms: int) -> Any:
    return audit_of(ledger.name, config, read_audit_input(ledger, config, now_ms))


class TestOfASimulatedWorkspace:
    @pytest.mark.slow
    def test_everything_planted_is_found_and_nothing_else(self, world: Any, capsys: Any) -> None:
        simulation, ledger, config, now_ms = world
        planted = [one for one in simulation.waste if one.kind != "costly_plan"]
        wanted = [one for one in planted if one.is_waste]
        near = [one for one in planted if not one.is_waste]

        findings = audited(ledger, config, now_ms).findings

        right = [one for one in findings if any(is_of(piece, one) for piece in wanted)]
        found = [piece for piece in wanted if is_found(piece, findings)]
        with capsys.disabled():
            print(
                f"\n  through the ledger: precision {len(right)}/{len(findings)}, recall {len(found)}/{len(wanted)},"
                f" near misses flagged {sum(is_found(piece, findings) for piece in near)}/{len(near)}",
                end="",
            )
        assert [one.key for one in findings if one not in right] == []
        assert [piece for piece in wanted if piece not in found] == []
        assert [piece for piece in near if is_found(piece, findings)] == []

    @pytest.mark.slow
    def test_the_evidence_is_what_happened(self, world: Any) -> None:
        simulation, ledger, config, now_ms = world
        truth = truth_of(simulation)

        evidence = read_audit_input(ledger, config, now_ms)

        assert evidence.since_ms == now_ms - 28 * DAY_MS
        assert evidence.missing == {}
        assert {one.project_id for one in evidence.projects or ()} == {one.project_id for one in truth.projects or ()}
        runnable = {one.project_id for one in simulation.projects if one.is_runnable}
        assert len(runnable) > 25
        for project_id in runnable & truth.uses.keys():
            known = evidence.uses.get(project_id)
            expected = truth.uses[project_id]
            # The two look a few minutes apart, and Hex lists some runs without an end.
            for key, amount in expected.by.items():
                assert known is not None
                assert abs(known.by[key].runs - amount.runs) <= 2
            if expected.last_scheduled:
                assert known is not None
                assert known.last_scheduled[:1] in (expected.last_scheduled[:1], expected.last_scheduled[1:2])
                assert len(known.last_scheduled) == len(expected.last_scheduled)
        assert len(evidence.seats or ()) == len(simulation.seats)
        assert {one.connection_id for one in evidence.connections or ()} == {
            one.connection_id for one in simulation.links
        }

    def test_a_probed_source_is_measured(self, world: Any) -> None:
        simulation, ledger, config, now_ms = world
        project = next(one for one in simulation.projects if one.sort == "over_refreshed")

        evidence = read_audit_input(ledger, config, now_ms)

        source = evidence.sources[project.project_id]
        truth = truth_of(simulation).sources[project.project_id]
        assert abs(source.changes - truth.changes) <= 1
        assert source.checked_runs > 150
        assert source.unchanged_runs == pytest.approx(truth.unchanged_runs, abs=6)
        (finding,) = [one for one in audited(ledger, config, now_ms).findings if one.subject == project.project_id]
        assert (finding.kind, finding.confidence) == ("over_refreshed", "measured")

    def test_totals_never_exceed_what_is_spent(self, world: Any) -> None:
        _, ledger, config, now_ms = world

        found = audited(ledger, config, now_ms)

        assert 0 < found.saving.micro <= found.spent.micro
        assert 0 < found.saving.runs <= found.spent.runs
        assert sum(one.saving.micro or 0 for one in found.totals.values()) == found.saving.micro

    def test_people_and_projects_are_of_teams(self, world: Any) -> None:
        simulation, ledger, config, now_ms = world

        teams = read_audit_input(ledger, config, now_ms).teams

        for person in simulation.staff.people:
            assert teams[person.user_id] == person.email.split("@")[1].removesuffix(".example")
        owned = [one for one in simulation.projects if one.sort == "failing"]
        assert teams[owned[0].project_id] == owned[0].owner_email.split("@")[1].removesuffix(".example")


@pytest.fixture(scope="module")
def blind() -> Any:
    clock = MovingClock(1_795_000_000.0)
    without = (Scope.READ_USERS, Scope.READ_QUERIED_TABLES, Scope.READ_CELLS, Scope.READ_CONNECTIONS)
    simulation, following = follow(clock, without=without)
    return simulation, audited(following.known, config_of(), round(clock.now() * 1000))


class TestWithoutPermission:
    """What a token may not read is not judged, with the scope that is missing; never found to be nothing."""

    @pytest.mark.parametrize(
        ("kind", "scope"),
        [
            ("idle_paid_seat", "users"),
            ("costly_role", "users"),
            ("duplicate_projects", "queried tables"),
            ("unused_connection", "connections"),
            ("overlapping_connections", "connections"),
        ],
    )
    @pytest.mark.slow
    def test_kinds_are_not_judged_and_say_what_is_needed(self, blind: Any, kind: str, scope: str) -> None:
        _, found = blind

        (reason,) = [one for one in found.not_judged if one.kind == kind]

        assert not reason.is_partial
        assert scope in reason.needs
        assert "403" in reason.why
        assert kind not in found.totals
        assert not [one for one in found.findings if one.kind == kind]

    @pytest.mark.slow
    def test_the_rest_is_judged(self, blind: Any) -> None:
        simulation, found = blind

        kinds = {one.subject: one.kind for one in found.findings}
        for sort in ("abandoned", "unviewed", "failing"):
            for project in (one for one in simulation.projects if one.sort == sort):
                assert kinds[project.project_id] in {"abandoned_project", "unviewed_schedule", "failing_schedule"}


HOUR_MS = 3_600_000


class Known:
    """A ledger of a few facts, at one moment."""

    def __init__(self, clock: Any) -> None:
        self.now_ms = round(clock.now() * 1000)
        self.ledger = open_ledger("sqlite://", clock=clock).workspace("w")
        self.ledger.first_contact(self.now_ms)

    def projects(self, *projects: Project, known_from_ms: int = 0, tables: bool = True) -> None:
        self.ledger.record_projects(projects, self.now_ms)
        self.ledger.record_collector("projects", True, self.now_ms)
        for project in projects:
            progress = RunProgress(known_until_ms=self.now_ms, known_from_ms=known_from_ms)
            self.ledger.record_runs(project.project_id, [], progress, self.now_ms)
            if tables:
                self.ledger.record_tables(project.project_id, [QueriedTable(connection_id="c", table="t")], self.now_ms)

    def runs(self, project_id: str, *runs: Run) -> None:
        progress = RunProgress(known_until_ms=self.now_ms, known_from_ms=0)
        self.ledger.record_runs(project_id, runs, progress, self.now_ms)

    def seats(self, *seats: Seat) -> None:
        self.ledger.record_seats(seats, self.now_ms)
        self.ledger.record_collector("users", True, self.now_ms)

    def rest(self) -> None:
        self.ledger.record_connections([Connection(connection_id="c")], self.now_ms)
        self.ledger.record_threads([], self.now_ms)
        for collector in ("connections", "threads"):
            self.ledger.record_collector(collector, True, self.now_ms)


@pytest.fixture
def known(manual_clock: Any) -> Known:
    return Known(manual_clock)


def scheduled(project_id: str, number: int, start_ms: int, status: str = "completed", **fields: Any) -> Run:
    return Run(
        run_id=f"{project_id}-{number}",
        project_id=project_id,
        status=status,
        trigger="scheduled",
        start_ms=start_ms,
        **fields,
    )


DAILY = (Schedule(cadence="daily", enabled=True, cron="0 6 * * *"),)


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


class TestAuditor:
    @pytest.fixture
    def idle(self, known: Known) -> Known:
        known.projects(Project(project_id="p", published_ms=1))
        known.seats(
            Seat(user_id="u1", role="editor", email="a@x.example"),
            Seat(user_id="u2", role="editor", email="b@x.example"),
        )
        known.rest()
        return known

    def test_findings_keep_their_identity_and_their_first_day(self, idle: Known, manual_clock: Any) -> None:
        auditor = Auditor(idle.ledger, config_of(), manual_clock)
        assert auditor.audit is None

        first = asyncio.run(auditor.once())
        manual_clock.advance(3600)
        second = asyncio.run(auditor.once())

        assert auditor.audit is second
        assert {one.subject for one in first.findings} == {"u1", "u2", "c"}
        records = {one.subject: one for one in idle.ledger.findings.known()}
        assert records["u1"].first_seen_ms == first.now_ms
        assert records["u1"].last_seen_ms == second.now_ms == idle.ledger.findings.written_ms

    def test_a_seat_that_was_given_up_is_realised(self, idle: Known, manual_clock: Any) -> None:
        auditor = Auditor(idle.ledger, config_of(), manual_clock)

        def later(days: float, *seats: Seat) -> None:
            manual_clock.advance(days * 86_400)
            idle.now_ms = round(manual_clock.now() * 1000)
            idle.projects(Project(project_id="p", published_ms=1))
            idle.seats(*seats)
            idle.rest()
            asyncio.run(auditor.once())

        other = Seat(user_id="u2", role="editor", email="b@x.example")
        asyncio.run(auditor.once())
        later(1, other)
        for _ in range(10):
            later(3.04375, other)
        idle.ledger.release_holds(idle.now_ms + 91_000)

        (gone,) = [one for one in idle.ledger.findings.known() if one.gone_ms is not None]
        assert (gone.subject, gone.realised_micro) == ("u1", pytest.approx(28_000_000, abs=2))
        counted = {
            one.labels: one.value
            for one in idle.ledger.counters()
            if one.metric == "hex_findings_realised_usd_total" and one.value
        }
        assert counted == {("idle_paid_seat",): gone.realised_micro}

    def test_waits_until_enough_is_known_though_not_for_ever(self, known: Known, manual_clock: Any) -> None:
        auditor = Auditor(known.ledger, config_of(), manual_clock)
        began = manual_clock.monotonic()
        assert not is_settled(known.ledger, config_of(), known.now_ms)

        class EnoughError(Exception):
            pass

        async def once() -> None:
            raise EnoughError

        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            manual_clock.advance(seconds)
            if seconds > 1000:
                raise asyncio.CancelledError

        auditor.once = once  # type: ignore[method-assign,assignment]
        manual_clock.sleep = sleep
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(auditor.run())

        assert 900 <= manual_clock.monotonic() - began - slept[-1] < 910

    def test_a_workspace_that_is_read_is_settled(self, idle: Known) -> None:
        assert is_settled(idle.ledger, config_of(), idle.now_ms)

    def test_after_a_pause_it_is_settled_once_everything_is_read_again(self, idle: Known, manual_clock: Any) -> None:
        manual_clock.advance(3 * 86_400)
        later_ms = idle.now_ms + 3 * DAY_MS
        assert not is_settled(idle.ledger, config_of(), later_ms)
        idle.ledger.record_projects([Project(project_id="p", published_ms=1)], later_ms)
        idle.ledger.record_collector("projects", True, later_ms)
        assert not is_settled(idle.ledger, config_of(), later_ms)
        idle.ledger.record_runs("p", [], RunProgress(known_until_ms=later_ms, known_from_ms=0), later_ms)

        assert is_settled(idle.ledger, config_of(), later_ms)

    @pytest.mark.parametrize("collector", ["projects", "runs", "users", "connections", "threads", "queried_tables"])
    def test_what_is_not_collected_is_not_waited_for(self, known: Known, collector: str) -> None:
        known.projects(Project(project_id="p", published_ms=1), tables=collector != "queried_tables")
        known.seats()
        known.rest()

        assert is_settled(known.ledger, config_of(collect=Collect(**{collector: False})), known.now_ms)

    def test_without_a_listing_of_projects_nothing_is_settled(self, known: Known) -> None:
        assert not is_settled(known.ledger, config_of(collect=Collect(projects=False)), known.now_ms)

    def test_trouble_with_the_ledger_ends_nothing(self, idle: Known, manual_clock: Any) -> None:
        auditor = Auditor(idle.ledger, config_of(), manual_clock)
        troubles = [LedgerError("no disk"), ValueError("a bug")]
        real = auditor.once
        rounds = 0

        async def once() -> Any:
            nonlocal rounds
            rounds += 1
            if troubles:
                raise troubles.pop()
            return await real()

        async def sleep(seconds: float) -> None:
            manual_clock.advance(seconds)
            if rounds == 3:
                raise asyncio.CancelledError

        auditor.once = once  # type: ignore[method-assign]
        manual_clock.sleep = sleep
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(auditor.run())

        assert auditor.audit is not None

    def test_cancelling_does_not_wait_for_the_reading(self, idle: Known, manual_clock: Any, monkeypatch: Any) -> None:
        is_reading, may_go_on = threading.Event(), threading.Event()
        ended: list[str] = []

        def slow(ledger: Any, config: Any, now_ms: int, is_wanted: Any) -> Any:
            is_reading.set()
            may_go_on.wait(30)
            ended.append("wanted" if is_wanted() else "not wanted")
            raise StoppedError

        monkeypatch.setattr("exporter.audit.auditor.read_audit_input", slow)

        async def cancelled() -> None:
            task = asyncio.ensure_future(Auditor(idle.ledger, config_of(), manual_clock).run())
            await asyncio.to_thread(is_reading.wait, 30)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert ended == []

        asyncio.run(cancelled())
        reader = next(one for one in threading.enumerate() if one.name == "audit")
        may_go_on.set()
        reader.join(30)

        assert ended == ["not wanted"]

    def test_limits_of_the_configuration_reach_the_evidence(self, idle: Known) -> None:
        settings = AuditSettings(unused_after_seconds=5 * 86_400, failed_runs=7)

        evidence = read_audit_input(idle.ledger, config_of(audit=settings), idle.now_ms)

        assert (evidence.unused_after_ms, evidence.failed_runs, evidence.connection_runs) == (5 * DAY_MS, 7, 3)
        assert replace(evidence, failed_runs=7) == evidence
