"""Listings, what projects query, collectors, notes and the cool-down: what was said last, across restarts."""

from typing import Any

import pytest

from exporter.facts import Cell, Connection, Group, Identity, QueriedTable, Seat, Thread
from exporter.insight import CreditUse
from exporter.ledger import CollectorState, Listing


def test_each_listing_is_kept_whole_with_its_time(bench: Any) -> None:
    workspace = bench.workspace
    seats = (Seat(user_id="u", email="a@b", role="editor", last_login_ms=5), Seat(user_id="v", name="\ud800"))
    groups = (Group(group_id="g", name="Group"),)
    connections = (Connection(connection_id="c", connection_type="snowflake", target="db"),)
    threads = (Thread(thread_id="t", credits_milli=5),)
    identity = Identity(org_id="o", token_expires_ms=7)

    workspace.record_seats(seats, 1)
    workspace.record_groups(groups, 2)
    workspace.record_connections(connections, 3)
    workspace.record_threads(threads, 4)
    workspace.record_identity(identity, 5)
    bench.restart()

    workspace = bench.workspace
    assert workspace.listing("users") == Listing((seats[0], Seat(user_id="v", name="\ufffd")), 1)
    assert workspace.listing("groups") == Listing(groups, 2)
    assert workspace.listing("connections") == Listing(connections, 3)
    assert workspace.listing("threads") == Listing(threads, 4)
    assert workspace.listing("me") == Listing((identity,), 5)


def test_a_listing_takes_the_place_of_the_one_before(bench: Any) -> None:
    bench.workspace.record_groups([Group(group_id="g")], 1)

    bench.workspace.record_groups([], 2)

    assert bench.workspace.listing("groups") == Listing((), 2)


def test_there_is_no_listing_before_the_first(bench: Any) -> None:
    assert bench.workspace.listing("users") is None


def test_a_damaged_listing_is_none_rather_than_an_error(bench: Any) -> None:
    bench.workspace.record_groups([Group(group_id="g")], 1)
    with bench.workspace._store.transaction("acme") as transaction:
        transaction.connection.exec_driver_sql("UPDATE listings SET body = '[{\"group'")

    assert bench.workspace.listing("groups") is None


def test_queried_tables_take_the_place_of_cells(bench: Any) -> None:
    workspace = bench.workspace
    table = QueriedTable(connection_id="c", table="orders", connection_name="Warehouse")
    cells = [Cell(cell_id="1", connection_id="d"), Cell(cell_id="2"), Cell(cell_id="3", connection_id="d")]

    workspace.record_tables("p", [table], 1)
    workspace.record_cells("p", cells, 5, 2)
    workspace.record_cells("q", cells, None, 2)
    bench.restart()

    assert bench.workspace.tables() == {"p": (table,), "q": (QueriedTable(connection_id="d", table=""),)}


def test_a_failure_leaves_the_time_of_the_last_success(bench: Any) -> None:
    workspace = bench.workspace
    workspace.record_collector("users", True, 1, 200)
    workspace.record_collector("users", False, 2, 503)
    workspace.record_collector("groups", False, 3)
    bench.restart()

    assert bench.workspace.collectors() == {
        "users": CollectorState(success=False, last_success_ms=1, last_status=503),
        "groups": CollectorState(success=False, last_success_ms=None),
    }


@pytest.mark.parametrize(
    ("success", "status", "refusal"),
    [(False, 403, 403), (False, 402, 402), (False, 503, None), (False, None, None), (True, 200, None)],
)
def test_only_a_refusal_of_the_last_attempt_is_one(
    bench: Any, success: bool, status: int | None, refusal: int | None
) -> None:
    bench.workspace.record_collector("users", False, 1, 401)

    bench.workspace.record_collector("users", success, 2, status)

    assert bench.workspace.collectors()["users"].refusal_status == refusal


def test_a_cool_down_survives_a_restart(bench: Any) -> None:
    assert bench.workspace.cool_down_until_ms is None

    bench.workspace.set_cool_down(5)
    assert bench.workspace.cool_down_until_ms == 5
    bench.restart()

    assert bench.workspace.cool_down_until_ms == 5


def test_first_contact_is_made_once(bench: Any) -> None:
    assert bench.workspace.first_contact_ms is None

    assert bench.workspace.first_contact(5) == 5
    bench.restart()

    assert bench.workspace.first_contact(6) == 5
    assert bench.workspace.first_contact_ms == 5


def test_a_note_is_kept_as_json(bench: Any) -> None:
    bench.workspace.set_value("key", {"a": [1, None, "x"]})
    bench.restart()

    assert bench.workspace.value("key") == {"a": [1, None, "x"]}
    assert bench.workspace.value("no such key") is None


HOUR = 3_600_000
WEEK = 168 * HOUR


class TestCredits:
    def credits(self, bench: Any) -> dict[tuple[str, ...], int]:
        return {labels: value for (metric, labels), value in bench.sums().items() if metric == "hex_ai_credits_total"}

    def see(self, bench: Any, credits_milli: int | None, created_ms: int | None = None, thread_id: str = "t") -> None:
        thread = Thread(
            thread_id=thread_id,
            source="app",
            thread_type="chat",
            created_ms=created_ms,
            credits_milli=credits_milli,
        )
        bench.workspace.record_threads([thread], 1)

    def test_a_thread_made_after_first_contact_counts_whole(self, bench: Any, now_ms: int) -> None:
        bench.begin()

        self.see(bench, 700, created_ms=now_ms)
        self.see(bench, 700, created_ms=now_ms)

        assert self.credits(bench) == {("app", "chat"): 700}

    def test_an_older_thread_counts_from_its_first_sight(self, bench: Any, now_ms: int) -> None:
        bench.begin()

        self.see(bench, 700, created_ms=now_ms - 1)
        self.see(bench, 900, thread_id="undated")
        assert self.credits(bench) == {}
        self.see(bench, 750, created_ms=now_ms - 1)

        assert self.credits(bench) == {("app", "chat"): 50}

    def test_a_total_that_falls_changes_nothing(self, bench: Any, now_ms: int) -> None:
        bench.begin()
        self.see(bench, 700, created_ms=now_ms)

        self.see(bench, 300, created_ms=now_ms)
        self.see(bench, None, created_ms=now_ms)
        bench.restart()
        self.see(bench, 710, created_ms=now_ms)

        assert self.credits(bench) == {("app", "chat"): 710}

    def test_a_new_thread_without_a_total_counts_when_it_has_one(self, bench: Any, now_ms: int) -> None:
        bench.begin()

        self.see(bench, None, created_ms=now_ms)
        self.see(bench, 40, created_ms=now_ms)

        assert self.credits(bench) == {("app", "chat"): 40}

    def test_its_series_exist_before_it_grows(self, bench: Any) -> None:
        bench.begin()

        self.see(bench, 700)

        assert ("hex_ai_credits_total", ("app", "chat"), 0) in bench.workspace.counters()

    def test_growth_belongs_to_the_time_since_the_last_look(self, bench: Any, now_ms: int) -> None:
        """A thread of last week that burns 400 credits today is today's use."""
        old = {"thread_id": "t", "user_id": "u", "source": "hex", "thread_type": "thread", "created_ms": now_ms - WEEK}
        for at_ms, credits_milli in ((now_ms, 5_000), (now_ms + HOUR, 5_000), (now_ms + 2 * HOUR, 405_000)):
            bench.workspace.record_threads([Thread(**old, credits_milli=credits_milli)], at_ms)
        bench.restart()

        use = CreditUse(bench.workspace.credits.growths(0))
        assert use.between(now_ms - WEEK, now_ms + HOUR) == 5_000
        assert use.between(now_ms + HOUR, now_ms + 2 * HOUR) == 400_000
        assert [one.credits_milli for one in bench.workspace.credits.growths(now_ms + HOUR)] == [400_000]

    def test_a_thread_that_vanishes_or_shrinks_keeps_what_it_used(self, bench: Any, now_ms: int) -> None:
        def see(at_ms: int, *totals: int) -> int:
            threads = [Thread(thread_id="t", created_ms=now_ms, credits_milli=milli) for milli in totals]
            bench.workspace.record_threads(threads, at_ms)
            return CreditUse(bench.workspace.credits.growths(0)).total

        bench.begin()
        assert see(now_ms + 1, 100) == 100
        assert see(now_ms + 2) == 100
        assert see(now_ms + 3, 60) == 100
        assert see(now_ms + 4, 130) == 130
        assert sum(self.credits(bench).values()) == 130

    def test_what_is_pruned_is_not_used_again(self, bench: Any, now_ms: int) -> None:
        thread = Thread(thread_id="t", created_ms=now_ms, updated_ms=now_ms + 5, credits_milli=100)
        bench.begin()
        bench.workspace.record_threads([thread], now_ms + 5)
        bench.workspace.record_threads([], now_ms + 6)

        bench.workspace.prune(now_ms + HOUR, now_ms + HOUR)
        bench.workspace.record_threads([thread], now_ms + 2 * HOUR)

        assert bench.workspace.credits.growths(0) == ()
        assert sum(self.credits(bench).values()) == 100

    def test_a_look_by_a_wrong_clock_is_put_right(self, bench: Any, now_ms: int) -> None:
        bench.begin()
        bench.workspace.record_threads([Thread(thread_id="t", created_ms=now_ms, credits_milli=9)], now_ms + WEEK)
        bench.workspace.record_collector("threads", True, now_ms + WEEK)

        bench.workspace.disbelieve_after(now_ms + HOUR)
        bench.workspace.record_threads([Thread(thread_id="t", created_ms=now_ms, credits_milli=12)], now_ms + 2 * HOUR)

        use = CreditUse(bench.workspace.credits.growths(0))
        assert use.between(now_ms, now_ms + HOUR) == 9
        assert use.between(now_ms + HOUR, now_ms + 2 * HOUR) == 3


class TestQueriesOfDrafts:
    def digest(self, workspace: Any, *sources: str | None) -> str:
        cells = [Cell(cell_id=str(n), connection_id="c1", source=source) for n, source in enumerate(sources)]
        workspace.record_cells("p1", cells, None, 1)
        (table,) = workspace.tables()["p1"]
        return str(table.queries)

    def test_equal_for_equal_cells_in_any_order_whatever_is_only_shown(self, bench: Any) -> None:
        workspace = bench.workspace
        assert self.digest(workspace, "a", "b", "") == self.digest(workspace, "b", "", "", "a")
        assert self.digest(workspace, "a", "b") != self.digest(workspace, "a", "b", "b")

    @pytest.mark.parametrize("sources", [("a", None), ("",), (None,)])
    def test_empty_where_they_cannot_be_compared(self, bench: Any, sources: tuple[str | None, ...]) -> None:
        assert self.digest(bench.workspace, *sources) == ""
