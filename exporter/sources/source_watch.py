"""The watch over the sources of one workspace: each is probed in its own time, and none waits for another."""

import asyncio
import random
import traceback
from collections import deque
from collections.abc import Mapping

import httpx
import structlog

from exporter.clock import Clock
from exporter.config import Config
from exporter.errors import LedgerError
from exporter.ledger import WorkspaceLedger
from exporter.sources.probe import Probe, ProbeError
from exporter.sources.probe_assignments import ProbeAssignment, ProbeAssignments
from exporter.sources.probe_factory import Probes
from exporter.sources.probe_schedule import ProbeSchedule
from exporter.sources.run_judging import Judge

_log = structlog.get_logger()

_LOOK_SECONDS = 1.0
_SHORTEST_LOOK_SECONDS = 0.25
_LANES = 4
_LANES_OF_FAILED = 2


class SourceWatch:
    """Probes each distinct source of a workspace's projects on its interval and keeps what it saw in the ledger.

    Of one entry of the configuration at most four sources are probed at a time, and at most two that failed last
    time, so that a database that hangs delays neither the others nor, for long, its own. After each probe that told
    the state the projects' observed runs are judged by it. For use in the event loop of the thread that writes the
    ledger; databases and files are read in threads of their own.
    """

    def __init__(
        self,
        workspace_name: str,
        config: Config,
        ledger: WorkspaceLedger,
        clock: Clock,
        environ: Mapping[str, str],
        *,
        rng: random.Random | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._duties = ProbeAssignments(config, workspace_name)
        self._timetable = ProbeSchedule(rng or random.Random())  # noqa: S311 - jitter
        self._makes = Probes(ledger, clock, environ, transport)
        self._judge = Judge(ledger)
        self._probes: dict[str, Probe] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._lanes: dict[str, set[str]] = {}
        self._waiting: dict[str, deque[ProbeAssignment]] = {}
        self._said: dict[str, str] = {}
        self._log = _log.bind(workspace=workspace_name)

    async def run(self) -> None:
        """Watch for ever; ends only by cancellation. A fault of this program is logged and the watch goes on."""
        while True:
            try:
                wait_seconds = self.step()
            except LedgerError as error:
                self._say("", str(error))
                wait_seconds = _LOOK_SECONDS
            except Exception:
                self._log.exception("The watch over sources stumbled")
                wait_seconds = _LOOK_SECONDS
            await self._clock.sleep(wait_seconds)

    async def aclose(self) -> None:
        """Drop the probes that are under way; what is recorded stays."""
        self._waiting = {}
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for probe in self._probes.values():
            await probe.aclose()

    def step(self) -> float:
        """Begin the probes that are due and may run; seconds until another look is worth it."""
        duties = self._duties.of(self._ledger.projects())
        self._forget_all_but(duties)
        self._free_lanes()
        now = self._clock.monotonic()
        soonest = now + _LOOK_SECONDS
        self._waiting = {}
        for key, duty in duties.items():
            due = self._due(duty, now)
            if due > now:
                soonest = min(soonest, due)
            elif key not in self._lanes.get(duty.source.name, ()):
                self._waiting.setdefault(duty.source.name, deque()).append(duty)
        for entry in self._waiting:
            self._fill(entry)
        return max(_SHORTEST_LOOK_SECONDS, soonest - now)

    async def settled(self) -> None:
        """Return when no probe is under way, nor any that waited for one."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    def _due(self, duty: ProbeAssignment, now: float) -> float:
        due = self._timetable.due(duty.key)
        if due is not None:
            return due
        state = self._ledger.sources.states().get(duty.key)
        age_seconds = None
        if state is not None and state.digest is not None and state.failure is None:
            age_seconds = self._clock.now() - state.began_ms / 1000
        self._timetable.begin(duty.key, duty.source.every_seconds, now, age_seconds)
        return self._timetable.due(duty.key) or now

    def _fill(self, entry: str) -> None:
        """Begin what waits for a lane of this entry, as far as there are any."""
        lanes = self._lanes.setdefault(entry, set())
        waiting = self._waiting.get(entry, deque())
        failed = sum(map(self._timetable.has_failed, lanes))
        kept: deque[ProbeAssignment] = deque()
        while waiting and len(lanes) < _LANES:
            duty = waiting.popleft()
            has_failed = self._timetable.has_failed(duty.key)
            if has_failed and failed >= _LANES_OF_FAILED:
                kept.append(duty)
                continue
            failed += has_failed
            lanes.add(duty.key)
            self._begin(duty)
        waiting.extendleft(reversed(kept))

    def _begin(self, duty: ProbeAssignment) -> None:
        if duty.key not in self._probes:
            self._probes[duty.key] = self._makes.make(duty.source, duty.project_ids[0])
        task = asyncio.ensure_future(self._probe(duty, self._probes[duty.key]))
        self._running[duty.key] = task
        task.add_done_callback(lambda _: self._ended(duty))

    def _ended(self, duty: ProbeAssignment) -> None:
        del self._running[duty.key]
        if not self._probes[duty.key].is_stuck:
            self._lanes[duty.source.name].discard(duty.key)
            self._fill(duty.source.name)

    def _free_lanes(self) -> None:
        """Take back the lanes of probes that were stuck and are no longer."""
        for lanes in self._lanes.values():
            lanes -= {key for key in lanes if key not in self._running and not self._probes[key].is_stuck}

    async def _probe(self, duty: ProbeAssignment, probe: Probe) -> None:
        began, began_ms = self._clock.monotonic(), round(self._clock.now() * 1000)
        try:
            digest = await probe.state()
        except ProbeError as error:
            self._failed(duty, str(error))
            return
        except Exception as error:
            # What it says may hold a secret of the source.
            self._failed(duty, f"a fault of this program: {_whence(error)}")
            return
        finished_ms = began_ms + max(0, round((self._clock.monotonic() - began) * 1000))
        self._timetable.succeeded(duty.key, duty.source.every_seconds, began)
        try:
            self._ledger.sources.record(duty.key, digest, began_ms, finished_ms)
            self._unsay(duty)
            await self._judge_runs(duty, began_ms, finished_ms)
        except LedgerError as error:
            self._say("", str(error))
        except Exception:
            self._log.exception("What a source told cannot be used", source=duty.source.name)

    async def _judge_runs(self, duty: ProbeAssignment, began_ms: int, now_ms: int) -> None:
        members = set(duty.project_ids)
        for known in self._ledger.projects():
            if known.project.project_id in members:
                self._judge.judge(known, duty.key, duty.source.every_seconds, began_ms, now_ms)
                # The loop also polls Hex.
                await asyncio.sleep(0)

    def _failed(self, duty: ProbeAssignment, reason: str) -> None:
        self._timetable.failed(duty.key, duty.source.every_seconds, self._clock.monotonic())
        if self._said.get(duty.key) != reason:
            self._said[duty.key] = reason
            about = {"project_id": duty.project_ids[0]} if duty.source.is_per_project else {}
            self._log.warning("The source cannot be asked", source=duty.source.name, reason=reason, **about)
        try:
            self._ledger.sources.record_failure(duty.key, reason, round(self._clock.now() * 1000))
        except LedgerError as error:
            self._say("", str(error))

    def _say(self, key: str, reason: str) -> None:
        if self._said.get(key) != reason:
            self._said[key] = reason
            self._log.error("What sources told cannot be kept", reason=reason)

    def _unsay(self, duty: ProbeAssignment) -> None:
        self._said.pop("", None)
        if self._said.pop(duty.key, None) is not None:
            self._log.info("The source tells its state again", source=duty.source.name)

    def _forget_all_but(self, duties: Mapping[str, ProbeAssignment]) -> None:
        for key in [key for key in self._probes if key not in duties]:
            if key not in self._running and not self._probes[key].is_stuck:
                del self._probes[key]
                for lanes in self._lanes.values():
                    lanes.discard(key)
                self._timetable.forget(key)
                self._said.pop(key, None)


def _whence(error: Exception) -> str:
    """The error's kind and where it was raised."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {last.name}:{last.lineno}"
