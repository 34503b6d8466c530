"""What the exporter itself has read of the gateway's runs: ends that no caller polled for, and runs in doubt.

A run of which neither is ever read gives up its place when its lease is over.
"""

import math
from collections import defaultdict
from typing import NamedTuple

import structlog

from exporter.errors import LedgerError
from exporter.facts import Run
from exporter.gateway.context import GatewayContext
from exporter.gateway.runs.active_run import LEASE_SECONDS, ActiveRun
from exporter.gateway.runs.recovery import verdict, window
from exporter.gateway.runs.registry import RunRegistry

_EARLIER_MS = 60_000
"""How much earlier than it was sent a run may have started, by clocks that differ, for its end to be looked up."""

_AHEAD_MS = 86_400_000
"""How far ahead of this clock Hex's may put the start of a run."""

_log = structlog.get_logger()


class _Seen(NamedTuple):
    """What the ledger had of a project's runs at a look: where all of it is the same, there is nothing to take in."""

    run_ids: frozenset[str | None]
    revision: int
    read_ms: int | None
    is_dated: bool


class LedgerWatcher:
    """Takes into the registry what the ledger has of its runs. Used on one event loop."""

    def __init__(self, context: GatewayContext, registry: RunRegistry) -> None:
        self._context = context
        self._registry = registry
        self._seen: dict[str, _Seen] = {}

    async def look(self) -> None:
        """Take in what has been read by now. Raises LedgerError for runs in doubt; nothing is lost then."""
        await self._look_for_ends()
        self._expire_leases()
        for run in self._registry.in_doubt():
            await self._resolve(run)

    async def _look_for_ends(self) -> None:
        running: dict[str, list[ActiveRun]] = defaultdict(list)
        for run in self._registry.running():
            running[run.sent.project_id].append(run)
        before, self._seen = self._seen, {}
        for project_id, runs in running.items():
            since_ms = min(run.sent.sent_ms for run in runs) - _EARLIER_MS
            now_ms = self._context.now_ms()
            known = self._context.ledger.project(project_id)
            read_ms = None if known is None else known.progress.last_read_ms
            # Read in the future: the clock was put back since, and it is not known when that was.
            age_ms = None if read_ms is None or read_ms > now_ms else now_ms - read_ms
            revision = self._context.ledger.runs_revision(since_ms, max(since_ms, now_ms) + _AHEAD_MS)
            mark = _Seen(frozenset(run.run_id for run in runs), revision, read_ms, age_ms is not None)
            if before.get(project_id) != mark:
                try:
                    seen = await self._runs(project_id, since_ms, None)
                except LedgerError as error:
                    _log.warning("The gateway cannot read the ledger", reason=str(error))
                    return
                seen_at = -math.inf if age_ms is None else self._context.clock.monotonic() - age_ms / 1000
                for one in seen:
                    self._registry.take_in(one, seen_at)
            self._seen[project_id] = mark

    def _expire_leases(self) -> None:
        now = self._context.clock.monotonic()
        for run in self._registry.running():
            if now - max(run.started_at, run.leased_at) >= LEASE_SECONDS:
                self._registry.expire_lease(run)

    async def _resolve(self, run: ActiveRun) -> None:
        """Find the run that one in doubt became, or that there is none."""
        intent = run.sent
        since_ms, until_ms = window(intent)
        runs = await self._runs(intent.project_id, since_ms, until_ms)
        projects = self._context.ledger.projects(include_gone=True)
        progress = next((one.progress for one in projects if one.project.project_id == intent.project_id), None)
        known_until_ms = None if progress is None else progress.known_until_ms
        found = verdict(intent, runs, self._registry.run_ids(), known_until_ms, self._context.now_ms())
        if found is None:
            return
        if found.run is not None:
            await self._registry.found(run, found.run.run_id)
            _log.info("A run that was sent has been found", project_id=intent.project_id, run_id=found.run.run_id)
        elif run.has_failed:
            await self._registry.give_up(run, "not_started")
        else:
            await self._registry.give_up(run, "unknown")
            self._context.journal.count("hex_gateway_unknown_runs_total")
            _log.warning(
                "Whether a run was started is not known, it is not sent again",
                project_id=intent.project_id,
                sent_ms=intent.sent_ms,
                reason=found.why,
            )

    async def _runs(self, project_id: str, since_ms: int, until_ms: int | None) -> list[Run]:
        def read() -> list[Run]:
            return list(self._context.ledger.runs_between(since_ms, until_ms, project_id))

        return await self._context.journal.read(read)
