"""The monitor of one workspace's sources: each is probed on its own interval, and none waits for another."""

import asyncio
import random
import traceback
from collections import deque
from collections.abc import Mapping

import httpx
import structlog

from exporter.clock import Clock
from exporter.conditions import Conditions
from exporter.config import Config
from exporter.errors import LedgerError
from exporter.ledger import WorkspaceLedger
from exporter.sources.probe import Probe, ProbeError
from exporter.sources.probe_assignments import ProbeAssignment, ProbeAssignments
from exporter.sources.probe_factory import ProbeFactory
from exporter.sources.probe_schedule import ProbeSchedule
from exporter.sources.run_judge import RunJudge

_log = structlog.get_logger()

_LOOK_SECONDS = 1.0  # projects and their sources change by a listing of Hex, minutes apart: a second is no delay
_SHORTEST_LOOK_SECONDS = 0.25
_SLOTS = 4
_SLOTS_OF_FAILED = 2
_LEDGER = "ledger"
_LOOP = "loop"


class SourceMonitor:
    """Probes each distinct source of a workspace's projects on its interval and records its states in the ledger.

    Of one entry of the configuration at most four sources are probed at a time, and at most two that failed last
    time, so that a database that hangs delays neither the others nor, for long, its own. After each probe that found
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
        self.workspace = workspace_name
        self._ledger = ledger
        self._clock = clock
        self._assignments = ProbeAssignments(config, workspace_name)
        self._schedule = ProbeSchedule(rng or random.Random())  # noqa: S311 - jitter
        self._factory = ProbeFactory(ledger, clock, environ, transport)
        self._judge = RunJudge(ledger)
        self._probes: dict[str, Probe] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._slots: dict[str, set[str]] = {}
        self._waiting: dict[str, deque[ProbeAssignment]] = {}
        # What those wait for who want a probe that begins after they came.
        self._looks: dict[str, asyncio.Future[bool]] = {}
        self._log = _log.bind(workspace=workspace_name)
        self._conditions = Conditions(self._log)

    async def run(self) -> None:
        """Go on until cancelled. A fault of this program is logged and the monitor goes on."""
        while True:
            try:
                wait_seconds = self.step()
                self._conditions.clear(_LOOP)
            except LedgerError as error:
                self._report_ledger(error)
                wait_seconds = _LOOK_SECONDS
            except Exception:
                self._conditions.report(_LOOP, "The monitor of sources failed", level="error", exc_info=True)
                wait_seconds = _LOOK_SECONDS
            await self._clock.sleep(wait_seconds)

    async def aclose(self) -> None:
        """Drop the probes that are under way; what is recorded stays."""
        self._waiting = {}
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for look in self._looks.values():
            _answer(look, False)
        for probe in self._probes.values():
            await probe.aclose()

    def step(self) -> float:
        """Begin the probes that are due and may run; seconds until another look is worth it."""
        assignments = self._assignments.of(self._ledger.projects())
        self._forget_all_but(assignments)
        self._free_slots()
        now = self._clock.monotonic()
        soonest = now + _LOOK_SECONDS
        self._waiting = {}
        for key, assignment in assignments.items():
            due = self._due(assignment, now)
            if due > now and key not in self._looks:
                soonest = min(soonest, due)
            elif key not in self._slots.get(assignment.source.name, ()):
                self._waiting.setdefault(assignment.source.name, deque()).append(assignment)
        for entry in self._waiting:
            self._fill(entry)
        return max(_SHORTEST_LOOK_SECONDS, soonest - now)

    async def look(self, key: str) -> bool:
        """Probe a source out of turn; whether a probe that began after this call found its state, which is recorded.

        False at once for a source that is not there, or whose last probe hangs. Who is cancelled here ends no probe.
        """
        assignment = self._assignments.of(self._ledger.projects()).get(key)
        if assignment is None:
            return False
        self._free_slots()
        is_probed = key in self._slots.get(assignment.source.name, ())
        if is_probed and key not in self._running:
            return False
        look = self._looks.get(key)
        if look is None:
            look = self._looks[key] = asyncio.get_running_loop().create_future()
            if not is_probed:
                self._begin_next(assignment)
        return await asyncio.shield(look)

    async def settled(self) -> None:
        """Return when no probe is under way, nor any that waited for one."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    def _due(self, assignment: ProbeAssignment, now: float) -> float:
        due = self._schedule.due(assignment.key)
        if due is not None:
            return due
        state = self._ledger.sources.states().get(assignment.key)
        age_seconds = None
        if state is not None and state.digest is not None and state.failure is None:
            age_seconds = self._clock.now() - state.began_ms / 1000
        return self._schedule.begin(assignment.key, assignment.source.every_seconds, now, age_seconds)

    def _fill(self, entry: str) -> None:
        """Begin what waits for a slot of this entry, as far as there are any."""
        slots = self._slots.setdefault(entry, set())
        waiting = self._waiting.get(entry, deque())
        failed = sum(map(self._schedule.has_failed, slots))
        kept: deque[ProbeAssignment] = deque()
        while waiting and len(slots) < _SLOTS:
            assignment = waiting.popleft()
            if assignment.key in slots:  # it was due as well as wanted at once
                continue
            has_failed = self._schedule.has_failed(assignment.key)
            if has_failed and failed >= _SLOTS_OF_FAILED:
                kept.append(assignment)
                continue
            failed += has_failed
            slots.add(assignment.key)
            self._begin(assignment)
        waiting.extendleft(reversed(kept))

    def _begin(self, assignment: ProbeAssignment) -> None:
        if assignment.key not in self._probes:
            self._probes[assignment.key] = self._factory.make(assignment.source, assignment.project_ids[0])
        look = self._looks.pop(assignment.key, None)
        task = asyncio.ensure_future(self._probe(assignment, self._probes[assignment.key], look))
        self._running[assignment.key] = task
        task.add_done_callback(lambda _: self._ended(assignment, look))

    def _begin_next(self, assignment: ProbeAssignment) -> None:
        """Begin a probe as soon as there is a slot, before those that are only due."""
        self._waiting.setdefault(assignment.source.name, deque()).appendleft(assignment)
        self._fill(assignment.source.name)

    def _ended(self, assignment: ProbeAssignment, look: "asyncio.Future[bool] | None") -> None:
        _answer(look, False)  # unless it was answered when the state was recorded
        del self._running[assignment.key]
        if self._probes[assignment.key].is_stuck:
            _answer(self._looks.pop(assignment.key, None), False)
            return
        self._slots[assignment.source.name].discard(assignment.key)
        if assignment.key in self._looks:
            self._begin_next(assignment)
        else:
            self._fill(assignment.source.name)

    def _free_slots(self) -> None:
        """Take back the slots of probes that were stuck and are no longer."""
        for slots in self._slots.values():
            slots -= {key for key in slots if key not in self._running and not self._probes[key].is_stuck}

    async def _probe(self, assignment: ProbeAssignment, probe: Probe, look: "asyncio.Future[bool] | None") -> None:
        began, began_ms = self._clock.monotonic(), round(self._clock.now() * 1000)
        digest, reason = await _outcome(probe)
        seconds = self._clock.monotonic() - began
        self._log_probe(assignment, seconds, reason)
        if digest is None:
            self._failed(assignment, reason)
            return
        finished_ms = began_ms + max(0, round(seconds * 1000))
        self._schedule.succeeded(assignment.key, assignment.source.every_seconds, began)
        try:
            self._ledger.sources.record(assignment.key, digest, began_ms, finished_ms, probe.stamp)
            _answer(look, True)
            self._conditions.clear(_LEDGER)
            self._conditions.clear(assignment.key, "The source can be probed again")
            await self._judge_runs(assignment, began_ms, finished_ms)
            self._conditions.clear(_judging(assignment))
        except LedgerError as error:
            self._report_ledger(error)
        except Exception:
            self._conditions.report(
                _judging(assignment),
                "The runs of a source cannot be judged",
                level="error",
                source=assignment.source.name,
                exc_info=True,
            )

    def _log_probe(self, assignment: ProbeAssignment, seconds: float, reason: str) -> None:
        outcome = {"outcome": "failed", "reason": reason} if reason else {"outcome": "ok"}
        self._log.debug("source_probe", **_about(assignment), milliseconds=round(seconds * 1000), **outcome)

    async def _judge_runs(self, assignment: ProbeAssignment, began_ms: int, now_ms: int) -> None:
        project_ids = set(assignment.project_ids)
        for known in self._ledger.projects():
            if known.project.project_id in project_ids:
                self._judge.judge(known, assignment.key, assignment.source.every_seconds, began_ms, now_ms)
                # The loop also polls Hex.
                await asyncio.sleep(0)

    def _failed(self, assignment: ProbeAssignment, reason: str) -> None:
        self._schedule.failed(assignment.key, assignment.source.every_seconds, self._clock.monotonic())
        self._conditions.report(assignment.key, "The source cannot be probed", **_about(assignment), reason=reason)
        try:
            self._ledger.sources.record_failure(assignment.key, reason, round(self._clock.now() * 1000))
        except LedgerError as error:
            self._report_ledger(error)

    def _report_ledger(self, error: LedgerError) -> None:
        self._conditions.report(_LEDGER, "Source states cannot be recorded", level="error", reason=str(error))

    def _forget_all_but(self, assignments: Mapping[str, ProbeAssignment]) -> None:
        for key in [key for key in self._probes if key not in assignments]:
            if key not in self._running and not self._probes[key].is_stuck:
                del self._probes[key]
                for slots in self._slots.values():
                    slots.discard(key)
                self._schedule.forget(key)
                self._conditions.forget(key)


async def _outcome(probe: Probe) -> tuple[str | None, str]:
    """The digest that the probe found, or None and why not."""
    try:
        return await probe.state(), ""
    except ProbeError as error:
        return None, str(error)
    except Exception as error:
        # Its text may hold a secret of the source.
        return None, f"a fault of this program: {_raised_at(error)}"


def _answer(look: "asyncio.Future[bool] | None", has_found: bool) -> None:
    if look is not None and not look.done():
        look.set_result(has_found)


def _about(assignment: ProbeAssignment) -> dict[str, str]:
    """The fields of a log line that name the source."""
    fields = {"source": assignment.source.name}
    return fields | ({"project_id": assignment.project_ids[0]} if assignment.source.is_per_project else {})


def _judging(assignment: ProbeAssignment) -> str:
    return f"judging {assignment.key}"


def _raised_at(error: Exception) -> str:
    """The error's kind and where it was raised."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} at {last.name}:{last.lineno}"
