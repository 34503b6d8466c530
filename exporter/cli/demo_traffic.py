"""A tool that triggers runs at will, as many workspaces have one: what the demo's gateway has to do with."""

import asyncio
from collections.abc import Sequence
from itertools import cycle

import httpx
import structlog

_EVERY_SECONDS = 15.0
_LOOK_SECONDS = 5.0
_PATIENCE_SECONDS = 120.0
_OVER = frozenset({"COMPLETED", "ERRORED", "KILLED", "UNABLE_TO_ALLOCATE_KERNEL"})

_log = structlog.get_logger()


async def trigger(base_url: str, token: str, project_ids: Sequence[str]) -> None:
    """Ask for a run every fifteen seconds, of one project after the other, and follow each to its end, until cancelled.

    `base_url` is the gateway's, as a client of Hex would be given it.
    """
    headers = {"Authorization": f"Bearer {token}"}
    client = httpx.AsyncClient(base_url=base_url, headers=headers, timeout=_PATIENCE_SECONDS, trust_env=False)
    async with client, asyncio.TaskGroup() as requests:
        for project_id in cycle(project_ids):
            requests.create_task(_run(client, project_id))
            await asyncio.sleep(_EVERY_SECONDS)


async def _run(client: httpx.AsyncClient, project_id: str) -> None:
    try:
        run = await _started(client, project_id)
        address, status = f"/projects/{project_id}/runs/{run['runId']}", ""
        while status not in _OVER:
            status = (await client.get(address)).raise_for_status().json()["status"]
            await asyncio.sleep(_LOOK_SECONDS)
    except (httpx.HTTPError, ValueError, KeyError) as error:
        _log.debug("The demo's client got no result", project_id=project_id, reason=f"{type(error).__name__}: {error}")


async def _started(client: httpx.AsyncClient, project_id: str) -> dict[str, str]:
    """The answer to a run request, sent again for as long as the gateway answers 429."""
    while True:
        answer = await client.post(f"/projects/{project_id}/runs")
        if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
            started: dict[str, str] = answer.raise_for_status().json()
            return started
        await asyncio.sleep(float(answer.headers.get("Retry-After", _LOOK_SECONDS)))
