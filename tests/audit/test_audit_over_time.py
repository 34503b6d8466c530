"""The auditor over time: findings keep their identity, and what was saved is realised."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest
from helpers.wasteful import DAY_MS, config_of
from known_workspace import Known

from exporter.audit.auditor import Auditor
from exporter.audit.input_reader import StoppedError, is_settled, read_audit_input
from exporter.config import Audit as AuditSettings
from exporter.config import Collect
from exporter.errors import LedgerError
from exporter.facts import Project, Seat
from exporter.ledger import RunProgress


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

    def test_audits_before_the_tables_are_read_and_again_once_they_are(self, known: Known, manual_clock: Any) -> None:
        known.projects(Project(project_id="p", published_ms=1), tables=False)
        known.seats(Seat(user_id="u1", role="editor", email="a@x.example"))
        known.rest()
        auditor = Auditor(known.ledger, config_of(), manual_clock)
        began, made = manual_clock.monotonic(), []

        async def sleep(seconds: float) -> None:
            made.append((manual_clock.monotonic() - began, auditor.audit))
            if seconds > 1000:
                raise asyncio.CancelledError
            manual_clock.advance(seconds)
            if len(made) == 3:
                known.projects(Project(project_id="p", published_ms=1))

        manual_clock.sleep = sleep
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(auditor.run())

        (first_at, first), *_, (last_at, last) = made
        assert first_at == 0
        assert {one.subject for one in first.findings} == {"u1"}
        assert 0 < last_at < 30
        assert last is not first

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
