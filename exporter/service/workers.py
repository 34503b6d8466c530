"""The workers of one assignment: what polls, monitors and audits each workspace, in the follower's thread."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from exporter.audit import Auditor
from exporter.clock import Clock
from exporter.config import Config
from exporter.hexapi import TokenSource
from exporter.ledger import Ledger
from exporter.polling import Poller
from exporter.sources import SourceMonitor


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to follow: a configuration, the token of each of its workspaces, and where its sources' secrets are."""

    config: Config
    tokens: Mapping[str, TokenSource]
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Workers:
    """What follows every workspace of one assignment, and audits it."""

    pollers: tuple[Poller, ...] = ()
    monitors: tuple[SourceMonitor, ...] = ()
    auditors: tuple[Auditor, ...] = ()
    tasks: list[asyncio.Future[None]] = field(default_factory=list)

    def begin(self) -> None:
        """Have each do its work in a task of its own."""
        workers: tuple[Poller | SourceMonitor | Auditor, ...] = (*self.pollers, *self.monitors, *self.auditors)
        self.tasks.extend(asyncio.ensure_future(worker.run()) for worker in workers)

    async def end(self) -> None:
        """Drop what is under way and close every connection."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        companions: tuple[Poller | SourceMonitor, ...] = (*self.pollers, *self.monitors)
        for companion in companions:
            await companion.aclose()


def make_workers(assignment: Assignment, ledger: Ledger, clock: Clock) -> Workers:
    """Workers that know what the ledger knows, and have not begun. Raises LedgerError."""
    config = assignment.config
    workspaces = {one.name: one for one in config.workspaces}
    made = Workers(
        pollers=tuple(
            Poller(
                workspaces[name],
                config,
                token,
                ledger.workspace(name),
                clock=clock,
                rng=random.Random(),  # noqa: S311 - jitter
            )
            for name, token in assignment.tokens.items()
        ),
        monitors=tuple(
            SourceMonitor(name, config, ledger.workspace(name), clock, assignment.environ) for name in assignment.tokens
        ),
        auditors=tuple(Auditor(ledger.workspace(name), config, clock) for name in assignment.tokens),
    )
    for poller in made.pollers:
        poller.load()
    return made
