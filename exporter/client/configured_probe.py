"""Probing the source that a configuration gives a project, without a running exporter."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from exporter.client.quiet_logs import keep_output_clean
from exporter.clock import SystemClock
from exporter.config import Config, read_config_file
from exporter.facts import Project
from exporter.ledger import open_ledger
from exporter.sources import ProbeError, try_sources


def configured_probe(
    config_file: Path, project_id: str, workspace: str | None, environ: Mapping[str, str]
) -> Callable[[], str]:
    """As `configured_source`."""
    keep_output_clean()
    config = read_config_file(config_file, environ)
    name = workspace or config.workspaces[0].name
    if config.source_of(name, Project(project_id=project_id)) is None:
        raise ValueError(f"no entry of `sources` in {config_file} is for project {project_id}; match it by project_id")

    def probe() -> str:
        return asyncio.run(_probed(config, name, project_id, environ))

    return probe


async def _probed(config: Config, workspace: str, project_id: str, environ: Mapping[str, str]) -> str:
    clock = SystemClock()
    ledger = open_ledger("sqlite://", clock=clock)
    try:
        known = ledger.workspace(workspace)
        known.record_projects([Project(project_id=project_id, published_ms=0)], round(clock.now() * 1000))
        async for one in try_sources(known, config, clock, environ):
            if project_id in one.project_ids:
                if one.digest is None:
                    raise ProbeError(one.failure or "no state")
                return one.digest
        raise ProbeError(f"the source of project {project_id} was not probed")
    finally:
        ledger.close()
