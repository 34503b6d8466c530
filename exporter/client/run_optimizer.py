"""Run if the data changed, else the last result: by the rules of the run gateway, without a gateway.

A result is given again only if it completed, the same was requested of the same published version, and its source is
in the state that it had when that run was sent, and was in no other whenever it was looked at since.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from exporter import strict_json
from exporter.client.hex_client import AsyncHexClient, HexClient
from exporter.client.result_memory import FileMemory, Memory, ProcessMemory, Remembered
from exporter.client.run import Run
from exporter.client.source_states import SourceState, source_digest
from exporter.errors import ApiError
from exporter.request_digest import request_digest

Fingerprint = Callable[[str, str, Mapping[str, Any]], str]
"""Of project id, published version and inputs, the same text if, and only if, one run answers both requests."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a request was given: `hit` is whether an earlier run answers it, so that none was started.

    `status` is that of the run, in lower case; `reason` says in one sentence why.
    """

    hit: bool
    run_id: str
    run_url: str
    status: str
    reason: str


def request_fingerprint(project_id: str, version: str, inputs: Mapping[str, Any]) -> str:
    """The default, and that of the gateway: key order and number forms (`1`, `1.0`) do not matter."""
    meaning = {"inputParams": strict_json.plain(dict(inputs))} if inputs else {}
    return request_digest(project_id, version, meaning)


class AsyncRunOptimizer:
    """Runs a project only if that can give another result. For one event loop, by any number of its tasks.

    `memory` is a path or a `Memory`; without one, results are forgotten when the program ends. Results cross no
    midnight of `timezone`, unless `day_changes` is False: many notebooks have "today" in them.
    """

    def __init__(
        self,
        client: AsyncHexClient,
        *,
        fingerprint: Fingerprint = request_fingerprint,
        memory: Memory | str | Path | None = None,
        day_changes: bool = True,
        timezone: str = "UTC",
    ) -> None:
        self._client = client
        self._fingerprint = fingerprint
        self._memory = _memory(memory)
        self._day_changes = day_changes
        self._zone = ZoneInfo(timezone)
        self._lines: dict[str, asyncio.Lock] = {}

    async def run_if_changed(
        self,
        project_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        source: SourceState = None,
        max_age: timedelta | float | None = None,
        force: bool = False,
        trial: bool = False,
        timeout_seconds: float | None = None,
    ) -> RunResult:
        """The result of the request: an earlier one where its source is unchanged, else that of a run, once it ends.

        Without a source, or with `force`, it runs. `max_age` (a timedelta or seconds): an older result answers nothing.
        Requests of the same at the same time wait for one run. A `trial` runs on the client's sample, and answers only
        trials. Raises what `AsyncHexClient.run` and the source raise.
        """
        inputs = self._client.inputs_of(inputs, trial)
        version = await self._published(project_id)
        key = self._fingerprint(project_id, version, inputs)
        async with self._lines.setdefault(key, asyncio.Lock()):
            state = await source_digest(source)
            known = self._seen(key, state)
            reason = "a run was wanted in any case" if force else self._refusal(known, state, max_age)
            if reason is None and known is not None:
                found = await self._again(key, project_id, known, timeout_seconds)
                if found is not None:
                    return found
                reason = "the last run of this request did not complete"
            return await self._run(key, project_id, inputs, state, source, timeout_seconds, reason or "")

    async def _published(self, project_id: str) -> str:
        project = await self._client.read(f"projects/{project_id}")
        return str(project.get("lastPublishedAt"))

    def _seen(self, key: str, state: str | None) -> Remembered | None:
        """The last run; once its source was seen in another state, that is never forgotten."""
        known = self._memory.get(key)
        if known is not None and known.is_undisturbed and state != known.state:
            known = replace(known, is_undisturbed=False)
            self._memory.put(key, known)
        return known

    def _refusal(self, known: Remembered | None, state: str | None, max_age: timedelta | float | None) -> str | None:
        """Why the last run answers nothing; None if it does."""
        if state is None:
            return "the state of its source is not known"
        if known is None:
            return "no run of this request is remembered"
        if not known.is_undisturbed or known.state != state:
            return "the source has changed since the last run was sent"
        now = self._client.clock.now()
        seconds = max_age.total_seconds() if isinstance(max_age, timedelta) else max_age
        if seconds is not None and not 0 <= now - known.sent <= seconds:
            return "the last run is older than max_age"
        if self._day_changes and self._day(now) != self._day(known.sent):
            return "the last run is from another day"
        return None

    def _day(self, at: float) -> object:
        return datetime.fromtimestamp(at, self._zone).date()

    async def _again(
        self, key: str, project_id: str, known: Remembered, timeout_seconds: float | None
    ) -> RunResult | None:
        """The last run as a result, None if it did not end well; one that was left running is waited for."""
        if known.status != "completed":
            try:
                run = await self._client.wait(project_id, known.run_id, timeout_seconds=timeout_seconds)
            except ApiError:
                return None
            known = replace(known, status=run.status)
            self._memory.put(key, known)
            if not run.is_completed:
                return None
        return RunResult(True, known.run_id, known.url, known.status, "the source is as it was when that run was sent")

    async def _run(
        self,
        key: str,
        project_id: str,
        inputs: Mapping[str, Any],
        state: str | None,
        source: SourceState,
        timeout_seconds: float | None,
        reason: str,
    ) -> RunResult:
        sent = self._client.clock.now()

        def remember(run: Run) -> None:
            if state is not None:
                self._memory.put(key, Remembered(run.run_id, run.url, run.status, state, sent))

        run = await self._client.run(project_id, inputs, timeout_seconds=timeout_seconds, on_started=remember)
        remember(run)
        if state is not None and run.is_completed:
            self._seen(key, await source_digest(source))
        return RunResult(False, run.run_id, run.url, run.status, reason)


class RunOptimizer:
    """The same for programs without an event loop, from any number of threads."""

    def __init__(self, client: HexClient, **settings: Any) -> None:
        """Settings as of `AsyncRunOptimizer`."""
        self._client = client
        self._optimizer = AsyncRunOptimizer(client.asynchronous, **settings)

    def run_if_changed(self, project_id: str, inputs: Mapping[str, Any] | None = None, **more: Any) -> RunResult:
        """As `AsyncRunOptimizer.run_if_changed`."""
        return self._client.call(self._optimizer.run_if_changed(project_id, inputs, **more))


def _memory(given: Memory | str | Path | None) -> Memory:
    if given is None:
        return ProcessMemory()
    return FileMemory(given) if isinstance(given, str | Path) else given
