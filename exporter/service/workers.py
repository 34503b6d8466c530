"""The workers of one workspace: what polls, monitors, audits and closes it, in the follower's thread."""

import asyncio
import random
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

from exporter.audit import Auditor
from exporter.config import Config
from exporter.hexapi import TokenSource
from exporter.ledger import Ledger
from exporter.polling import Poller, WorkspaceClock
from exporter.service.period_closing import PeriodClosing
from exporter.sources import SourceMonitor
from exporter.triggers import Ask, RunAnswer, RunRequest, TriggerRunner
from exporter.view import PeriodCloser
from exporter.warehouse import WarehouseMonitor

_AGREED_WITHIN_SECONDS = 60.0

_Worker = SourceMonitor | WarehouseMonitor | Auditor | PeriodClosing | TriggerRunner


@dataclass(frozen=True, slots=True)
class Assignment:
    """What to follow: a configuration, the token of each of its workspaces, and where its sources' secrets are."""

    config: Config
    tokens: Mapping[str, TokenSource]
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Workers:
    """What follows one workspace of an assignment, audits it, runs it on change, and closes its weeks and months."""

    poller: Poller
    monitor: SourceMonitor
    warehouse: WarehouseMonitor
    auditor: Auditor
    closing: PeriodClosing
    triggers: TriggerRunner
    clock: WorkspaceClock
    tasks: list[asyncio.Future[None]] = field(default_factory=list)

    def begin(self) -> None:
        """Have each do its work in a task of its own."""
        self.tasks.append(asyncio.ensure_future(self.poller.run()))
        for worker in (self.monitor, self.warehouse, self.auditor, self.closing, self.triggers):
            self.tasks.append(asyncio.ensure_future(_once_agreed(self.clock, worker)))

    async def end(self) -> None:
        """Drop what is under way and close every connection."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.poller.aclose()
        await self.triggers.aclose()
        await self.monitor.aclose()


async def _once_agreed(clock: WorkspaceClock, worker: _Worker) -> None:
    """Have a worker begin that notes when it saw what, once the time is agreed or Hex does not answer."""
    await clock.agreed(_AGREED_WITHIN_SECONDS)
    await worker.run()


def make_workers(
    name: str,
    assignment: Assignment,
    ledger: Ledger,
    clock: WorkspaceClock,
    may_send: Callable[[], float] | None = None,
    *,
    ask_run: Ask,
) -> Workers:
    """The workers of a workspace, which know what the ledger knows and have not begun; they go by its clock.

    `ask_run` has the workspace's gateway start what its triggers want. `may_send` is for how many seconds requests may
    still be sent, as `Pace` has it. Raises LedgerError.
    """
    config, known = assignment.config, ledger.workspace(name)
    monitor = SourceMonitor(name, config, known, clock, assignment.environ)
    made = Workers(
        poller=Poller(
            next(one for one in config.workspaces if one.name == name),
            config,
            assignment.tokens[name],
            known,
            clock=clock,
            rng=random.Random(),  # noqa: S311 - jitter
            may_send=may_send,
        ),
        monitor=monitor,
        warehouse=WarehouseMonitor(name, config, known, clock, assignment.environ),
        auditor=Auditor(known, config, clock),
        closing=PeriodClosing(PeriodCloser(ledger, name, config), clock),
        triggers=TriggerRunner(name, config, known, clock, assignment.environ, look=monitor.look, ask=ask_run),
        clock=clock,
    )
    made.poller.load()
    return made


def ask_run(starters: Mapping[str, Callable[[RunRequest], Future[RunAnswer]]], workspace: str) -> Ask:
    """What asks the workspace's gateway for the runs of triggers, once it is open."""

    async def ask(request: RunRequest) -> RunAnswer:
        start = starters.get(workspace)
        if start is None:
            return RunAnswer(kind="wait", message="the gateway is not open")
        return await asyncio.wrap_future(start(request))

    return ask
