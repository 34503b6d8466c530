"""One run, requested of the gateway and followed to its end, with a word on each step for whoever waits."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeVar

from exporter.client.run_api import LaterError, Reply, RunApi
from exporter.clock import Clock
from exporter.errors import BadAnswerError, UnavailableError
from exporter.facts import ACTIVE_STATUSES, TERMINAL_STATUSES
from exporter.report import for_terminal

Answer = TypeVar("Answer")

_POLL_SECONDS = 3.0
"""How often the status of a running run is requested: prompt for whoever waits, and 20 requests a minute at most."""

_STATUS_SECONDS = 60.0
"""How long one answer about a status may take before it is requested again."""

_DEFAULT_WAIT_SECONDS = 60.0
"""How long to wait after a refusal that names no time: Hex counts requests by the minute."""

_OUTCOMES = {
    "hit": "hit     no run was started, an earlier result is still right",
    "miss": "miss    a run was started",
    "joined": "joined  an identical request was on its way already",
    "bypass": "bypass  a run was started without looking for an earlier result",
    "": "none    a run was started; the answer names no outcome, so there was no gateway",
}


class Progress(Protocol):
    """Where the steps are shown."""

    def doing(self, what: str) -> None:
        """What is going on from now on."""

    def say(self, sentence: str) -> None:
        """A line that stays."""


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
        """Ask, say the outcome, and with `waits` follow the run to its end; the exit status. Raises ApiError."""
        try:
            self._progress.doing("requesting a run")
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
        if started.reason:
            self._progress.say(f"why     {for_terminal(started.reason.removeprefix(f'{started.outcome}: '))}")
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
            self._progress.say(f"no answer ({error}), trying again")
            return None

    async def _patiently(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What is answered in the end: a 429, and a 503 that says when, are waited out for as long as they say."""
        while True:
            try:
                return await ask()
            except LaterError as later:
                named = later.retry_after_seconds
                seconds = max(1.0, _DEFAULT_WAIT_SECONDS if named is None else named)
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
