"""Which workspaces this process follows: all that are configured, or those it owns where replicas share a ledger."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress

import structlog

from exporter.conditions import Conditions
from exporter.errors import LedgerError
from exporter.ledger import Board, Ledger, Move
from exporter.polling import WorkspaceClock
from exporter.service.lease_keeper import LeaseKeeper, Standing
from exporter.service.owner_figures import OwnerFigures, read_owner_figures
from exporter.service.workers import Assignment, Workers, make_workers
from exporter.triggers import Ask
from exporter.view import ClusterState, LeaseState

_log = structlog.get_logger()

_LEAVE_SECONDS = 3.0
"""How long the gateway of a workspace that moves is waited for; what it writes later is refused."""


class OwnedWorkspaces:
    """The workers of what this process follows. For the follower's event loop; `workers` may be read from any thread.

    `keeper` knows what this process owns, None where it is alone with its ledger. `leaving` has, by workspace, what
    is to be ended before another replica gets it; `on_change` is called whenever this process begins or ceases to
    follow a workspace. `ask_run` returns what asks the gateway of a workspace for the runs of its triggers.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock_of: Callable[[str], WorkspaceClock],
        keeper: LeaseKeeper | None,
        leaving: Mapping[str, Callable[[], Future[None]]],
        on_change: Sequence[Callable[[], None]],
        ask_run: Callable[[str], Ask],
    ) -> None:
        self.workers: Mapping[str, Workers] = {}
        self._leaving = leaving
        self._on_change = on_change
        self._ask_run = ask_run
        self._ledger = ledger
        self._clock_of = clock_of
        self._assignment: Assignment | None = None
        self._keeper = keeper
        self._epochs: dict[str, int] = {}
        self._given_at: dict[str, float] = {}
        self._written: dict[str, tuple[int, int]] = {}
        self._read_at: dict[str, float] = {}
        self._figures: dict[str, OwnerFigures] = {}
        self._began = time.monotonic()
        self._conditions = Conditions(_log)

    @property
    def standing(self) -> Standing | None:
        """Who owns what, as last seen; None where this process is alone with its ledger."""
        return None if self._keeper is None else self._keeper.standing

    @property
    def name(self) -> str | None:
        """What this replica is called, None where there is only one."""
        return None if self._keeper is None else self._keeper.me.name

    async def put_in_force(self, assignment: Assignment) -> None:
        """Follow this from now on. Raises LedgerError, if nothing has changed by it."""
        if self._keeper is not None:
            self._keeper.describe(assignment.config)
        made = {}
        for name in assignment.tokens if self._keeper is None else self._keeper.standing.owned:
            if name in assignment.tokens:
                made[name] = self._made(name, assignment)
        # The new pace is in force at once: requests for others are counted by it from here on.
        replaced, self.workers, self._assignment = self.workers, made, assignment
        for workers in made.values():
            workers.begin()
        for workers in replaced.values():
            try:
                await workers.end()
            except Exception:
                _log.exception("A connection of the configuration before cannot be closed")
        self._changed()

    async def settle(self) -> None:
        """Follow what is owned by now, and nothing else."""
        if self._keeper is None or self._assignment is None:
            return
        standing = self._keeper.standing
        for name in [name for name in self.workers if standing.owned.get(name) != self._epochs.get(name)]:
            _log.info("This replica does not own the workspace any more", workspace=name)
            await self._drop(name)
        for name in standing.owned:
            is_new = standing.renewed_at > self._given_at.get(name, float("-inf"))
            if name not in self.workers and name in self._assignment.tokens and is_new:
                self._begin(name, self._assignment)
        if standing.move is not None and standing.move.lease.workspace in self.workers:
            await self._give(self._keeper, standing.move)

    def refresh(self, on_read: Callable[[], None] = lambda: None) -> None:
        """Read what other replicas have written since the last time; `on_read` is called before each workspace."""
        if self._keeper is None:
            return
        standing = self._keeper.standing
        for lease in standing.board.leases:
            name = lease.workspace
            if name in self.workers or name not in self._keeper.me.workspaces:
                continue
            on_read()
            with suppress(LedgerError):  # the page says how old it is
                written = lease.epoch, lease.version
                if written != self._written.get(name):
                    known_epoch, _ = self._written.get(name, (None, 0))
                    self._read(name, only_changes=known_epoch == lease.epoch)
                    self._written[name] = written
                self._read_at[name] = standing.renewed_at

    def _read(self, name: str, *, only_changes: bool) -> None:
        self._ledger.workspace(name).refresh(only_changes=only_changes)
        self._assume_skew(name)
        figures = read_owner_figures(self._ledger, name)
        if figures is not None:
            self._figures[name] = figures

    def epoch(self, workspace: str) -> int | None:
        """Since when this process owns the workspace; None where it does not, or is alone with its ledger."""
        return self._epochs.get(workspace)

    def figures(self) -> Mapping[str, OwnerFigures]:
        """What the living owners of other workspaces say of themselves, by workspace."""
        if self._keeper is None:
            return {}
        board = self._keeper.standing.board
        return {
            lease.workspace: figures
            for lease in board.leases
            if lease.workspace not in self.workers
            and board.is_alive(lease.owner)
            and (figures := self._figures.get(lease.workspace)) is not None
            and figures.epoch == lease.epoch
        }

    def states(self) -> tuple[ClusterState, Mapping[str, LeaseState]] | None:
        """The replicas, and who owns each workspace; None where this process is alone with its ledger."""
        if self._keeper is None:
            return None
        board = self._keeper.standing.board
        states = {
            lease.workspace: LeaseState(
                owner=self._owner(board, lease.workspace),
                is_mine=lease.workspace in self.workers,
                epoch=self._epochs.get(lease.workspace, lease.epoch),
                page_lag_seconds=self._lag_seconds(lease.workspace),
            )
            for lease in board.leases
            if lease.workspace in self._keeper.me.workspaces
        }
        return ClusterState(replicas=len(board.living), configurations=board.configurations), states

    def _lag_seconds(self, workspace: str) -> float:
        """How long ago the page was known to be of all that the owner had written: 0 where that is this process."""
        if workspace in self.workers:
            return 0.0
        return time.monotonic() - self._read_at.get(workspace, self._began)

    def _owner(self, board: Board, workspace: str) -> str | None:
        """The owner's name; this replica may have taken the lease just after it saw the board."""
        owner = board.owner(workspace)
        return self.name if workspace in self.workers else None if owner is None else owner.name

    async def end(self) -> None:
        """Follow nothing any more, and let other replicas take over at once."""
        for workers in self.workers.values():
            await workers.end()
        self.workers = {}
        if self._keeper is not None:
            self._keeper.leave()

    def _begin(self, name: str, assignment: Assignment) -> None:
        """Follow one workspace more; if the ledger cannot be read now, there is a next time."""
        try:
            workers = self._made(name, assignment)
        except LedgerError as error:
            self._conditions.report(name, "A workspace cannot be followed yet", workspace=name, reason=str(error))
            return
        self._conditions.clear(name)
        self.workers = {**self.workers, name: workers}
        workers.begin()
        self._changed()

    def _made(self, name: str, assignment: Assignment) -> Workers:
        """The workers of one workspace, which may be written from now on."""
        keeper = self._keeper
        if keeper is None:
            return make_workers(name, assignment, self._ledger, self._clock_of(name), ask_run=self._ask_run(name))
        epoch = keeper.standing.owned[name]
        if self._epochs.get(name) != epoch:
            known = self._ledger.workspace(name)
            keeper.open(name, epoch)
            try:
                # Only now is it certain that no one else writes it.
                known.refresh()
                known.foresee_endpoints()
                self._assume_skew(name)
            except LedgerError:
                keeper.shut(name)
                raise
            self._epochs[name] = epoch
        return make_workers(
            name,
            assignment,
            self._ledger,
            self._clock_of(name),
            keeper.seconds_held,
            ask_run=self._ask_run(name),
        )

    async def _give(self, keeper: LeaseKeeper, move: Move) -> None:
        name = move.lease.workspace
        await self._drop(name)
        self._given_at[name] = keeper.standing.renewed_at
        with suppress(LedgerError):  # then it is followed here again
            if await asyncio.to_thread(keeper.give, move):
                _log.info("The workspace moves to another replica", workspace=name, replica=move.to)

    async def _drop(self, name: str) -> None:
        """Cease to follow a workspace."""
        if name in self._leaving:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(self._leaving[name]()), _LEAVE_SECONDS)
        dropped = self.workers[name]
        self.workers = {other: workers for other, workers in self.workers.items() if other != name}
        await dropped.end()
        self._epochs.pop(name, None)
        if self._keeper is not None:
            self._keeper.shut(name)
        self._changed()

    def _assume_skew(self, name: str) -> None:
        """Go by what the owner noted of the time, until Hex says more to this process itself."""
        if noted := self._ledger.workspace(name).noted_skew:
            self._clock_of(name).assume(*noted)

    def _changed(self) -> None:
        for tell in self._on_change:
            tell()
