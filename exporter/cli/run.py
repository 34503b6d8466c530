"""`run`: asks the gateway for a run, says what it did, and ends as the run ends."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from exporter.cli.run_destination import find_destination
from exporter.cli.run_inputs import read_inputs
from exporter.cli.run_progress import Progress
from exporter.client import LaterError, Reply, RunApi
from exporter.clock import Clock, SystemClock
from exporter.config import Sample
from exporter.errors import BadAnswerError, UnavailableError
from exporter.facts import ACTIVE_STATUSES, TERMINAL_STATUSES
from exporter.report import for_terminal
from exporter.service import configure_logs

Answer = TypeVar("Answer")

INTERRUPTED = 130
"""The exit status after Ctrl-C, as of a shell."""

_PROJECT_ID = re.compile(r"[A-Za-z0-9_-]+")
_POLL_SECONDS = 3.0
_STATUS_SECONDS = 60.0
_UNTOLD_SECONDS = 60.0
_OUTCOMES = {
    "hit": "hit     no run was started, an earlier result is still right",
    "miss": "miss    a run was started",
    "joined": "joined  an identical request was on its way already",
    "bypass": "bypass  a run was started without looking for an earlier result",
    "": "none    a run was started; the answer names no outcome, so no gateway was asked",
}


def run_run(
    config_file: Path | None,
    environ: Mapping[str, str],
    project_id: str,
    *,
    inputs: Sequence[str],
    gateway: str | None,
    allows_insecure: bool,
    is_fresh: bool,
    trial_header: str | None,
    waits: bool,
    timeout_seconds: float,
) -> int:
    """Ask for a run of the project; the exit status.

    0: it was granted, or with `waits`, it completed; 1: it did not, or not in time; 130: interrupted. Raises
    ConfigError for what a person must mend, ApiError for what was refused, click.UsageError for inputs.
    """
    configure_logs("error", "logfmt")
    if not _PROJECT_ID.fullmatch(project_id):
        raise click.BadParameter("expected the id of a project, as its address in Hex has it", param_hint="PROJECT_ID")
    values = read_inputs(inputs)
    body = {"inputParams": values} if values else {}
    headers = {"Cache-Control": "no-cache"} if is_fresh else {}
    if trial_header is not None:
        headers[_own_header(trial_header)] = "1"
    destination = find_destination(config_file, environ, gateway, allows_insecure=allows_insecure)
    api = RunApi(destination, certificates=environ.get("SSL_CERT_FILE"))
    with Progress(Console(soft_wrap=True, highlight=False)) as progress:
        errand = RunCommand(api, project_id, progress, SystemClock(), timeout_seconds)
        try:
            return asyncio.run(errand.run(body, headers, waits=waits))
        except KeyboardInterrupt:
            progress.say(f"interrupted; {errand.left_behind}")
            return INTERRUPTED


def _own_header(name: str) -> str:
    """The header's name, by the rules of the configuration; raises click.BadParameter."""
    try:
        return Sample(header=name, parameter="any", value=True).header
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--trial") from None


class RunCommand:
    """One run, from the question to its end, within so many seconds."""

    def __init__(self, api: RunApi, project_id: str, progress: Progress, clock: Clock, timeout_seconds: float) -> None:
        self._api = api
        self._project_id = project_id
        self._progress = progress
        self._clock = clock
        self._timeout_seconds = timeout_seconds
        self._deadline = clock.monotonic() + timeout_seconds
        self.left_behind = "whether a run was started is not known"
        """What an interruption leaves as it is."""

    async def run(self, body: Mapping[str, Any], headers: Mapping[str, str], *, waits: bool) -> int:
        """Ask, say what came of it, and with `waits` follow the run to its end; the exit status. Raises ApiError."""
        try:
            self._progress.doing("asking for a run")
            started = await self._patiently(lambda: self._api.start(self._project_id, body, headers, self._left))
            run_id = started.text("runId")
            if not run_id:
                raise BadAnswerError("run_project", "an answer without a runId")
            self._tell(started, run_id)
            return await self._follow(run_id) if waits else 0
        finally:
            await self._api.aclose()

    def _tell(self, started: Reply, run_id: str) -> None:
        run_id, url = for_terminal(run_id), for_terminal(started.text("runUrl"))
        self.left_behind = f"run {run_id} goes on"
        self._progress.say(_OUTCOMES.get(started.outcome, f"{started.outcome}  a run was granted"))
        self._progress.say(f"run     {run_id}")
        if url:
            self._progress.say(f"see     {url}")

    async def _follow(self, run_id: str) -> int:
        """Ask again and again until the run is over."""
        while True:
            reply = await self._patiently(lambda: self._status(run_id))
            if reply is not None:
                status = reply.text("status").lower()
                if status not in ACTIVE_STATUSES and (status in TERMINAL_STATUSES or reply.text("endTime")):
                    self._progress.say(f"ended   {for_terminal(status)}{_duration(reply)}")
                    return 0 if status == "completed" else 1
                self._progress.doing(f"{for_terminal(status) or 'started'}")
            await self._sleep(_POLL_SECONDS, f"run {for_terminal(run_id)} has not ended")

    async def _status(self, run_id: str) -> Reply | None:
        """None where there was no answer just now: the run goes on, whatever becomes of a question."""
        try:
            return await self._api.status(self._project_id, run_id, min(_STATUS_SECONDS, self._left))
        except UnavailableError as error:
            self._progress.say(f"no answer ({error}), asking again")
            return None

    async def _patiently(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What is answered in the end: a 429, and a 503 that says when, are waited out for as long as they say."""
        while True:
            try:
                return await ask()
            except LaterError as later:
                seconds = max(1.0, _UNTOLD_SECONDS if later.seconds is None else later.seconds)
                self._progress.doing(f"{later.status} {later.reason}; again in {seconds:.0f} s")
                await self._sleep(seconds, f"{later.status} {later.reason}")

    async def _sleep(self, seconds: float, why: str) -> None:
        """Wait, unless the time would be up by then: raises UnavailableError."""
        if seconds >= self._left:
            raise UnavailableError("run", f"{why}, and the {self._timeout_seconds:.0f} s of --timeout are over")
        await self._clock.sleep(seconds)

    @property
    def _left(self) -> float:
        return self._deadline - self._clock.monotonic()


def _duration(reply: Reply) -> str:
    milliseconds = reply.fields.get("elapsedTime")
    if isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool):
        return f" after {milliseconds / 1000:.0f} s"
    return ""
