"""Leases: one owner at a time whoever is paused, cut off or slow, spread evenly, and a former owner writes nothing."""

import functools
import operator
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.manual_clock import ManualClock
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import literal

from exporter.errors import LeaseLostError
from exporter.ledger import open_ledger
from exporter.ledger.lease_plan import GONE_MS, MOVE_EVERY_MS, Board, Lease, Replica, hand_overs, move, strays, takes
from exporter.ledger.leases import Leases
from exporter.ledger.opening import open_store

WORKSPACES = frozenset(f"w{number}" for number in range(6))


def board(*owners: str | None, living: str = "abc", now_ms: int = 10 * MOVE_EVERY_MS) -> Board:
    """A board on which the owners of w0, w1, ... are these; replicas that do not live have been gone for a while."""
    names = {*living, *(one for one in owners if one)}
    return Board(
        now_ms=now_ms,
        replicas={
            name: Replica(name=name, workspaces=WORKSPACES, renewed_ms=now_ms if name in living else now_ms - GONE_MS)
            for name in names
        },
        leases=tuple(Lease(workspace=f"w{number}", owner=owner, epoch=1) for number, owner in enumerate(owners)),
    )


def named(leases: tuple[Lease, ...]) -> list[str]:
    return [one.workspace for one in leases]


def test_free_workspaces_are_divided_evenly_and_each_goes_to_one_replica():
    seen = board(None, None, None, "gone", "gone", "a")
    parts = {name: named(takes(seen, name)) for name in "abc"}

    assert sorted(functools.reduce(operator.iadd, parts.values(), [])) == ["w0", "w1", "w2", "w3", "w4"]
    assert sorted(len(part) + (name == "a") for name, part in parts.items()) == [2, 2, 2]


def test_a_workspace_is_left_to_those_that_know_it():
    seen = board(None, None, living="ab")
    seen.replicas["a"] = replace(seen.replicas["a"], workspaces=frozenset({"w1"}))  # type: ignore[index]

    assert named(takes(seen, "a")) == ["w1"]
    assert named(takes(seen, "b")) == ["w0"]


def test_nothing_moves_while_the_workspaces_are_spread_evenly():
    assert [move(board("a", "a", "b", "b", "c"), name) for name in "abc"] == [None, None, None]


def test_the_replica_with_the_most_gives_one_to_a_replica_that_has_joined():
    seen = board("a", "a", "a", "b", "b", "b")
    moves = {name: move(seen, name) for name in "abc"}

    assert moves["a"] is None
    assert moves["c"] is None
    assert moves["b"] is not None
    assert moves["b"].to == "c"


def test_a_second_workspace_moves_only_a_minute_later():
    seen = board("a", "a", "a", living="ab")

    assert move(replace(seen, moved_ms=seen.now_ms - MOVE_EVERY_MS + 1), "a") is None
    assert move(replace(seen, moved_ms=seen.now_ms - MOVE_EVERY_MS), "a") is not None


def test_a_replica_that_leaves_gives_each_workspace_to_one_that_stays():
    assert [one.to for one in hand_overs(board("a", "a", "b", "a"), "a")] == ["c", "b", "c"]
    assert [one.to for one in hand_overs(board("a", living="a"), "a")] == [None]


def test_a_workspace_that_is_configured_no_longer_is_given_to_one_that_knows_it():
    seen = board("a", "a", living="ab")
    me = replace(seen.replicas["a"], workspaces=frozenset({"w1"}))

    assert [(one.lease.workspace, one.to) for one in strays(seen, me)] == [("w0", "b")]


class Cluster:
    """Replicas on one ledger file, each with a connection of its own, by one virtual clock."""

    def __init__(self, path: Path, clock: ManualClock) -> None:
        self.path, self.clock = path, clock
        open_ledger(f"sqlite:///{path}", clock=clock).close()

    def join(self, name: str) -> "Member":
        return Member(self, name)


class Member:
    """One replica: its leases, and the workspaces that it believes it owns."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self.me = Replica(name=name, workspaces=frozenset({"w0", "w1", "w2"}))
        store = open_store(f"sqlite:///{cluster.path}", clock=cluster.clock)
        store.database._lock.release()  # type: ignore[union-attr]  # a file has one writer; the lease is what is tried here
        store.database._lock = None
        self.store = store
        self.leases = Leases(store, name, lambda: literal(round(cluster.clock.now() * 1000)))
        self.believes: dict[str, int] = {}

    def beat(self) -> Board:
        """Renew, take what is free, and see what is lost."""
        seen = self.leases.beat(self.me)
        owned = {one.workspace: one.epoch for one in seen.owned_by(self.me.name)}
        for workspace in self.believes.keys() - owned.keys():
            self.leases.fence.shut(workspace)
        for lease in takes(seen, self.me.name):
            if (epoch := self.leases.take(lease)) is not None:
                owned[lease.workspace] = epoch
        for workspace, epoch in owned.items():
            self.leases.fence.open(workspace, epoch)
        self.believes = owned
        return seen

    def write(self, workspace: str) -> bool:
        """Whether a write of the workspace is let through."""
        try:
            with self.store.transaction(workspace) as transaction:
                transaction.connection.exec_driver_sql(
                    "INSERT INTO notes (workspace, key, value) VALUES (?, ?, '1')",
                    (workspace, f"{self.me.name}-{self.store.now_ms()}-{self.store.version}"),
                )
        except LeaseLostError:
            return False
        return True

    def notes(self) -> int:
        with self.store.reading() as connection:
            return int(connection.exec_driver_sql("SELECT count(*) FROM notes").scalar_one())


@pytest.fixture
def cluster(tmp_path: Path, manual_clock: ManualClock) -> Iterator[Cluster]:
    return Cluster(tmp_path / "ledger.db", manual_clock)


def test_a_paused_owner_writes_nothing_once_another_has_taken_over(cluster):
    first, second = cluster.join("a"), cluster.join("b")
    first.beat()
    assert first.write("w0")
    assert not second.write("w0")

    cluster.clock.advance(GONE_MS / 1000)
    second.beat()
    before = second.notes()

    assert not first.write("w0")
    assert second.notes() == before
    assert second.write("w0")
    assert first.leases.board().lease("w0").epoch == 2  # type: ignore[union-attr]


def test_an_owner_that_is_paused_while_no_one_else_is_there_goes_on(cluster):
    alone = cluster.join("a")
    alone.beat()
    cluster.clock.advance(3600)

    assert alone.write("w0")


def test_a_replica_that_leaves_is_succeeded_at_once(cluster):
    first, second = cluster.join("a"), cluster.join("b")
    first.beat()
    seen = second.beat()
    first.leases.hand_over(hand_overs(seen, "a"), leaves=True)

    assert set(second.beat().living) == {replace(second.me, renewed_ms=second.store.now_ms())}
    assert second.write("w0")
    assert not first.write("w0")


def test_two_replicas_that_both_want_to_move_a_workspace_move_one(cluster):
    first, second = cluster.join("a"), cluster.join("b")
    first.beat()
    seen = second.beat()
    lease, other, *_ = first.leases.board().owned_by("a")

    wanted = move(seen, "a")
    assert wanted is not None
    assert first.leases.move(wanted)
    assert not first.leases.move(wanted._replace(lease=other))
    assert first.leases.board().owner(lease.workspace).name == "b"  # type: ignore[union-attr]


def test_every_write_of_the_owner_is_seen_as_a_new_version(cluster):
    first, second = cluster.join("a"), cluster.join("b")
    first.beat()
    before = second.leases.board().lease("w0")
    cluster.clock.advance(1)
    first.write("w0")
    after = second.leases.board().lease("w0")

    assert (after.version, after.changed_ms) == (before.version + 1, second.store.now_ms())


class LeaseLaws(RuleBasedStateMachine):
    """Whatever order replicas beat, stall, write, leave and come back in."""

    names = st.sampled_from("abc")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.cluster = Cluster(Path(self.folder.name) / "ledger.db", ManualClock())
        self.members = {name: self.cluster.join(name) for name in "abc"}
        self.owners: dict[tuple[str, int], str] = {}

    @rule(name=names)
    def beat(self, name: str) -> None:
        self.members[name].beat()

    @rule(name=names)
    def even_out(self, name: str) -> None:
        member = self.members[name]
        if wanted := move(member.leases.board(), name):
            member.leases.move(wanted)

    @rule(name=names)
    def leave(self, name: str) -> None:
        member = self.members[name]
        member.leases.hand_over(hand_overs(member.leases.board(), name), leaves=True)

    @rule(seconds=st.sampled_from([0.5, 2.0, 7.9, 8.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.cluster.clock.advance(seconds)

    @rule(name=names, workspace=st.sampled_from(["w0", "w1", "w2"]))
    def write(self, name: str, workspace: str) -> None:
        member = self.members[name]
        lease, before = member.leases.board().lease(workspace), member.notes()
        was_written = member.write(workspace)

        assert not was_written or (lease is not None and lease.owner == name)
        assert member.notes() == before + was_written

    @invariant()
    def no_epoch_has_two_owners(self) -> None:
        for lease in self.members["a"].leases.board().leases:
            if lease.owner is not None:
                assert self.owners.setdefault((lease.workspace, lease.epoch), lease.owner) == lease.owner

    def teardown(self) -> None:
        for member in self.members.values():
            member.store.close()
        self.folder.cleanup()


TestLeaseLaws = LeaseLaws.TestCase
TestLeaseLaws.settings = settings(max_examples=10, stateful_step_count=25, deadline=None)
