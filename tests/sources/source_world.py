"""A workspace in memory with a monitor of its sources, on a clock that moves only when a test moves it."""

import asyncio
import random

import httpx
import msgspec

from exporter.config import Config, HttpSource, Match, Source, SqlSource, Storage, Workspace
from exporter.facts import Project, Run
from exporter.ledger import RunProgress, open_ledger
from exporter.sources import SourceMonitor, source_status


def http_source(url="https://data.example/orders", *, title="*", every=300.0, deadline=5.0, **settings):
    """A source behind an address for the projects whose title fits."""
    http = HttpSource(url=url, deadline_seconds=deadline, **settings)
    return Source(match=Match(title=title), http=http, every_seconds=every)


def sql_source(*, title="*", every=300.0, deadline=5.0, **settings):
    """A database whose URL is in the variable URL."""
    sql = SqlSource(url_env="URL", deadline_seconds=deadline, **settings)
    return Source(match=Match(title=title), sql=sql, every_seconds=every)


async def until(condition):
    """Let the event loop go on until the condition holds."""
    for _ in range(20_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the condition never held")


class World:
    """Projects by their ids, the sources they have, and the server behind all addresses.

    `answer` is what that server does: an ETag, a response, or a function of the request. `requested` has every path.
    """

    def __init__(self, clock, *sources, projects=("a",), environ=None, ledger_url="sqlite://"):
        self.clock = clock
        workspace = Workspace(name="w", token_env="T")
        self.config = Config(workspaces=(workspace,), storage=Storage(url=ledger_url), sources=sources)
        self.environ = environ or {}
        self.ledger = open_ledger(ledger_url, clock=clock)
        self.answer = "one"
        self.requested = []
        self.known.first_contact(self.now_ms)
        self.list(*projects)
        self.monitor = self.new_monitor()

    @property
    def known(self):
        return self.ledger.workspace("w")

    @property
    def now_ms(self):
        return round(self.clock.now() * 1000)

    def list(self, *project_ids, **facts):
        """Hex lists these projects now, published and with the id for a title."""
        projects = [Project(**({"project_id": one, "title": one, "published_ms": 1} | facts)) for one in project_ids]
        self.known.record_projects(projects, self.now_ms)
        self.known.choose_members(500, self.now_ms)

    def new_monitor(self):
        """What a start of the process makes."""
        return SourceMonitor(
            "w",
            self.config,
            self.known,
            self.clock,
            self.environ,
            rng=random.Random(3),
            transport=httpx.MockTransport(self._answer),
        )

    def reopen(self):
        """What a kill and a new start do."""
        self.ledger.close()
        self.ledger = open_ledger(self.config.storage.url, clock=self.clock)
        self.monitor = self.new_monitor()

    def configure(self, *sources):
        """Other sources from now on."""
        self.config = msgspec.structs.replace(self.config, sources=sources)
        self.monitor = self.new_monitor()

    async def look(self, *, after=0.0):
        """Let so many seconds pass, begin what is due, and wait until it is over."""
        self.clock.advance(after)
        self.monitor.step()
        await self.monitor.settled()

    async def follow(self, seconds, *, step=5.0):
        """Look again and again for so long."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            await self.look(after=step)

    def run(self, run_id, start_ms, *, project_id="a", status="completed", trigger="scheduled", known=True):
        """Hex lists a run of five seconds, and everything before this moment is known with it."""
        active = status in ("pending", "running")
        end_ms = None if active else start_ms + 5000
        run = Run(
            run_id=run_id, project_id=project_id, status=status, trigger=trigger, start_ms=start_ms, end_ms=end_ms
        )
        self.known.record_runs(
            project_id, [run], RunProgress(known_until_ms=self.now_ms if known else None), self.now_ms
        )

    def know_runs(self, *project_ids):
        """Every run up to this moment is known."""
        for project_id in project_ids:
            self.known.record_runs(project_id, [], RunProgress(known_until_ms=self.now_ms), self.now_ms)

    def standing(self, project_id="a"):
        """How the project's source stands."""
        project = next(one.project for one in self.known.projects() if one.project.project_id == project_id)
        return source_status(self.config, "w", project, self.known.sources.states(), self.now_ms)

    def counted(self, metric):
        """The sums of a counter that are not 0, held or not."""
        self.known.release_holds(self.now_ms + 90_001)
        return {one.labels: one.value for one in self.known.counters() if one.metric == metric and one.value}

    async def _answer(self, request):
        self.requested.append(request.url.path)
        answer = self.answer(request) if callable(self.answer) else self.answer
        if asyncio.iscoroutine(answer):
            answer = await answer
        return httpx.Response(200, headers={"ETag": f'"{answer}"'}) if isinstance(answer, str) else answer
