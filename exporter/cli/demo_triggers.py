"""The demo's triggers: two projects that run when a file changes, and a dry run in the place of an hourly schedule."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from exporter.clock import SystemClock
from exporter.config import Config
from exporter.errors import LedgerError
from exporter.ledger import SourceRepository, open_ledger
from exporter.simulator import Simulation

ORDERS = "orders.csv"

_LOAD_SECONDS = 240.0
"""How often rows are loaded into the file: a run of the two projects follows within a minute."""

_FIRST_LOAD_SECONDS = 90.0
"""By then the source has been seen: what changes before is no change."""

_ON_CHANGE = 2
_WATCHED_MS = 28 * 86_400_000
_PROBE_MS = 60_000


@dataclass(frozen=True, slots=True)
class DemoTriggers:
    """The ids of the projects that run on change, and of the planted one with an hourly schedule (None: none)."""

    on_change: tuple[str, ...]
    hourly: str | None

    def configured(self, template: str, folder: Path) -> str:
        """The demo's configuration with the source of these projects, and their triggers."""
        if not self.on_change:
            return template
        orders = folder / ORDERS
        sources = [
            f'  - {{match: {{project_id: "{one}"}}, file: {{paths: ["{orders}"]}}, every: 15s}}\n'
            for one in self.on_change
        ]
        real = f'settle: 30s, dry_run: false, token_file: "{folder / "token"}"'
        triggers = [f'  - {{match: {{project_id: "{one}"}}, {real}}}\n' for one in self.on_change]
        if self.hourly is not None:
            triggers.append(
                "  # In the place of its hourly schedule: `hex-exporter audit` shows what that would save.\n"
                f'  - {{match: {{project_id: "{self.hourly}"}}, settle: 1m}}\n'
            )
        first = f"\nsources:\n  # A line more in this file starts two runs.\n{''.join(sources)}"
        last = f"# Run when the data changed: {orders} grows every four minutes.\ntriggers:\n{''.join(triggers)}"
        return template.replace("\nsources:\n", first, 1).rstrip("\n") + f"\n\n{last}"


def demo_triggers(simulation: Simulation, taken: Collection[str]) -> DemoTriggers:
    """The shortest projects without a schedule that nothing else runs, and the first planted one that runs hourly."""
    free = [
        one
        for one in simulation.projects
        if one.is_runnable and not one.schedules and one.project_id not in taken and one is not simulation.planted
    ]
    free.sort(key=lambda one: one.median_seconds)
    hourly = next((one.project_id for one in simulation.projects if one.sort == "abandoned"), None)
    return DemoTriggers(tuple(one.project_id for one in free[:_ON_CHANGE]), hourly)


async def load_orders(folder: Path) -> None:
    """Append a row to the file now and then, until cancelled."""
    await asyncio.sleep(_FIRST_LOAD_SECONDS)
    while True:
        load_order(folder)
        await asyncio.sleep(_LOAD_SECONDS)


def load_order(folder: Path) -> None:
    """One row more in the file."""
    with (folder / ORDERS).open("a", encoding="utf-8") as orders:
        orders.write(f"{orders.tell()},1\n")


def remember_changes(config: Config, simulation: Simulation, project_id: str | None) -> None:
    """Have the ledger know what probes would have seen of a project's source in four weeks, if any had been there.

    So the demo's audit has measured what takes a week to measure. A ledger that cannot be written says so later.
    """
    if project_id is None:
        return
    workspace = config.workspaces[0].name
    try:
        ledger = open_ledger(config.storage.url, clock=SystemClock())
    except LedgerError:
        return
    try:
        known = ledger.workspace(workspace)
        source = next((one for one in config.sources if one.name == "warehouse"), None)
        if source is not None:
            _write(known.sources, source.key(project_id), simulation, project_id)
    except LedgerError:
        pass
    finally:
        ledger.close()


def _write(sources: SourceRepository, key: str, simulation: Simulation, project_id: str) -> None:
    now_ms, state = simulation.now_ms, sources.states().get(key)
    since_ms = now_ms - _WATCHED_MS
    digest = "0"
    if state is not None and state.digest is not None:
        since_ms, digest = max(since_ms, state.finished_ms), state.digest
    sources.record(key, digest, since_ms, since_ms)
    backwards = (at for _, at in simulation.by_id[project_id].source.backwards(now_ms))
    changes = list(takewhile(lambda at_ms: at_ms > since_ms + _PROBE_MS, backwards))
    for at_ms in reversed(changes):
        sources.record(key, digest, at_ms - _PROBE_MS, at_ms - _PROBE_MS)
        digest = str(at_ms)
        sources.record(key, digest, at_ms, at_ms)
    sources.record(key, digest, now_ms, now_ms)
