"""Replicas that share a ledger: each follows what it owns, and every one shows what the others have written."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from helpers.manual_clock import ManualClock
from sqlalchemy import literal

from exporter.clock import SystemClock
from exporter.config import Cluster, Config, Gateway, Storage, Workspace
from exporter.errors import LeaseLostError, LedgerError
from exporter.facts import Project
from exporter.hexapi import TokenSource
from exporter.insight.savings import Audit, Saving
from exporter.ledger import Ledger, Replica, open_ledger
from exporter.ledger.lease_plan import GONE_MS
from exporter.ledger.opening import open_store
from exporter.polling import WorkspaceClock
from exporter.service.lease_keeper import LeaseKeeper, difference, digest_of, make_keeper
from exporter.service.owned_workspaces import OwnedWorkspaces
from exporter.service.page_states import PageStates
from exporter.service.workers import Assignment
from exporter.triggers import RunAnswer, RunRequest
from exporter.view import GatewayState, Status, WorkspaceStatus

NAMES = ("acme", "labs", "shop")
CONFIG = Config(
    workspaces=tuple(Workspace(name=name, base_url="http://127.0.0.1:9/api/v1", token_env="T") for name in NAMES),
    storage=Storage(url="sqlite://"),
)

AUDIT = Audit(
    now_ms=round(SystemClock().now() * 1000),
    since_ms=None,
    findings=(),
    ignored=(),
    not_judged=(),
    totals={},
    saving=Saving(micro=3),
    spent=Saving(runs=2.5),
)


async def unasked(request: RunRequest) -> RunAnswer:
    """No trigger is configured."""
    raise AssertionError(request)


class Process:
    """What one replica has: a connection of its own to the ledger, and what it follows; it renews when a test says."""

    def __init__(self, path: Path, clock: ManualClock, name: str) -> None:
        store = open_store(f"sqlite:///{path}", clock=clock)
        store.database._lock.release()  # a file has one writer; the lease is what is tried here
        store.database._lock = None
        store.database_clock = lambda: literal(round(clock.now() * 1000))
        self.ledger = Ledger(store)
        leases = self.ledger.leases(name)
        assert leases is not None
        me = Replica(name=name, workspaces=frozenset(NAMES), configuration=digest_of(CONFIG))
        self.keeper = LeaseKeeper(leases, me, lambda: None, lambda: True)
        self.left: list[str] = []
        clocks = {workspace: WorkspaceClock(SystemClock()) for workspace in NAMES}  # its workers really wait
        leaving = {workspace: self._leaving(workspace) for workspace in NAMES}
        self.owned = OwnedWorkspaces(self.ledger, clocks.__getitem__, self.keeper, leaving, [], lambda _: unasked)
        self.status = Status()
        self.gateways: dict[str, Callable[[], GatewayState]] = {}
        self.states = PageStates(self.ledger, self.status, self.owned, self.gateways, clocks.__getitem__)

    def shown(self, workspace: str) -> WorkspaceStatus:
        """What the next page shows of a workspace, but for who owns it."""
        self.owned.refresh()
        self.states.share()
        self.states.gather(CONFIG)
        return replace(self.status.current.workspaces[workspace], lease=None)

    def lag_seconds(self, workspace: str) -> float:
        """How old its page says that it is."""
        self.owned.refresh()
        states = self.owned.states()
        assert states is not None
        return states[1][workspace].page_lag_seconds

    async def turn(self) -> None:
        """Renew, and go by what that shows."""
        self.keeper.beat()
        if self.owned.workers or self.owned._assignment:
            await self.owned.settle()
        else:
            tokens = {name: TokenSource(value="hxtw_x") for name in NAMES}
            await self.owned.put_in_force(Assignment(CONFIG, tokens))

    def _leaving(self, workspace: str) -> Callable[[], Future[None]]:
        def leave() -> Future[None]:
            self.left.append(workspace)
            done: Future[None] = Future()
            done.set_result(None)
            return done

        return leave


Scenario = Callable[[Process, Process], Coroutine[None, None, None]]


@pytest.fixture
def play(tmp_path: Path, manual_clock: ManualClock) -> Iterator[Callable[[Scenario], None]]:
    open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", clock=manual_clock).close()

    async def played(scenario: Scenario) -> None:
        first, second = (Process(tmp_path / "ledger.db", manual_clock, name) for name in "ab")
        try:
            await scenario(first, second)
        finally:
            await first.owned.end()
            await second.owned.end()
            first.ledger.close()
            second.ledger.close()

    return lambda scenario: asyncio.run(played(scenario))


def test_the_first_replica_follows_all_and_gives_one_to_the_second_after_it_has_ended_its_work(play):
    async def scenario(first: Process, second: Process) -> None:
        await first.turn()
        assert set(first.owned.workers) == set(NAMES)
        await second.turn()
        assert set(second.owned.workers) == set()
        await first.turn()
        await second.turn()

        assert (sorted(first.owned.workers), sorted(second.owned.workers)) == (["labs", "shop"], ["acme"])
        assert first.left == ["acme"]
        await first.turn()
        assert sorted(first.owned.workers) == ["labs", "shop"]

    play(scenario)


def test_a_replica_that_was_lost_is_succeeded_and_follows_nothing_when_it_is_back(play, manual_clock):
    async def scenario(first: Process, second: Process) -> None:
        await first.turn()
        await second.turn()
        manual_clock.advance(GONE_MS / 1000)
        await second.turn()

        assert set(second.owned.workers) == set(NAMES)
        with pytest.raises(LeaseLostError):
            first.ledger.workspace("acme").set_cool_down(1)
        await first.turn()
        assert not first.owned.workers

    play(scenario)


def test_an_owner_knows_what_its_predecessor_wrote_last(play, manual_clock):
    async def scenario(first: Process, second: Process) -> None:
        await first.turn()
        await second.turn()
        known = second.ledger.workspace("acme")
        at_ms = first.ledger.now_ms
        first.ledger.workspace("acme").record_projects([Project(project_id="p", published_ms=1)], at_ms)
        first.ledger.workspace("acme").set_cool_down(at_ms + 600_000)
        assert known.project("p") is None
        manual_clock.advance(GONE_MS / 1000)
        await second.turn()

        assert known.project("p") is not None
        assert second.owned.workers["acme"].poller.pace.cool_down_until_ms == at_ms + 600_000

    play(scenario)


def test_a_page_is_of_what_others_have_written_since(play):
    async def scenario(first: Process, second: Process) -> None:
        await first.turn()
        await second.turn()
        second.owned.refresh()
        first.ledger.workspace("acme").record_projects([Project(project_id="p", published_ms=1)], first.ledger.now_ms)
        second.owned.refresh()
        assert second.ledger.workspace("acme").project("p") is None  # not seen yet: it looks when it renews
        await second.turn()
        before = second.ledger.version
        second.owned.refresh()

        assert second.ledger.workspace("acme").project("p") is not None
        assert second.ledger.version > before

    play(scenario)


def test_a_page_shows_what_the_owner_knows_by_itself(play, manual_clock):
    async def scenario(first: Process, second: Process) -> None:
        await first.turn()
        first.gateways["acme"] = lambda: GatewayState(queue_length=4, active_runs=3)
        first.ledger.workspace("acme").findings.write([], {}, AUDIT.now_ms, {}, AUDIT)
        shown = first.shown("acme")
        await second.turn()

        assert second.shown("acme") == shown
        assert (shown.planned_requests_per_hour, shown.overdue_projects) == (0, 0)
        assert shown.gateway == GatewayState(queue_length=4, active_runs=3)
        assert shown.audit == AUDIT

        manual_clock.advance(GONE_MS / 1000)
        second.keeper.beat()  # it has taken the lease, and knows nothing of its own yet
        assert second.shown("acme").gateway is None
        await second.turn()

    play(scenario)


def test_a_page_that_cannot_be_brought_up_to_date_says_so(play, monkeypatch):
    async def scenario(first: Process, second: Process) -> None:
        await first.turn()
        await second.turn()
        second.shown("acme")
        known = second.ledger.workspace("acme")

        def fail(**_: bool) -> None:
            raise LedgerError("the database is away")

        with monkeypatch.context() as broken:
            broken.setattr(known, "refresh", fail)
            first.ledger.workspace("acme").set_cool_down(1)
            await second.turn()
            before = second.lag_seconds("acme")
            await second.turn()
            assert second.lag_seconds("acme") > before > 0
        second.owned.refresh()
        assert second.lag_seconds("acme") < before
        assert first.lag_seconds("acme") == 0

    play(scenario)


def test_who_owns_what_is_shown_by_both(play):
    async def scenario(first: Process, second: Process) -> None:
        await first.turn()
        await second.turn()
        shown = [process.owned.states() for process in (first, second)]

        assert [one and (one[0].replicas, one[0].configurations) for one in shown] == [(1, 1), (2, 1)]
        assert [one and one[1]["acme"].owner for one in shown] == ["a", "a"]
        assert [one and one[1]["acme"].is_mine for one in shown] == [True, False]

    play(scenario)


def test_requests_stop_before_another_replica_may_begin_to_send(play):
    async def scenario(first: Process, second: Process) -> None:
        await first.turn()
        pace = first.owned.workers["acme"].poller.pace
        assert pace.wait_seconds() == 0
        first.keeper.standing = type(first.keeper.standing)(renewed_at=first.keeper.standing.renewed_at - 6)

        assert pace.wait_seconds() > 0
        await second.turn()

    play(scenario)


def test_replicas_with_different_configurations_are_named(play):
    async def scenario(first: Process, second: Process) -> None:
        await first.turn()
        second.keeper.me = Replica(name="b", workspaces=frozenset(NAMES), configuration="0123")
        await second.turn()
        board = second.keeper.standing.board

        assert board.configurations == 2
        assert "0123: b" in difference(board)

    play(scenario)


def test_addresses_are_no_difference(manual_clock):
    gateways = [Gateway(listen_address=address) for address in ("127.0.0.1:9892", "127.0.0.1:9893")]
    here, there = (msgspec.structs.replace(CONFIG, gateway=one) for one in gateways)

    assert digest_of(here) == digest_of(there) != digest_of(CONFIG)


def test_a_reload_that_names_another_hex_than_the_others_do_is_refused(play):
    async def scenario(first: Process, second: Process) -> None:
        await first.turn()
        await second.turn()
        elsewhere = tuple(msgspec.structs.replace(one, base_url="http://eu/api/v1") for one in CONFIG.workspaces)
        changed = msgspec.structs.replace(CONFIG, workspaces=elsewhere)
        with pytest.raises(LedgerError, match="give each cluster a schema"):
            await second.owned.put_in_force(Assignment(changed, {name: TokenSource(value="hxtw_x") for name in NAMES}))

    play(scenario)


def test_a_ledger_that_no_other_process_writes_has_no_leases(manual_clock):
    ledger = open_ledger("sqlite://", clock=manual_clock)

    assert make_keeper(ledger, CONFIG, "", lambda: None, lambda: True) is None
    ledger.close()


def test_replicas_on_such_a_ledger_are_refused(manual_clock):
    ledger = open_ledger("sqlite://", clock=manual_clock)
    config = Config(workspaces=CONFIG.workspaces, storage=CONFIG.storage, cluster=Cluster(advertise="a:1"))
    with pytest.raises(LedgerError, match="one writer"):
        make_keeper(ledger, config, "", lambda: None, lambda: True)
    ledger.close()
