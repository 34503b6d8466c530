"""A workspace with a past and a present, as a real Prometheus would have it: the import, and what was scraped since."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import msgspec
from board_traffic import Traffic

from exporter.audit.auditor import Auditor
from exporter.audit.input_reader import are_runs_settled
from exporter.config import Config, Storage, load_config
from exporter.hexapi import TokenSource
from exporter.history import Written, history, read_past, span_of
from exporter.ledger import Ledger, WorkspaceLedger, open_ledger
from exporter.metrics import Collector, GatewayState, Status, build_page
from exporter.polling import Poller, WorkspaceClock
from exporter.simulator import Fault, Faults, QueryLogTables, RateLimits, Simulation, VendorLog, create_app
from exporter.view import FAILED_STATUSES
from exporter.warehouse import WarehouseMonitor

CONTACT = 1_795_078_800  # Thursday, 19 November 2026, 09:00 UTC
LIVE_SECONDS = 2 * 3600  # two audits, two looks at each warehouse, and more than an hour to compare with
SCRAPE_SECONDS = 300
FIRST_AUDIT_SECONDS = 900  # the longest that an auditor waits for what is to be judged; then every hour
PAST_DAYS = 9
HOUR_MS = 3_600_000
JOB, INSTANCES = "hex", ("localhost:9891", "other:9891")

CONFIG = """
workspaces: [{name: acme, base_url: "http://localhost/api/v1", token_env: TOKEN,
              rate_limit: {per_minute: 60, per_hour: 300, share: 1.0}}]
week: {timezone: Europe/Zurich}
budgets:
  - {name: weekly-runs, unit: runs, limit: 200}
  - {name: money, unit: usd, limit: 40}
  - {name: compute, unit: compute_minutes, limit: 2000}
  - {name: credits, unit: ai_credits, limit: 2000, period: month}
teams:
  - {name: marketing, match: {owner: "*@marketing.example"}}
  - {name: product, match: {owner: "*@product.example"}}
prices: {plan: team, run_usd: 0.05, overrides: {team: {explorer_month: 12}}}
compute: {default: large}
seats: {reviewed_on: 2026-09-01}
contract: {seats: {editor: 20}, credits_month: 2000, commit_usd_year: 90000, renews_on: 2027-03-01}
sources:
  - {match: {title: "R*"}, name: revenue, file: {paths: [/data/revenue.csv]}}
  - {match: {title: "*"}, name: warehouse, http: {url: "http://localhost/_simulator/sources/{project_id}"}}
gateway: {}
warehouses:
  - {name: snow, kind: table, relation: snow, url_env: LOG, prices: {credit_usd: 3}}
  - {name: events, kind: bigquery, relation: events, url_env: LOG, prices: {tib_usd: 6}}
"""


TOKEN_ONLY = """
workspaces: [{name: acme, base_url: "http://localhost/api/v1", token_env: TOKEN,
              rate_limit: {per_minute: 60, per_hour: 300, share: 1.0}}]
week: {timezone: Europe/Zurich}
"""
"""What a token and nothing else is; the zone is that of the facts."""


@dataclass(slots=True)
class World:
    """What there is to import, and what is true of it at `end`."""

    texts: tuple[str, ...]
    end: int
    choices: Mapping[str, tuple[str, ...]]
    facts: Mapping[str, float] = field(default_factory=dict)


def scraped_only(world: World) -> World:
    """The same without an import."""
    return World(world.texts[1:], world.end, world.choices, world.facts)


def two_of(world: World) -> World:
    """The same with a second workspace beside the first, in the same Prometheus."""
    past, scraped = map(_doubled, world.texts)
    return World((past, scraped), world.end, world.choices, world.facts)


def _doubled(text: str) -> str:
    """Each line of `acme` once more for `beta`, families kept in one piece."""
    lines: list[str] = []
    block: list[str] = []
    name = ""
    for line in text.splitlines(keepends=True):
        own = line if line.startswith("#") else line.partition("{")[0]
        if own != name:
            lines += [one.replace('workspace="acme"', 'workspace="beta"') for one in block]
            name, block = own, []
        lines.append(line)
        if 'workspace="acme"' in line:
            block.append(line)
    return "".join(lines)


def live_through(clock: Any, text: str = CONFIG, live_seconds: int = LIVE_SECONDS) -> World:
    """First contact, hours of polling, and the two texts that a day-old installation would have."""
    clock.step(CONTACT - clock.now())
    config = load_config(text, source="test", environ={"TOKEN": "hxtw_" + "ab" * 48}, state_dir=Path())
    config = msgspec.structs.replace(config, storage=Storage(url="sqlite://"))
    simulation = Simulation(3, 14, clock=clock)
    faults = Faults([Fault(kind="429", retry_after=3, probability=0.01)], 3)
    transport = httpx.ASGITransport(create_app(simulation, faults=faults, limits=RateLimits.off()))
    ledger = open_ledger(config.storage.url, clock=clock)
    try:
        scraped = asyncio.run(_follow(clock, config, ledger, simulation, transport, CONTACT + live_seconds))
        past = _past(config, ledger, clock)
        end = CONTACT + live_seconds
        return World((past, text_of(scraped)), end, choices_of(ledger), facts_of(ledger, end * 1000))
    finally:
        ledger.close()


async def _follow(
    clock: Any, config: Config, ledger: Ledger, simulation: Simulation, transport: Any, end: int
) -> list[tuple[int, str]]:
    """Poll for the live hours; the pages with the seconds at which they were scraped."""
    workspace = config.workspaces[0]
    known = ledger.workspace(workspace.name)
    token = TokenSource(value="hxtw_" + "ab" * 48)
    time = WorkspaceClock(clock)
    poller = Poller(workspace, config, token, known, clock=time, rng=random.Random(3), transport=transport)
    status = Status()
    collector = Collector(ledger, status)
    traffic = Traffic(config, known, simulation) if config.gateway is not None else None
    auditor = Auditor(known, config, clock)
    pages = []
    for at in range(CONTACT + SCRAPE_SECONDS, end + 1, SCRAPE_SECONDS):
        while clock.now() < at:
            wait = await poller.step()
            clock.advance(min(max(wait, 0.05), max(at - clock.now(), 0.05)))
        now_ms = round(clock.now() * 1000)
        report = poller.report
        status.beat(now_ms)
        status.reloaded(True, CONTACT * 1000)
        status.update(
            workspace.name,
            planned_requests_per_hour=report.planned_requests_per_hour,
            allowed_requests_per_hour=report.allowed_requests_per_hour,
            overdue_projects=report.overdue_projects,
            clock_skew_seconds=report.clock_skew_seconds,
        )
        if traffic is not None:
            traffic.pass_by(now_ms)
        if (at - CONTACT) % 3600 == SCRAPE_SECONDS:
            await _look(config, known, simulation, clock)
        is_first = auditor.audit is None and are_runs_settled(known, config, now_ms)
        if is_first or (at - CONTACT) % 3600 == FIRST_AUDIT_SECONDS:
            await auditor.once()
        state = None if traffic is None else GatewayState(traffic.waiting, traffic.running)
        status.update(workspace.name, gateway=state, audit=auditor.audit)
        known.release_holds(now_ms)
        page = build_page(collector.collect(config, now_ms))
        status.page_built(0.01, page.series, page.duplicates)
        pages.append((at, page.body(openmetrics=False, gzip=False).decode()))
    await poller.aclose()
    return pages


async def _look(config: Config, known: WorkspaceLedger, simulation: Simulation, clock: Any) -> None:
    """Fill the warehouses' logs, and read them."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "log.db"
        vendors = {"snow": "snowflake", "events": "bigquery"}
        QueryLogTables(file, {name: VendorLog(simulation, one) for name, one in vendors.items()}).fill(
            simulation.now_ms
        )
        monitor = WarehouseMonitor("acme", config, known, clock, {"LOG": f"sqlite:///{file}"})
        for warehouse in config.warehouses:
            await monitor.look(warehouse)


def _past(config: Config, ledger: Ledger, clock: Any) -> str:
    known = ledger.workspace("acme")
    now_ms = round(clock.now() * 1000)
    [snapshot] = Collector(ledger, Status()).snapshots(config, now_ms)
    oldest_ms = next(known.runs_between(0, known.first_contact_ms)).start_ms
    span = span_of(known.first_contact_ms, oldest_ms, now_ms, PAST_DAYS)
    past = read_past(known, snapshot, span, oldest_ms)
    return "".join(history([past], job=JOB, instance=INSTANCES[0], count=Written()))


def text_of(pages: list[tuple[int, str]]) -> str:
    """The scrapes of two exporters; each family in one piece, each series in the order of time."""
    series: dict[str, list[tuple[int, str]]] = {}
    for at, page in pages:
        for line in page.splitlines():
            if line and not line.startswith("#"):
                head, value = line.rsplit(" ", 1)
                series.setdefault(head, []).append((at, value))
        series.setdefault("scrape_duration_seconds", []).append((at, "0.002"))
    lines = []
    for head in sorted(series, key=lambda one: (one.partition("{")[0], one)):
        name, _, labels = head.partition("{")
        for instance in INSTANCES:
            own = f'job="{JOB}",instance="{instance}"'
            inside = f"{labels[:-1]},{own}" if labels else own
            lines += [f"{name}{{{inside}}} {value} {at}\n" for at, value in series[head]]
    return "".join([*lines, "# EOF\n"])


def choices_of(ledger: Ledger) -> dict[str, tuple[str, ...]]:
    """What can be chosen on the boards: the projects by their views."""
    known = ledger.workspace("acme")
    series = [one.project for one in known.projects() if one.has_series]
    by_views = sorted(series, key=lambda project: -(project.views_7d or 0))
    return {
        "budget": ("weekly-runs", "money", "compute", "credits"),
        "team": (".*", "marketing", "product"),
        "project": tuple(project.project_id for project in by_views),
    }


def facts_of(ledger: Ledger, end: int) -> dict[str, float]:
    """Figures that boards show, straight from the ledger."""
    known = ledger.workspace("acme")
    monday = 1_794_783_600_000  # 16 November 2026, 00:00 in Zurich
    recent = list(known.runs_between(end - 7 * 86_400_000, None))
    counted = known.counted_since(end - 7 * 86_400_000)

    def runs(start_ms: int, end_ms: int) -> int:
        return sum(run.status != "unable_to_allocate_kernel" for run in known.runs_between(start_ms, end_ms))

    return {
        "this week": runs(monday, end),
        "last week": runs(monday - 7 * 86_400_000, monday),
        "failed": sum(run.status in FAILED_STATUSES for run in recent),
        "hits": sum(amount for (metric, _), amount in counted.items() if metric == "hex_cache_hits_total"),
        "seats": len(known.listing("users").items),
        "connections": len(known.listing("connections").items),
    }
