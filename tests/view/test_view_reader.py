"""Reading a workspace from the ledger: once, until something may have changed."""

from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from exporter.errors import LedgerError
from exporter.ledger import open_ledger
from exporter.metrics import Collector, Status
from exporter.view import reader

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class TestReading:
    def test_an_unchanged_ledger_is_read_once(self, busy: Any) -> None:
        busy.figures()
        busy.clock.advance(30)

        with mock.patch.object(type(busy.acme), "week_counts", side_effect=AssertionError("read again")):
            busy.figures()

    def test_a_changed_ledger_is_read_again(self, busy: Any) -> None:
        before = busy.figures()["hex_project_week_runs"][("orders",)]
        busy.read_runs("orders", busy.run("o9", 1000, project_id="orders"))

        assert busy.figures()["hex_project_week_runs"][("orders",)] == before + 1

    def test_the_weeks_end_is_noticed_without_a_change(self, busy: Any) -> None:
        this_week = busy.figures()["hex_project_week_runs"]
        busy.clock.advance(5 * 86_400)

        assert busy.figures()["hex_project_previous_week_runs"] == this_week
        assert set(busy.figures()["hex_project_week_runs"].values()) == {0}

    def test_figures_over_the_last_days_of_few_runs_are_of_now(self, busy: Any) -> None:
        """So that replicas, which began at different moments, show the same."""
        before = sum(busy.figures()["hex_week_hour_runs"].values())
        busy.read_runs("orders", busy.run("o9", 1000, project_id="orders"))
        busy.clock.advance(1)

        assert sum(busy.figures()["hex_week_hour_runs"].values()) == before + 1

    @pytest.mark.slow
    def test_every_run_of_seven_days_is_read_at_most_once_a_minute(self, busy: Any, monkeypatch: Any) -> None:
        monkeypatch.setattr(reader, "_RECENT_MS_PER_RUN", 60_000)
        busy.figures()
        read = mock.Mock(wraps=busy.acme.runs_between)

        with mock.patch.object(type(busy.acme), "runs_between", read):
            for look in range(65):
                busy.acme.record_collector("users", bool(look % 2), busy.now_ms)
                busy.clock.advance(2)
                busy.figures()

        assert read.call_count == 2

    def test_a_clock_that_steps_back_does_not_stop_the_reading(self, busy: Any) -> None:
        busy.figures()
        read = mock.Mock(wraps=busy.acme.runs_between)
        busy.clock.step(-3600)

        with mock.patch.object(type(busy.acme), "runs_between", read):
            busy.figures()

        assert read.call_count == 1

    def test_a_ledger_that_cannot_be_read_leaves_what_was_known(self, busy: Any) -> None:
        known = busy.figures()["hex_runs_total"]
        busy.acme.record_collector("users", True, busy.now_ms)

        with mock.patch.object(type(busy.acme), "week_counts", side_effect=LedgerError("disk")):
            figures = busy.figures()

        assert figures["hex_runs_total"] == known
        assert "process_cpu_seconds_total" in figures

    def test_a_ledger_that_never_could_be_read_leaves_the_exporters_own_figures(self, world: Any) -> None:
        with mock.patch.object(type(world.acme), "week_counts", side_effect=LedgerError("disk")):
            figures = world.figures()

        assert "hex_up" not in figures
        assert "hex_exporter_ledger_durable" in figures

    def test_a_file_is_durable(self, world: Any, tmp_path: Path) -> None:
        ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", clock=world.clock)
        families = Collector(ledger, Status()).collect(world.config, world.now_ms)
        ledger.close()

        assert [family.samples for family in families if family.metric.name == "hex_exporter_ledger_durable"] == [
            [((), 1)]
        ]
