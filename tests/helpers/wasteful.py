"""A simulated workspace with its planted waste, read into a ledger by the poller as a real one would be."""

import asyncio

import httpx
from msgspec.structs import replace

from exporter.audit.input_reader import is_settled
from exporter.config import (
    Collect,
    Config,
    HttpSource,
    Match,
    RateLimit,
    SeriesLimits,
    Source,
    Storage,
    Team,
    Workspace,
)
from exporter.hexapi import TokenSource
from exporter.simulator import RateLimits as RequestLimits
from exporter.simulator import Simulation, create_app
from exporter.simulator.tokens import ALL_SCOPES, Token, Tokens
from exporter.view import published_settings
from helpers.evidencing import PRICES
from helpers.following import Following

DAY_MS = 86_400_000
TOKEN = "hxtw_" + "ab" * 48
EVERY_SECONDS = 300.0


class MovingClock:
    """For worlds that several tests share; it moves only when a test moves it."""

    def __init__(self, now: float) -> None:
        self._now = now
        self._began = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now - self._began

    def advance(self, seconds: float) -> None:
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))


def follow(clock, url="sqlite://", *, seed=1, projects=40, without=(), collect=None, is_enterprise=True):
    """The simulation, and what has read everything of it that an audit goes by."""
    simulation = Simulation(seed, projects, clock=clock)
    token = Token(account="a", is_workspace=True, scopes=ALL_SCOPES - set(without))
    app = create_app(simulation, limits=RequestLimits.off(), tokens=Tokens({TOKEN: token}), is_enterprise=is_enterprise)
    limit = RateLimit(per_minute=6000, per_hour=360_000, share=1.0)
    source = TokenSource(value=TOKEN)
    following = Following(clock, httpx.ASGITransport(app=app), url, limit, collect or Collect(), source)

    async def read() -> None:
        for _ in range(2000):
            now_ms = round(clock.now() * 1000)
            if is_settled(following.known, following.config, now_ms) and are_exports_read(following):
                return
            clock.advance(min(await following.poller.step(), 1.0))
        raise AssertionError("the ledger never knows enough for an audit")

    asyncio.run(read())
    return simulation, following


def are_exports_read(following: Following) -> bool:
    """Whether the settings of every published project are known, if exports are read."""
    projects = following.known.projects()
    published = sum(one.project.state == "published" for one in projects)
    is_reading = following.config.collect.exports
    return not is_reading or len(published_settings(following.known, projects)) == published


def config_of(simulation=None, **more) -> Config:
    """Prices, teams, and what the connection of those that start at six can run at once."""
    six = 3 if simulation is None else sum(project.sort == "six" for project in simulation.projects) - 1
    given = {
        "workspaces": (Workspace(name="w", token_env="T"),),
        "storage": Storage(url="sqlite://"),
        "price_lists": (PRICES,),
        "limits": SeriesLimits(connection_runs=six),
        "teams": tuple(
            Team(name=name, match=Match(owner=f"*@{name}.example"))
            for name in ("marketing", "finance", "product", "sales", "operations")
        ),
    }
    return Config(**{**given, **more})


def probe(simulation, ledger, config: Config, sorts, now_ms: int) -> Config:
    """The configuration with a source for each project of these sorts, and what probes saw in four weeks."""
    projects = [one for one in simulation.projects if one.sort in sorts and one.is_runnable]
    sources = tuple(
        Source(
            match=Match(project_id=one.project_id),
            http=HttpSource(url=f"https://data.example/{one.number}"),
            every_seconds=EVERY_SECONDS,
        )
        for one in projects
    )
    for project, source in zip(projects, sources, strict=True):
        since_ms = now_ms - 28 * DAY_MS
        changes = [at_ms for _, at_ms in _from(project.source.backwards(now_ms), since_ms)][::-1]
        for number, (start_ms, end_ms) in enumerate(zip([since_ms, *changes], [*changes, now_ms], strict=True)):
            for at_ms in (start_ms + 1, end_ms - 1):
                if start_ms < at_ms < end_ms:
                    ledger.sources.record(source.key(project.project_id), f"{number}", at_ms, at_ms)
    return replace(config, sources=sources)


def _from(moments, since_ms):
    for number, at_ms in moments:
        if at_ms <= since_ms:
            return
        yield number, at_ms
