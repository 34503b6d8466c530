"""Leases in the database: who owns a workspace, so that only one replica at a time writes to it.

No session locks: a connection pool between may give each transaction another session. The fence is a statement of the
owner's own transaction, so that a replica that was paused, cut off or slow changes nothing, whatever it believes.
"""

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import Connection, Row, delete, func, select, update

from exporter.errors import LeaseLostError, LedgerError
from exporter.ledger.codec import decode, encode
from exporter.ledger.cost_schema import PROJECT_VERSIONS
from exporter.ledger.engines import DatabaseClock
from exporter.ledger.lease_plan import GONE_MS, MOVE_EVERY_MS, Board, Lease, Move, Replica
from exporter.ledger.lease_schema import LEASES, REPLICAS
from exporter.ledger.schema import COUNTERS, META, NOTES, PROJECTS, RUN_DAYS, upsert
from exporter.ledger.store import Store

_MOVED = "lease_moved_ms"
_FOLLOWED_AT = "followed_at"
_FORGET_MS = 3_600_000  # so long a replica that is gone can still be named


class Fence:
    """What lets a transaction of a workspace begin only while this replica owns it. Any thread."""

    def __init__(self, replica: str, clock: DatabaseClock) -> None:
        self._replica = replica
        self._clock = clock
        self._epochs: dict[str, int] = {}

    def open(self, workspace: str, epoch: int) -> None:
        """This replica owns the workspace since that epoch."""
        self._epochs[workspace] = epoch

    def shut(self, workspace: str) -> None:
        """This replica does not own the workspace any more."""
        self._epochs.pop(workspace, None)

    def check(self, connection: Connection, workspace: str) -> int:
        """Raise LeaseLostError unless this replica owns the workspace, and will until the transaction ends.

        The row stays locked until then, and its version, which is returned, says to other replicas what has changed.
        """
        epoch = self._epochs.get(workspace)
        if epoch is not None:
            lease = LEASES.c
            mine = update(LEASES).where(
                lease.workspace == workspace, lease.owner == self._replica, lease.epoch == epoch
            )
            changed = mine.values(version=lease.version + 1, changed_ms=self._clock()).returning(lease.version)
            version: int | None = connection.execute(changed).scalar()
            if version is not None:
                return version
        raise LeaseLostError(f"workspace {workspace}: another replica owns it: nothing is written here")


class Leases:
    """The leases as one replica uses them. Each method is one transaction; any thread. Raises LedgerError."""

    def __init__(self, store: Store, replica: str, clock: DatabaseClock) -> None:
        self.replica = replica
        self.fence = Fence(replica, clock)
        self._store = store
        self._clock = clock
        store.fence = self.fence

    def beat(self, me: Replica) -> Board:
        """Say that this replica lives, and what it knows; the replicas and leases as they are then.

        The ledger's clock is set by the database's.
        """
        with self._store.lease_transaction() as connection:
            now_ms = self._now_ms(connection)
            self._store.ahead_ms += self._store.now_ms() - now_ms
            row = {
                "replica": me.name,
                "renewed_ms": now_ms,
                "address": me.address,
                "configuration": me.configuration,
                "workspaces": encode(sorted(me.workspaces)),
            }
            upsert(connection, REPLICAS, [row])
            connection.execute(delete(REPLICAS).where(REPLICAS.c.renewed_ms < now_ms - _FORGET_MS))
            known = set(connection.execute(select(LEASES.c.workspace)).scalars())
            new = [
                _unowned(workspace, now_ms, _written(connection, workspace))
                for workspace in sorted(me.workspaces - known)
            ]
            upsert(connection, LEASES, new, keep=("owner", "epoch", "changed_ms"), add=("version",))
            return self._board(connection, now_ms)

    def join(self, addresses: Mapping[str, str]) -> None:
        """Say at which Hex each workspace is followed, by its name.

        Raises LedgerError where a living replica follows one of that name at another: each would count into the other's
        sums. So two clusters on one schema are refused.
        """
        with self._store.lease_transaction() as connection:
            connection.execute(select(META.c.key).where(META.c.key == "schema_version").with_for_update())
            alive = REPLICAS.c.renewed_ms > self._now_ms(connection) - GONE_MS
            others = connection.execute(select(REPLICAS.c.replica).where(alive, REPLICAS.c.replica != self.replica))
            names = ", ".join(sorted(others.scalars()))
            wanted = select(NOTES.c.workspace, NOTES.c.value).where(NOTES.c.key == _FOLLOWED_AT)
            known = {row.workspace: decode(row.value, str) for row in connection.execute(wanted)}
            for workspace, address in addresses.items():
                if names and known.get(workspace, address) != address:
                    raise LedgerError(
                        f"workspace {workspace}: {names} on this ledger follows {known[workspace]} by that name, and "
                        f"this process {address}: give each cluster a schema of its own by storage.schema, "
                        "or stop the others first"
                    )
            rows = [
                {"workspace": workspace, "key": _FOLLOWED_AT, "value": encode(address)}
                for workspace, address in addresses.items()
            ]
            upsert(connection, NOTES, rows)

    def board(self) -> Board:
        """The replicas and leases of now."""
        with self._store.reading() as connection:
            return self._board(connection, self._now_ms(connection))

    def take(self, lease: Lease) -> int | None:
        """Become the owner of a workspace that no living replica owns; the epoch since then, None if it is not so.

        Does not wait for a transaction of its former owner that is still open: there is a next time. One that stands
        still is ended.
        """
        with self._store.lease_transaction() as connection:
            column = LEASES.c
            wanted = select(column.owner).where(column.workspace == lease.workspace, column.epoch == lease.epoch)
            row = connection.execute(wanted.with_for_update(skip_locked=True)).one_or_none()
            if row is None:
                self._store.database.end_stalled_writers(connection)
            if row is None or self._is_alive(connection, row.owner):
                return None
            return self._give(connection, lease, self.replica)

    def move(self, move: Move) -> bool:
        """Give one lease to another replica for evenness' sake; whether it was so: one moves in a minute."""
        with self._store.lease_transaction() as connection:
            now_ms = self._now_ms(connection)
            upsert(connection, META, [{"key": _MOVED, "value": 0}], add=("value",))
            is_due = (META.c.key == _MOVED) & (META.c.value <= now_ms - MOVE_EVERY_MS)
            if connection.execute(update(META).where(is_due).values(value=now_ms)).rowcount != 1:
                return False
            self._give(connection, move.lease, move.to)
            return True

    def hand_over(self, moves: Iterable[Move], *, leaves: bool = False) -> None:
        """Give leases to others; with `leaves` this replica is gone by it, and others need not wait to see that."""
        with self._store.lease_transaction() as connection:
            for move in sorted(moves, key=lambda one: one.lease.workspace):
                self._give(connection, move.lease, move.to)
            if leaves:
                connection.execute(delete(REPLICAS).where(REPLICAS.c.replica == self.replica))

    def _give(self, connection: Connection, lease: Lease, to: str | None) -> int:
        """Change the owner, if the lease is still as it was seen; the epoch since then."""
        self.fence.shut(lease.workspace)
        seen = update(LEASES).where(LEASES.c.workspace == lease.workspace, LEASES.c.epoch == lease.epoch)
        connection.execute(seen.values(owner=to, epoch=lease.epoch + 1))
        return lease.epoch + 1

    def _board(self, connection: Connection, now_ms: int) -> Board:
        moved_ms = connection.execute(select(META.c.value).where(META.c.key == _MOVED)).scalar()
        replicas = [_replica(row) for row in connection.execute(select(REPLICAS))]
        leases = connection.execute(select(LEASES).order_by(LEASES.c.workspace)).all()
        return Board(
            now_ms=now_ms,
            replicas={one.name: one for one in replicas},
            leases=tuple(_lease(row) for row in leases),
            moved_ms=moved_ms or 0,
        )

    def _is_alive(self, connection: Connection, replica: str | None) -> bool:
        renewed = select(REPLICAS.c.renewed_ms).where(REPLICAS.c.replica == replica)
        renewed_ms = None if replica is None else connection.execute(renewed).scalar()
        return renewed_ms is not None and self._now_ms(connection) - renewed_ms < GONE_MS

    def _now_ms(self, connection: Connection) -> int:
        return int(connection.execute(select(self._clock())).scalar_one())


def _unowned(workspace: str, now_ms: int, version: int) -> dict[str, object]:
    return {"workspace": workspace, "owner": None, "epoch": 0, "version": version, "changed_ms": now_ms}


def _written(connection: Connection, workspace: str) -> int:
    """The last version that rows of a workspace carry, of which no lease is known: they were copied here."""
    newest = [
        connection.execute(select(func.max(table.c.lease_version)).where(table.c.workspace == workspace)).scalar()
        for table in (COUNTERS, PROJECTS, PROJECT_VERSIONS, RUN_DAYS)
    ]
    return max(one or 0 for one in newest)


def _replica(row: Row[tuple[object, ...]]) -> Replica:
    return Replica(
        name=row.replica,
        address=row.address,
        configuration=row.configuration,
        workspaces=frozenset(msgspec.json.decode(row.workspaces, type=list[str])),
        renewed_ms=row.renewed_ms,
    )


def _lease(row: Row[tuple[object, ...]]) -> Lease:
    return Lease(
        workspace=row.workspace,
        owner=row.owner,
        epoch=row.epoch,
        version=row.version,
        changed_ms=row.changed_ms,
    )
