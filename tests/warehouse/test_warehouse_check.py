"""What `check` says of a query log before anything is read for good."""

import asyncio
import threading

import pytest
from msgspec import structs
from query_log import HOUR_MS, QueryLog

from exporter.check import warehouse_answers, warehouse_check, warehouse_grants
from exporter.config import Config, Storage, Workspace
from tests.helpers.manual_clock import ManualClock

NOW_MS = 1_800_000_000_000 - 1_800_000_000_000 % HOUR_MS


@pytest.fixture
def log(tmp_path):
    return QueryLog(tmp_path / "log.db")


def config_of(warehouse):
    workspaces, storage = (Workspace(name="w", token_env="T"),), Storage(url="sqlite:///ledger.db")
    return Config(workspaces=workspaces, storage=storage, warehouses=(warehouse,))


def answers(log, **fields):
    async def ask():
        config = config_of(structs.replace(log.warehouse, **fields))
        return [one async for one in warehouse_answers(config, "w", ManualClock(NOW_MS / 1000), log.environ)]

    return asyncio.run(ask())


def test_it_says_what_the_last_closed_hour_has(log):
    log.add(NOW_MS - HOUR_MS, query_id="a")
    log.add(NOW_MS - HOUR_MS, query_id="b", text="-- Hex query metadata: {", credits=None)
    log.add(NOW_MS - HOUR_MS, query_id="c", part="total")
    [(is_right, said)] = answers(log)
    assert is_right
    assert "2 queries of Hex in its last closed hour, 1 unattributed, 1 without a price" in said
    assert "1 rows that cannot be read" in said


def test_a_log_without_a_query_points_at_the_grants(log):
    [(is_right, said)] = answers(log)
    assert is_right
    assert "look at the grants" in said


def test_a_log_that_cannot_be_read_is_wrong_and_names_no_secret(log):
    log.environ["LOG_URL"] = "sqlite:////nowhere/secret.db?password=hunter2"
    [(is_right, said)] = answers(log)
    assert not is_right
    assert "hunter2" not in said


def test_a_driver_that_hangs_is_wrong_and_ends_nothing(log, monkeypatch):
    let_go = threading.Event()
    monkeypatch.setattr(warehouse_check, "read_hours", lambda *arguments: let_go.wait())
    monkeypatch.setattr(warehouse_check, "_GRACE_SECONDS", 0.01)
    [(is_right, said)] = answers(log, timeout_seconds=0.01)
    let_go.set()
    assert not is_right
    assert "no answer within" in said


@pytest.mark.parametrize(("processed", "is_within"), [(5000, True), (5001, False)])
def test_what_a_read_processes_is_compared_with_the_cap_before_anything_is_read(log, monkeypatch, processed, is_within):
    """The dry run itself: test_bigquery_driver.py."""
    monkeypatch.setattr(warehouse_check, "bytes_of_read", lambda *arguments: processed)
    (was_right, said), *_, (_, capped) = answers(log, kind="bigquery", max_bytes=5000)
    assert was_right == is_within
    assert f"processes {processed:,} bytes, by a dry run" in said
    assert ("above max_bytes (5,000): it will be refused" in said) != is_within
    assert "one look bills at most 5,000 bytes (max_bytes)" in capped


def test_what_an_administrator_has_to_run_is_there_for_each_kind(log):
    for kind in ("snowflake", "bigquery", "databricks", "redshift"):
        lines = list(warehouse_grants(config_of(structs.replace(log.warehouse, kind=kind, relation=None)), "w"))
        assert lines
        assert all(line.startswith("warehouse snow needs: ") for line in lines)
