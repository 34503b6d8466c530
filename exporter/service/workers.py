"""The workers of one assignment: what polls, monitors and audits each workspace, in the follower's thread."""

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from exporter.audit import Auditor
from exporter.config import Config
from exporter.hexapi import TokenSource
from exporter.ledger import Ledger
from exporter.polling import Poller, WorkspaceClock
from exporter.sources import SourceMonitor

_AGREED_WITHIN_SECONDS = 60.0


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
    clocks: tuple[WorkspaceClock, ...] = ()
    tasks: list[asyncio.Future[None]] = field(default_factory=list)

    def begin(self) -> None:
        """Have each do its work in a task of its own."""
        self.tasks.extend(asyncio.ensure_future(poller.run()) for poller in self.pollers)
        for clock, monitor, auditor in zip(self.clocks, self.monitors, self.auditors, strict=True):
            self.tasks.append(asyncio.ensure_future(_once_agreed(clock, monitor)))
            self.tasks.append(asyncio.ensure_future(_once_agreed(clock, auditor)))

    async def end(self) -> None:
        """Drop what is under way and close every connection."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        companions: tuple[Poller | SourceMonitor, ...] = (*self.pollers, *self.monitors)
        for companion in companions:
            await companion.aclose()


async def _once_agreed(clock: WorkspaceClock, worker: SourceMonitor | Auditor) -> None:
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
        auditors=tuple(Auditor(ledger.workspace(name), config, clock_of(name)) for name in assignment.tokens),
        clocks=tuple(map(clock_of, assignment.tokens)),
    )
    for poller in made.pollers:
        poller.load()
    return made
