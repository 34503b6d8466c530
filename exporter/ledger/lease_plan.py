"""Which replica should own which workspace: pure decisions from what the tables of leases show at one moment."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

BEAT_SECONDS = 2.0
"""How often a replica renews itself, and looks what is free."""

HELD_SECONDS = 6.0
"""How long after the beginning of its last renewal, by its own steady clock, a replica sends requests as an owner."""

GONE_MS = 8_000
"""How long after its last renewal, by the database's clock, a replica is taken to be gone: later than it has stopped
sending, and early enough for another to poll on within 15 seconds."""

MOVE_EVERY_MS = 60_000
"""At most one workspace moves in a minute where its owner lives: a move costs a read of the ledger, and a pause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One running `serve`. `address` is where its gateway takes requests, `configuration` a digest of its settings,
    `renewed_ms` when it last said that it lives, by the database's clock."""

    name: str
    address: str = ""
    configuration: str = ""
    workspaces: frozenset[str] = frozenset()
    renewed_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who owns a workspace, None: no one. `epoch` grows with each change of that, `version` with each write of the
    owner, the last of which was at `changed_ms` by the database's clock."""

    workspace: str
    owner: str | None = None
    epoch: int = 0
    version: int = 0
    changed_ms: int = 0


class Move(NamedTuple):
    """A lease that its owner gives to another replica, None: to whoever comes first."""

    lease: Lease
    to: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The replicas and the leases at one moment of the database's clock, leases in the order of their workspaces."""

    now_ms: int
    replicas: Mapping[str, Replica] = field(default_factory=dict)
    leases: tuple[Lease, ...] = ()
    moved_ms: int = 0

    def is_alive(self, name: str | None) -> bool:
        """Whether a replica has renewed itself lately."""
        replica = self.replicas.get(name or "")
        return replica is not None and self.now_ms - replica.renewed_ms < GONE_MS

    @property
    def living(self) -> tuple[Replica, ...]:
        """The replicas that live, by name."""
        return tuple(self.replicas[name] for name in sorted(self.replicas) if self.is_alive(name))

    def lease(self, workspace: str) -> Lease | None:
        """The lease of a workspace, None if no replica has ever known it."""
        return next((one for one in self.leases if one.workspace == workspace), None)

    def owner(self, workspace: str) -> Replica | None:
        """The replica that owns a workspace and lives."""
        lease = self.lease(workspace)
        return None if lease is None or not self.is_alive(lease.owner) else self.replicas[lease.owner or ""]

    def owned_by(self, name: str) -> tuple[Lease, ...]:
        """The leases of one replica."""
        return tuple(one for one in self.leases if one.owner == name)

    @property
    def configurations(self) -> int:
        """How many different configurations the living replicas have."""
        return len({one.configuration for one in self.living})


def takes(board: Board, me: str) -> tuple[Lease, ...]:
    """The leases that this replica should take now: its part of those that no living replica owns.

    Every replica that sees the same board comes to the same parts, so that they seldom want the same lease.
    """
    free = [one for one in board.leases if not board.is_alive(one.owner)]
    return tuple(move.lease for move in _spread(board, free, board.living) if move.to == me)


def move(board: Board, me: str) -> Move | None:
    """The one lease that this replica should give to another now, None if the workspaces are spread evenly.

    Only the one with the most gives, and only where the other has at least two fewer: so that nothing moves to and fro.
    """
    if board.now_ms - board.moved_ms < MOVE_EVERY_MS:
        return None
    counts = _counts(board, board.living)
    known = frozenset[str]().union(*(one.workspaces for one in board.living))
    if me not in counts or any(not board.is_alive(one.owner) for one in board.leases if one.workspace in known):
        return None
    for lease in board.owned_by(me):
        takers = [one.name for one in board.living if lease.workspace in one.workspaces]
        least = min(takers, key=lambda name: (counts[name], name), default=None)
        most = max(counts, key=lambda name: (counts[name], name))
        if most == me and least is not None and counts[me] - counts[least] >= 2:
            return Move(lease, least)
    return None


def hand_overs(board: Board, me: str) -> tuple[Move, ...]:
    """To whom each lease of a replica that leaves should go."""
    others = [one for one in board.living if one.name != me]
    return _spread(board, board.owned_by(me), others)


def strays(board: Board, me: Replica) -> tuple[Move, ...]:
    """The leases of workspaces that this replica owns and does not know (any more)."""
    lost = [one for one in board.owned_by(me.name) if one.workspace not in me.workspaces]
    return _spread(board, lost, [one for one in board.living if one.name != me.name])


def _spread(board: Board, leases: Iterable[Lease], among: Sequence[Replica]) -> tuple[Move, ...]:
    """Each lease to the replica that knows the workspace and has the fewest by then."""
    counts = _counts(board, among)
    moves = []
    for lease in leases:
        takers = [one.name for one in among if lease.workspace in one.workspaces]
        to = min(takers, key=lambda name: (counts[name], name), default=None)
        if to is not None:
            counts[to] += 1
        moves.append(Move(lease, to))
    return tuple(moves)


def _counts(board: Board, among: Iterable[Replica]) -> dict[str, int]:
    return {one.name: len(board.owned_by(one.name)) for one in among}
