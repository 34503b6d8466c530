"""The monitor of query logs: late rows, repeated looks, crashes and lost rights change no total."""

import asyncio
import random
import sqlite3

import pytest
from query_log import HOUR_MS, QueryLog, commented

from exporter.config import Config, Storage, Workspace
from exporter.errors import LedgerError
from exporter.ledger import open_ledger
from exporter.warehouse import WarehouseMonitor, warehouse_monitor
from tests.helpers.manual_clock import ManualClock

NOW_MS = 1_800_000_000_000 - 1_800_000_000_000 % HOUR_MS
FIRST_MS = NOW_MS - 10 * HOUR_MS


class Story:
    """A log, a ledger and a monitor at one moment."""

    def __init__(self, tmp_path):
        self.clock = ManualClock(NOW_MS / 1000)
        self.log = QueryLog(tmp_path / "log.db")
        self.path = tmp_path / "ledger.db"
        config = Config(
            workspaces=(Workspace(name="w", token_env="T"),),
            storage=Storage(url=f"sqlite:///{self.path}"),
            warehouses=(self.log.warehouse,),
        )
        self.ledger = open_ledger(config.storage.url, clock=self.clock)
        self.known = self.ledger.workspace("w")
        self.known.first_contact(FIRST_MS)
        self.monitor = WarehouseMonitor("w", config, self.known, self.clock, self.log.environ)

    def look(self):
        asyncio.run(self.monitor.look(self.log.warehouse))
        return self.money()

    def money(self):
        return {
            (key.part, key.project_id): (one.queries, one.usd_micro)
            for (_, key), one in self.known.warehouses.between(0, NOW_MS).items()
            if one.queries
        }


@pytest.fixture
def story(tmp_path):
    made = Story(tmp_path)
    yield made
    made.ledger.close()


def test_closed_hours_are_read_and_the_open_one_waits(story):
    story.log.add(NOW_MS - HOUR_MS, query_id="a")
    story.log.add(NOW_MS, query_id="b")
    assert story.look() == {("query", "p1"): (1, 300_000)}
    assert story.known.warehouses.state("snow") == (NOW_MS, None, NOW_MS, NOW_MS - 15 * 24 * HOUR_MS)


def test_late_and_repeated_rows_and_second_looks_change_no_total(story):
    story.log.add(NOW_MS - HOUR_MS, query_id="a")
    first = story.look()
    story.log.add(NOW_MS - HOUR_MS, query_id="a")
    assert story.look() == first
    story.log.add(NOW_MS - 2 * HOUR_MS, query_id="late", text=commented("p2"))
    assert story.look() == {**first, ("query", "p2"): (1, 300_000)}


def test_a_crash_between_two_windows_leaves_whole_hours_and_the_next_look_the_same_totals(story, monkeypatch):
    for day in range(5):
        story.log.add(NOW_MS - day * 24 * HOUR_MS - HOUR_MS, query_id=f"q{day}")
    replace, calls = story.known.warehouses.replace, []

    def dying(*arguments):
        calls.append(arguments)
        if len(calls) == 13:
            raise LedgerError("gone")
        replace(*arguments)

    monkeypatch.setattr(story.known.warehouses, "replace", dying)
    with pytest.raises(LedgerError):
        story.look()
    assert 0 < story.money()["query", "p1"][0] < 5
    monkeypatch.undo()
    assert story.look() == {("query", "p1"): (5, 1_500_000)}


def test_a_week_is_as_the_last_look_left_it(story):
    week = (NOW_MS - 24 * HOUR_MS, NOW_MS)
    story.log.add(NOW_MS - HOUR_MS, query_id="a")
    story.look()
    assert sum(one.queries for one in story.known.warehouses.week(*week).values()) == 1
    story.log.add(NOW_MS - HOUR_MS, query_id="late")
    story.clock.advance(60)
    story.look()
    assert sum(one.queries for one in story.known.warehouses.week(*week).values()) == 2


def test_a_view_that_lost_its_rows_is_a_failure_and_takes_no_money_away(story):
    story.log.add(NOW_MS - HOUR_MS, query_id="a")
    first = story.look()
    story.log.clear()
    assert story.look() == first
    assert "grants" in story.known.warehouses.state("snow").failure


def test_a_log_that_cannot_be_read_is_a_failure_with_a_reason_and_keeps_its_watermark(story):
    story.look()
    story.log.path.unlink()
    story.look()
    until_ms, failure, *_ = story.known.warehouses.state("snow")
    assert until_ms == NOW_MS
    assert failure


def test_no_text_of_a_query_is_in_ledger_log_or_label(story, capsys):
    """Whatever a text looks like, what stands in it besides the comment's ids goes nowhere."""
    secret, rng = "secret_word", random.Random(5)
    pieces = [secret, commented(sql=secret), "-- Hex query metadata: {", '"project_id": "', '"}', "/*", "*/", "'", "\n"]
    for number in range(80):
        text = "".join(rng.choices(pieces, k=6)) + f" -- Hex query metadata: {secret}"
        story.log.add(NOW_MS - HOUR_MS, query_id=f"q{number}", text=text)
    story.log.add(NOW_MS - HOUR_MS, query_id=secret, text=commented(sql=secret))
    story.log.add("soon", query_id="bad", text=secret)
    story.log.add(NOW_MS - HOUR_MS, query_id="total", text=secret, part=secret)
    money = story.look()
    assert money["query", "p1"][0] >= 1
    assert money["unattributed", ""][0] > 40
    with sqlite3.connect(story.path) as database:
        assert secret not in "\n".join(database.iterdump())
    story.known.release_holds(NOW_MS + 300_000)
    assert secret not in repr(story.known.counters())
    assert secret not in "".join(capsys.readouterr())


def test_rows_in_any_order_of_arrival_come_to_the_truth(story):
    rng = random.Random(20)
    truth, ids = {}, [*range(60), *range(0, 60, 7)]
    rng.shuffle(ids)
    for turn, number in enumerate(ids):
        project = f"p{number % 4}"
        story.log.add(NOW_MS - (1 + number % 3) * HOUR_MS, query_id=f"q{number}", text=commented(project))
        truth.setdefault(("query", project), set()).add(number)
        if turn % 20 == 0:
            story.look()
    assert story.look() == {key: (len(some), 300_000 * len(some)) for key, some in truth.items()}


def test_a_bad_row_costs_no_other_and_is_reported_once(story, capsys):
    story.log.add(NOW_MS - HOUR_MS, query_id="a")
    story.log.add(NOW_MS - HOUR_MS, query_id="b", credits="NaN")
    story.log.add(NOW_MS - HOUR_MS, query_id="c", part="total")
    story.look()
    assert story.look() == {("query", "p1"): (2, 300_000)}
    assert capsys.readouterr().out.count("Rows of a warehouse's query log") == 1


def test_a_log_that_keeps_a_day_takes_no_hour_away_and_is_read_on(story):
    """The two days that are read again are gone from it by then: what was known of them stays."""
    for ago in range(1, 40):
        story.log.add(NOW_MS - ago * HOUR_MS - HOUR_MS // 2, query_id=f"q{ago}")
        story.log.add(NOW_MS - ago * HOUR_MS, query_id=f"r{ago}")
    before = story.look()["query", "p1"][0]
    story.clock.advance(24 * 3600)
    story.log.drop_before(NOW_MS - HOUR_MS // 4)
    story.log.add(NOW_MS + 23 * HOUR_MS, query_id="new")
    story.look()
    found = story.known.warehouses.between(0, NOW_MS + 24 * HOUR_MS)
    assert sum(one.queries for one in found.values()) == before + 1
    assert story.known.warehouses.state("snow").failure is None
    assert story.known.warehouses.state("snow").complete_until_ms == NOW_MS + 24 * HOUR_MS


def test_the_hour_that_a_log_begins_with_keeps_what_it_had(story):
    for minute in range(6):
        story.log.add(NOW_MS - 2 * HOUR_MS + minute * 60_000, query_id=f"q{minute}")
    story.log.add(NOW_MS - 3 * HOUR_MS, query_id="first")
    before = story.look()
    story.log.drop_before(NOW_MS - 2 * HOUR_MS + 3 * 60_000)
    assert story.look() == before


def test_a_log_whose_rows_are_withdrawn_is_followed(story):
    story.log.add(NOW_MS - 2 * HOUR_MS, query_id="a")
    story.log.add(NOW_MS - 2 * HOUR_MS, query_id="b")
    story.look()
    story.log.clear()
    story.log.add(NOW_MS - 2 * HOUR_MS, query_id="a")
    assert story.look() == {("query", "p1"): (1, 300_000)}


def test_a_log_of_many_rows_is_read_in_pieces_to_the_same_totals(story, monkeypatch):
    for number in range(40):
        story.log.add(NOW_MS - (1 + number % 8) * HOUR_MS, query_id=f"q{number}", text=commented(f"p{number % 3}"))
    whole = story.look()
    read = []
    plain = warehouse_monitor.read_hours

    def in_pieces(*arguments):
        read.append(arguments[2])
        return plain(*arguments, most=4)

    monkeypatch.setattr(warehouse_monitor, "read_hours", in_pieces)
    assert story.look() == whole
    assert len(read) == 3
