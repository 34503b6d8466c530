"""Runs projects whose source has changed, or says what it would run: what is due is decided purely, and kept first."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from exporter import strict_json
from exporter.clock import Clock
from exporter.conditions import Conditions
from exporter.config import BudgetBrake, Config, Trigger
from exporter.errors import LedgerError
from exporter.facts import Project
from exporter.hexapi import Secret
from exporter.insight import replaced_firings
from exporter.ledger import Amounts, TriggerState, WorkspaceLedger, observed
from exporter.sources import Credential, ProbeError, SourceStatus, source_status
from exporter.triggers.decision import OUTCOMES, Event, Rule, RunAnswer, Seen, Step, answered, step

LOOK_SECONDS = 2.0
"""How often it is looked whether something is due: sources are probed at seconds at the least."""

_LEDGER = "ledger"
_LOOP = "loop"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A run to be started. `name` identifies the request: the same one gives the same run. `inputs` by name.

    `is_forced`: no earlier result answers it. `named_ms`: since when the request may have been made. `brake`: the
    trigger's own, None where that of the policy applies.
    """

    project_id: str
    name: str
    token: Secret = field(repr=False)
    inputs: Mapping[str, object]
    is_forced: bool = False
    named_ms: int = 0
    brake: BudgetBrake | None = None


Ask = Callable[[RunRequest], Awaitable[RunAnswer]]
"""Asks the gateway for a run; returns when it is known whether there is one, or that it has to be requested again."""


class TriggerRunner:
    """The triggers of one workspace. For the event loop of the thread that probes its sources.

    `look` probes a source now, as `SourceMonitor.look` does. A request is in the ledger before it is sent.
    """

    def __init__(
        self,
        workspace_name: str,
        config: Config,
        ledger: WorkspaceLedger,
        clock: Clock,
        environ: Mapping[str, str],
        *,
        look: Callable[[str], Awaitable[bool]],
        ask: Ask,
    ) -> None:
        self.workspace = workspace_name
        self._config = config
        self._ledger = ledger
        self._clock = clock
        self._environ = environ
        self._look = look
        self._ask = ask
        self._timezone = config.week(workspace_name).timezone
        self._placed: dict[str, tuple[Project, Trigger | None]] = {}
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._log = _log.bind(workspace=workspace_name)
        self._conditions = Conditions(self._log)

    async def run(self) -> None:
        """Go on until cancelled. A fault of this program is logged and the triggers go on."""
        if not self._config.triggers:
            return
        while True:
            try:
                self.step()
                self._conditions.clear(_LOOP)
                self._conditions.clear(_LEDGER, "The triggers' states can be kept again")
            except LedgerError as error:
                self._conditions.report(_LEDGER, "The triggers' states cannot be kept", reason=str(error))
            except Exception:
                self._conditions.report(_LOOP, "The triggers failed", level="error", exc_info=True)
            await self._clock.sleep(LOOK_SECONDS)

    async def aclose(self) -> None:
        """Drop what is under way; the gateway goes on with what was requested, and gets the request again."""
        tasks = list(self._busy.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def step(self) -> None:
        """Decide on every project once. Raises LedgerError for what cannot be kept; nothing follows of that then."""
        sourceless: Counter[int] = Counter()
        for project, trigger in self._triggered():
            source = self._source(project)
            if source.source is None and trigger.latest_seconds is None:
                sourceless[self._config.triggers.index(trigger)] += 1
            elif project.project_id not in self._busy:
                self._decide(project, trigger, source)
        self._report_sourceless(sourceless)

    async def settled(self) -> None:
        """Return when no request is open."""
        while self._busy:
            await asyncio.wait(list(self._busy.values()))

    def _triggered(self) -> list[tuple[Project, Trigger]]:
        """The projects that can run and have a trigger; patterns are matched once a project."""
        placed: dict[str, tuple[Project, Trigger | None]] = {}
        for known in self._ledger.projects():
            project = known.project
            before = self._placed.get(project.project_id)
            # The ledger replaces a project that changed, so that the same object is the same project.
            if before is not None and before[0] is project:
                placed[project.project_id] = before
            else:
                is_runnable = project.state == "published"
                found = self._config.trigger_of(self.workspace, project) if is_runnable else None
                placed[project.project_id] = project, found
        self._placed = placed
        return [(project, trigger) for project, trigger in placed.values() if trigger is not None]

    def _decide(self, project: Project, trigger: Trigger, source: SourceStatus) -> None:
        project_id, now_ms = project.project_id, self._now_ms()
        before = self._ledger.triggers.states().get(project_id)
        run = None if before is None or before.run_id is None else self._ledger.gateway.run(before.run_id)
        found = step(self._rule(project, trigger, before), before, Seen(source=source, run=run), now_ms)
        self._keep(project, before, found, now_ms)
        if found.looks and source.key is not None:
            self._begin(project_id, self._probe(source.key))
        elif found.asks:
            self._begin(project_id, self._request(project, trigger, found.state))

    def _rule(self, project: Project, trigger: Trigger, state: TriggerState | None) -> Rule:
        is_needed = state is not None and state.phase in ("requested", "stopped")
        signature = self._signature(project, trigger) if is_needed else ""
        return Rule(trigger=trigger, timezone=self._timezone, signature=signature)

    def _signature(self, project: Project, trigger: Trigger) -> str:
        """What may have to change for Hex to take runs that it refuses: token, inputs, the published version."""
        try:
            token = self._token(trigger).reveal()
        except ProbeError:
            token = ""
        parts = [token, trigger.inputs, project.published_ms]
        return hashlib.sha256(strict_json.canonical(parts)).hexdigest()[:16]

    def _token(self, trigger: Trigger) -> Secret:
        return Credential(self._environ, env=trigger.token_env, file=trigger.token_file).read()

    def _keep(self, project: Project, before: TriggerState | None, found: Step, now_ms: int) -> None:
        """Have the ledger know the state and what is counted with it, and say what happened."""
        if found.state == before:
            return
        replaced = 0
        if before is not None and any(event.is_run for event in found.events):
            since_ms = before.since_ms if before.ran_ms is None else before.ran_ms
            replaced = max(0, len(replaced_firings(project, since_ms, now_ms)) - 1)
        amounts: Amounts = {}
        for event in found.events:
            if event.outcome in OUTCOMES:
                amounts["hex_triggers_total", (project.project_id, event.outcome)] = 1
            if event.is_run:
                amounts["hex_trigger_replaced_runs_total", (project.project_id,)] = replaced
            amounts |= observed("hex_trigger_lag_seconds", (), event.lag_ms)
        self._ledger.triggers.record(project.project_id, found.state, amounts, now_ms)
        for event in found.events:
            self._say(project, event, replaced)

    def _say(self, project: Project, event: Event, replaced: int) -> None:
        fields: dict[str, object] = {"project_id": project.project_id, "outcome": event.outcome, "reason": event.reason}
        if event.is_run:
            fields["replaced_scheduled_runs"] = replaced
        if event.lag_ms is not None:
            fields["lag_seconds"] = round(event.lag_ms / 1000)
        match event.outcome:
            case "stopped":
                self._log.warning("The trigger is stopped: Hex refuses its runs", **fields)
            case "failed" | "unknown" | "lost":
                self._log.warning("trigger", **fields)
            case "dry_run":
                self._log.info("A trigger would run the project", **fields)
            case _:
                self._log.info("trigger", **fields)

    def _begin(self, project_id: str, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._busy[project_id] = task
        task.add_done_callback(lambda _: self._busy.pop(project_id, None))

    async def _probe(self, key: str) -> None:
        await self._look(key)

    async def _request(self, project: Project, trigger: Trigger, state: TriggerState) -> None:
        """Ask the gateway, and take in what it answers."""
        project_id = project.project_id
        answer = await self._answer(project_id, trigger, state)
        now_ms = self._now_ms()
        rule = Rule(trigger=trigger, timezone=self._timezone, signature=self._signature(project, trigger))
        try:
            self._keep(project, state, answered(rule, state, answer, now_ms), now_ms)
        except LedgerError as error:
            # The same request is made again, and given the same run.
            self._conditions.report(_LEDGER, "The triggers' states cannot be kept", reason=str(error))

    async def _answer(self, project_id: str, trigger: Trigger, state: TriggerState) -> RunAnswer:
        try:
            request = RunRequest(
                project_id=project_id,
                name=state.name,
                token=self._token(trigger),
                inputs={name: list(one) if isinstance(one, tuple) else one for name, one in trigger.inputs},
                is_forced=state.cause == "latest",
                named_ms=state.named_ms,
                brake=trigger.when_budget_spent,
            )
            answer = await self._ask(request)
        except ProbeError as error:
            self._conditions.report(project_id, "The trigger has no token", project_id=project_id, reason=str(error))
            return RunAnswer(kind="wait", message=str(error))
        except Exception:
            self._conditions.report(
                project_id, "The trigger's request failed", level="error", project_id=project_id, exc_info=True
            )
            return RunAnswer(kind="wait", message="a fault of this program")
        if answer.kind == "wait":
            self._conditions.report(
                project_id, "The trigger's run has to wait", level="info", project_id=project_id, reason=answer.message
            )
        else:
            self._conditions.clear(project_id, "The trigger's run has to wait no longer")
        return answer

    def _source(self, project: Project) -> SourceStatus:
        return source_status(self._config, self.workspace, project, self._ledger.sources.states(), self._now_ms())

    def _report_sourceless(self, counts: Mapping[int, int]) -> None:
        for number in range(len(self._config.triggers)):
            if counts.get(number):
                event = "Projects of a trigger have no source, so that it never runs them"
                self._conditions.report(f"source {number}", event, trigger=number + 1, projects=counts[number])
            else:
                self._conditions.forget(f"source {number}")

    def _now_ms(self) -> int:
        return round(self._clock.now() * 1000)
