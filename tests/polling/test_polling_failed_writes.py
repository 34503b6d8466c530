"""Writes that fail, and a ledger that is set aside: what was not written is read again."""

from pathlib import Path

import pytest
from helpers.damage import damage
from helpers.following import go

from exporter.errors import LedgerError
from exporter.ledger import WorkspaceLedger

HOUR = 3600


def fails(*_arguments, **_named):
    raise LedgerError("ledger.db: cannot be written: database is locked")


class TestWritesThatFail:
    @pytest.mark.slow
    @pytest.mark.parametrize("seed", range(4))
    def test_pages_that_could_not_be_written_are_read_again(self, hand_made, follow, clock, monkeypatch, seed):
        hand_made.add_project("p")
        for number in range(450):
            start = clock.now() - (450 - number) * 900
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        following = follow(hand_made.transport, durable=True)
        record = WorkspaceLedger.record_runs
        calls = []

        def sometimes(*arguments, **named):
            calls.append(1)
            if len(calls) % 4 == seed and len(calls) < 30:
                raise LedgerError("ledger.db: cannot be written: database is locked")
            return record(*arguments, **named)

        monkeypatch.setattr(WorkspaceLedger, "record_runs", sometimes)
        go(following, HOUR)
        clock.advance(90 * 900)
        for number in range(450, 800):
            start = clock.now() - (800 - number) * 200
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        calls.clear()
        go(following, HOUR)

        assert sum(1 for _ in following.known.runs_between(0, None)) == 800
        assert sum(following.counted().values()) == 350

    @pytest.mark.parametrize("is_killed", [True, False])
    def test_a_project_whose_listing_was_written_last_counts_under_its_own_name(
        self, hand_made, follow, clock, monkeypatch, is_killed
    ):
        """Which projects have series is written after their listing: between the two a kill, or a write that fails."""
        hand_made.add_project("p")
        following = follow(hand_made.transport)
        with monkeypatch.context() as broken:
            broken.setattr(WorkspaceLedger, "choose_members", fails)
            go(following, 30.0)
            assert [one.project.project_id for one in following.known.projects()] == ["p"]
        if is_killed:
            following.restart()
        hand_made.add_run("p", "r", clock.now(), end=clock.now() + 5)
        go(following, 1200.0)

        assert following.counted() == {("p", "api", "completed"): 1}

    @pytest.mark.slow
    def test_nothing_is_complete_before_a_page_that_could_not_be_written_is_read_again(
        self, hand_made, follow, clock, monkeypatch
    ):
        hand_made.add_project("p")
        following = follow(hand_made.transport)
        go(following, 600.0)
        started_ms = clock.now() * 1000
        for number in range(250):
            hand_made.add_run("p", f"r{number}", clock.now(), end=clock.now() + 5)
        record, failed = WorkspaceLedger.record_runs, []

        def fails_once(*arguments, **named):
            if not failed:
                failed.append(1)
                raise LedgerError("ledger.db: cannot be written: database is locked")
            return record(*arguments, **named)

        monkeypatch.setattr(WorkspaceLedger, "record_runs", fails_once)
        while not failed:
            go(following, 1.0)
        clock.advance(600.0)  # the listing of projects comes first then, and with it new plans for each of them
        known_at_once = set()

        def look() -> None:
            if following.known.projects()[0].progress.known_until_ms > started_ms:
                known_at_once.add(sum(1 for _ in following.known.runs_between(0, None)))

        go(following, 1200.0, each=look)

        assert known_at_once == {250}

    @pytest.mark.slow
    def test_a_ledger_that_is_set_aside_while_running_is_filled_again_from_the_start(
        self, hand_made, follow, clock, tmp_path: Path
    ):
        for name in ("a", "b", "c"):
            hand_made.add_project(name)
            for number in range(250):
                start = clock.now() - (250 - number) * 900
                hand_made.add_run(name, f"{name}{number}", start, end=start + 5)
        following = follow(hand_made.transport, durable=True, per_hour=120)
        go(following, HOUR)
        assert sum(1 for _ in following.known.runs_between(0, None)) == 750

        damage(following.ledger, tmp_path / "ledger.db")
        for name in ("a", "b", "c"):
            hand_made.add_run(name, f"{name}-new", clock.now(), end=clock.now() + 5)
        go(following, 2 * HOUR)

        assert list(tmp_path.glob("ledger.db.corrupt-*"))
        assert sum(1 for _ in following.known.runs_between(0, None)) == 753
        assert all(one.progress.known_from_ms == 0 for one in following.known.projects())

    @pytest.mark.slow
    def test_nothing_is_claimed_while_a_ledger_that_was_set_aside_is_filled(
        self, hand_made, follow, clock, tmp_path: Path
    ):
        hand_made.add_project("p")
        for number in range(450):
            start = clock.now() - (450 - number) * 120
            hand_made.add_run("p", f"r{number}", start, end=start + 5)
        following = follow(hand_made.transport, durable=True, per_hour=120)
        go(following, HOUR / 2)
        used = following.figures()["hex_budget_used"]
        claims = []

        def note() -> None:
            try:
                claims.append(following.figures().get("hex_budget_used"))
            except LedgerError:
                claims.append(None)

        damage(following.ledger, tmp_path / "ledger.db")
        go(following, HOUR / 4, each=note)

        assert list(tmp_path.glob("ledger.db.corrupt-*"))
        assert None in claims
        assert [claim for claim in claims if claim not in (None, used)] == []
