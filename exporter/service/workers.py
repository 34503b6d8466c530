"""The workers of one assignment: what polls, monitors, audits and closes each workspace, in the follower's thread."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exporter.audit import Auditor
from exporter.config import Config
from exporter.hexapi import TokenSource
from exporter.ledger import Ledger
from exporter.polling import Poller, WorkspaceClock
from exporter.service.period_closing import PeriodClosing
from exporter.sources import SourceMonitor
from exporter.view import PeriodCloser
from exporter.warehouse import WarehouseMonitor

_AGREED_WITHIN_SECONDS = 60.0

Worker = SourceMonitor | WarehouseMonitor | Auditor | PeriodClosing


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to follow: a configuration, the token of each of its workspaces, and where its sources' secrets are."""

    config: Config
    tokens: Mapping[str, TokenSource]
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Workers:
    """What follows every workspace of one assignment, audits it, and closes its weeks and months."""

    pollers: tuple[Poller, ...] = ()
    monitors: tuple[SourceMonitor, ...] = ()
    warehouses: tuple[WarehouseMonitor, ...] = ()
    auditors: tuple[Auditor, ...] = ()
    closings: tuple[PeriodClosing, ...] = ()
    clocks: tuple[WorkspaceClock, ...] = ()
    tasks: list[asyncio.Future[None]] = field(default_factory=list)

    def begin(self) -> None:
        """Have each do its work in a task of its own."""
        self.tasks.extend(asyncio.ensure_future(poller.run()) for poller in self.pollers)
        of_each = zip(self.monitors, self.warehouses, self.auditors, self.closings, strict=True)
        for clock, workers in zip(self.clocks, of_each, strict=True):
            self.tasks.extend(asyncio.ensure_future(_once_agreed(clock, worker)) for worker in workers)

    async def end(self) -> None:
        """Drop what is under way and close every connection."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        companions: tuple[Poller | SourceMonitor, ...] = (*self.pollers, *self.monitors)
        for companion in companions:
            await companion.aclose()


async def _once_agreed(
    clock: WorkspaceClock, worker: SourceMonitor | WarehouseMonitor | Auditor | PeriodClosing
) -> None:
    """Have a worker begin that notes when it saw what, once the time is agreed or Hex does not answer."""
    await clock.agreed(_AGREED_WITHIN_SECONDS)
    await worker.run()


def make_workers(assignment: Assignment, ledger: Ledger, clock_of: Callable[[str], WorkspaceClock]) -> Workers:
    """Workers that know what the ledger knows, and have not begun; each goes by its workspace's clock.

    Raises LedgerError.
    """
    config = assignment.config
    workspaces = {one.name: one for one in config.workspaces}
    made = Workers(
        pollers=tuple(
            Poller(
                workspaces[name],
                config,
                token,
                ledger.workspace(name),
                clock=clock_of(name),
                rng=random.Random(),  # noqa: S311 - jitter
            )
            for name, token in assignment.tokens.items()
        ),
        monitors=tuple(
            SourceMonitor(name, config, ledger.workspace(name), clock_of(name), assignment.environ)
            for name in assignment.tokens
        ),
        warehouses=tuple(
            WarehouseMonitor(name, config, ledger.workspace(name), clock_of(name), assignment.environ)
            for name in assignment.tokens
        ),
        auditors=tuple(Auditor(ledger.workspace(name), config, clock_of(name)) for name in assignment.tokens),
        closings=tuple(PeriodClosing(PeriodCloser(ledger, name, config), clock_of(name)) for name in assignment.tokens),
        clocks=tuple(map(clock_of, assignment.tokens)),
    )
    for poller in made.pollers:
        poller.load()
    return made
