"""A project with a source and a trigger, by a clock that a test moves; what is requested is noted."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from helpers.virtual import LoopClock

from exporter.config import Config, FileSource, Match, Source, Storage, Trigger, Week, Workspace
from exporter.facts import Project, Schedule
from exporter.ledger import GatewayRun, TriggerState, WorkspaceLedger, open_ledger
from exporter.sources import source_status
from exporter.triggers import RunAnswer, RunRequest, TriggerRunner

PROJECT = "0190b6e0-0000-7000-8000-000000000001"
TOKEN = {"TRIGGER_TOKEN": "hxtp_" + "c3" * 48}
SOURCE = Source(match=Match(title="*"), file=FileSource(paths=("/data/orders.csv",)), every_seconds=60)
KEY = SOURCE.key(PROJECT)


def trigger(**more: Any) -> Trigger:
    return Trigger(**{"match": Match(title="Orders*"), "settle_seconds": 300.0} | more)


def real(**more: Any) -> Trigger:
    return trigger(**{"dry_run": False, "token_env": "TRIGGER_TOKEN"} | more)


def config(*triggers: Trigger, timezone: str = "UTC", **more: Any) -> Config:
    return Config(
        workspaces=(Workspace(name="w"),),
        storage=Storage(url="sqlite://"),
        sources=(SOURCE,),
        triggers=triggers,
        weeks=(Week(timezone=timezone),),
        **more,
    )


@dataclass
class Watched:
    """The project, its data (None: it cannot be read), and the gateway's answers; each request starts a run."""

    clock: LoopClock
    settings: Config
    url: str = "sqlite://"
    data: str | None = "0"
    requests: list[RunRequest] = field(default_factory=list)
    answers: list[RunAnswer] = field(default_factory=list)
    ends: list[str | None] = field(default_factory=list)
    looks: int = 0

    def __post_init__(self) -> None:
        self.book = open_ledger(self.url, clock=self.clock)
        hourly = Schedule(cadence="hourly", enabled=True, cron="0 * * * *")
        project = Project(project_id=PROJECT, title="Orders", published_ms=1, schedules=(hourly,))
        self.ledger.record_projects([project], self.now_ms)
        self.ledger.choose_members(500, self.now_ms)
        self.begin()

    def begin(self) -> None:
        """A process starts: what it knows is in the ledger."""
        self.runner = TriggerRunner("w", self.settings, self.ledger, self.clock, TOKEN, look=self.look, ask=self.answer)

    @property
    def ledger(self) -> WorkspaceLedger:
        return self.book.workspace("w")

    @property
    def now_ms(self) -> int:
        return round(self.clock.now() * 1000)

    @property
    def state(self) -> TriggerState:
        return self.ledger.triggers.states()[PROJECT]

    async def look(self, key: str) -> bool:
        self.looks += 1
        return self.probe()

    def probe(self) -> bool:
        if self.data is None:
            self.ledger.sources.record_failure(KEY, "no such file", self.now_ms)
            return False
        self.ledger.sources.record(KEY, self.data, self.now_ms, self.now_ms)
        return True

    async def answer(self, request: RunRequest) -> RunAnswer:
        """A run that has ended as `ends` says, or completed at once; `answers` come first."""
        self.requests.append(request)
        if self.answers:
            return self.answers.pop(0)
        return RunAnswer(kind="run", run=self.sent(request.name, self.ends.pop(0) if self.ends else "completed"))

    def sent(self, name: str, status: str | None) -> GatewayRun:
        project = self.ledger.projects()[0].project
        source = source_status(self.settings, "w", project, self.ledger.sources.states(), self.now_ms)
        state = source.state
        assert state is not None
        run = GatewayRun(
            intent_id=name,
            project_id=PROJECT,
            fingerprint="f",
            request="r",
            caller="c",
            version="1",
            sent_ms=self.now_ms,
            state="started",
            run_id=f"run-{len(self.requests)}",
            source_key=KEY,
            source_digest=state.digest,
            source_span=state.span,
            status=status,
            ended_ms=None if status is None else self.now_ms,
        )
        self.ledger.gateway.intend(run)
        return run

    async def live(self, minutes: float, *, probes: bool = True) -> None:
        """So many minutes pass; in each the source is probed, and the triggers look."""
        for _ in range(round(minutes)):
            if probes:
                self.probe()
            self.runner.step()
            await self.runner.settled()
            await asyncio.sleep(60)

    async def until(self, text: str, zone: str = "UTC") -> None:
        """Pass the time to this moment."""
        at = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()
        await self.live((at - self.clock.now()) / 60)

    def counted(self, metric: str = "hex_triggers_total") -> Counter[str]:
        self.ledger.release_holds(self.now_ms + 90_001)
        found = [one for one in self.ledger.counters() if one.metric == metric and one.value]
        return Counter({one.labels[-1] if one.labels else "": one.value for one in found})
