"""The thread that keeps this replica's leases: it renews, takes what is free, and says what is owned."""

import hashlib
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
import structlog

from exporter.conditions import Conditions
from exporter.config import Config
from exporter.errors import LedgerError
from exporter.ledger import (
    BEAT_SECONDS,
    HELD_SECONDS,
    Board,
    Leases,
    Ledger,
    Move,
    Replica,
    hand_overs,
    move,
    strays,
    takes,
)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the last renewal showed: the board, the epoch of each workspace that this replica owns, and the one that it
    should give away for evenness' sake. `renewed_at` is when that renewal began, by the steady clock."""

    board: Board = field(default_factory=lambda: Board(now_ms=0))
    owned: Mapping[str, int] = field(default_factory=dict)
    move: Move | None = None
    renewed_at: float = float("-inf")


def replica_name() -> str:
    """What this process is called among its kind: the machine's name, and what no other process has."""
    return f"{socket.gethostname()}-{secrets.token_hex(3)}"


def digest_of(config: Config) -> str:
    """What two replicas have in common if their configurations are the same, whatever addresses each has."""
    storage = msgspec.structs.replace(config.storage, url="")  # which may have a password
    gateway = config.gateway and msgspec.structs.replace(config.gateway, listen_address="127.0.0.1:0")
    shared = msgspec.structs.replace(config, cluster=None, storage=storage, gateway=gateway)
    payload = msgspec.json.encode(shared, enc_hook=str, order="deterministic")
    return hashlib.sha256(payload).hexdigest()[:16]


def make_keeper(
    ledger: Ledger, config: Config, address: str, on_change: Callable[[], None], is_alive: Callable[[], bool]
) -> "LeaseKeeper | None":
    """What keeps this process's leases, not started yet; None where the ledger is one that no other process writes.

    `address` is where other replicas reach its gateway; see `LeaseKeeper` for the rest. Raises LedgerError for replicas
    on a ledger that cannot be shared.
    """
    name = replica_name()
    leases = ledger.leases(name)
    if leases is None:
        if config.cluster is not None:
            raise LedgerError(
                "cluster: replicas share one ledger, and a SQLite ledger has one writer: set storage.url to a "
                "postgresql:// one, or remove cluster and run a single process"
            )
        return None
    leases.join(_followed_at(config))
    names = frozenset(one.name for one in config.workspaces)
    me = Replica(name=name, address=address, configuration=digest_of(config), workspaces=names)
    return LeaseKeeper(leases, me, on_change, is_alive)


def _followed_at(config: Config) -> Mapping[str, str]:
    return {one.name: one.base_url for one in config.workspaces}


class LeaseKeeper:
    """Renews in a thread of its own: no page that is long to build, and no slow write, lets a lease run out.

    `on_change` is called, in that thread, whenever something has changed; `is_alive` says whether this process still
    does its work: a replica that hangs is not renewed. `standing` may be read from any thread.
    """

    def __init__(
        self, leases: Leases, me: Replica, on_change: Callable[[], None], is_alive: Callable[[], bool]
    ) -> None:
        self.me = me
        self.standing = Standing()
        self._leases = leases
        self._on_change = on_change
        self._is_alive = is_alive
        self._conditions = Conditions(_log)
        self._at_once = threading.Event()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        """Begin to renew; the first time at once, before this returns, if the database answers."""
        self.beat()
        _log.info("This replica shares the ledger", replica=self.me.name, replicas=len(self.standing.board.living))
        self._thread.start()

    def describe(self, config: Config) -> None:
        """Go by this configuration from now on. Raises LedgerError where another cluster follows what it names."""
        self._leases.join(_followed_at(config))
        names = frozenset(one.name for one in config.workspaces)
        self.me = Replica(name=self.me.name, address=self.me.address, configuration=digest_of(config), workspaces=names)
        self._at_once.set()

    def seconds_held(self) -> float:
        """For how long this replica may still take itself for an owner, below 0 if it may not any more."""
        return self.standing.renewed_at + HELD_SECONDS - time.monotonic()

    def open(self, workspace: str, epoch: int) -> None:
        """Let this replica write the workspace, which it owns since that epoch."""
        self._leases.fence.open(workspace, epoch)

    def shut(self, workspace: str) -> None:
        """Let this replica write the workspace no more."""
        self._leases.fence.shut(workspace)

    def give(self, wanted: Move) -> bool:
        """Give a workspace that this replica has ended to work on to another. Raises LedgerError."""
        was_given = self._leases.move(wanted)
        self._at_once.set()
        return was_given

    def leave(self) -> None:
        """Hand over what is owned; nothing is renewed any more. Trouble costs the others some seconds of waiting."""
        self._is_over.set()
        self._at_once.set()
        if self._thread.is_alive():
            self._thread.join(BEAT_SECONDS)
        with suppress(LedgerError):
            self._leases.hand_over(hand_overs(self._leases.board(), self.me.name), leaves=True)

    def _run(self) -> None:
        while not self._is_over.is_set():
            self._at_once.wait(BEAT_SECONDS)
            self._at_once.clear()
            if not self._is_over.is_set() and self._is_alive():
                self.beat()

    def beat(self) -> None:
        """Renew now, and take what is free. Trouble of the database is reported, and the next time may be better."""
        try:
            self._beat()
        except LedgerError as error:
            self._conditions.report("leases", "The leases cannot be renewed", level="error", reason=str(error))
        except Exception:
            _log.exception("The leases could not be renewed")
        else:
            self._conditions.clear("leases")
        self._on_change()

    def _beat(self) -> None:
        began, me = time.monotonic(), self.me
        board = self._leases.beat(me)
        owned = {one.workspace: one.epoch for one in board.owned_by(me.name) if one.workspace in me.workspaces}
        if lost := strays(board, me):
            self._leases.hand_over(lost)
        for lease in takes(board, me.name):
            epoch = self._leases.take(lease)
            if epoch is not None:
                owned[lease.workspace] = epoch
                _log.info("This replica owns the workspace", workspace=lease.workspace, epoch=epoch)
        self.standing = Standing(board=board, owned=owned, move=move(board, me.name), renewed_at=began)
        self._report_differences(board)

    def _report_differences(self, board: Board) -> None:
        if board.configurations > 1:
            self._conditions.report(
                "configurations", "Replicas differ in their configuration", reason=difference(board)
            )
        else:
            self._conditions.clear("configurations")


def difference(board: Board) -> str:
    """Which replicas have which configuration, in one sentence."""
    by_digest: dict[str, list[str]] = {}
    for one in board.living:
        by_digest.setdefault(one.configuration, []).append(one.name)
    sides = "; ".join(f"{digest}: {_names(names)}" for digest, names in sorted(by_digest.items()))
    return f"each workspace goes by its owner's ({sides}): give all replicas the same file, and reload them"


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
