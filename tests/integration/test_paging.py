"""From a project that runs away to the message that a person reads, with real processes in a world in fast motion.

Two simulated workspaces, one exporter, Prometheus, Alertmanager, and who receives its messages. The world begins on the
same Tuesday morning in every run of the tests, and a minute of it is a second.
"""

import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from helpers.hurry import FastTime
from helpers.running import TOKEN, Running, environment, wait_for
from helpers.watching import Alertmanager, Message, Prometheus, Recorder

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

TUESDAY = datetime(2026, 11, 17, 9, tzinfo=UTC).timestamp()
RESET = "Mon 23 Nov 00:00 UTC"

WATCHDOG = ("Watchdog", "", "")
EXCEEDED = ("HexBudgetExceeded", "acme", "weekly-runs")

RUNS = 2000
"""What the project that runs away adds: twice the budget in runs, less than the budget in dollars."""

AMPLE = """
  - {name: weekly-runs, unit: runs, limit: 1000, thresholds: {info: 0.998, warning: 0.999}}
  - {name: worth, unit: usd, limit: 120, thresholds: {info: 0.7999}}
  - {name: others, unit: runs, limit: 500, match: {project_id: SECOND}}
"""
"""The levels are a run apart, so that one poll passes all that are passed, however slowly a machine reads them."""

USED_UP = """
  - {name: weekly-runs, unit: runs, limit: 42, match: {workspace: acme}}
  - {name: ample, unit: runs, limit: 1000}
"""


class World:
    """The processes of one test, all in one fast time. A context manager: they are killed at its end."""

    def __init__(self, folder: Path, prometheus: Path, alertmanager: Path, budgets: str) -> None:
        self.time = FastTime(since=time.time(), starts=TUESDAY)
        self._folder = folder
        self._programs = (prometheus, alertmanager)
        self._budgets = budgets
        self._stack = ExitStack()

    def __enter__(self) -> "World":
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def _begin(self) -> None:
        # The same seed twice: the two workspaces have projects of the same ids.
        simulate = self.time.command("simulate", "--listen", "127.0.0.1:0", "--projects", "3", "--limits", "off")
        simulators = {
            name: self._stack.enter_context(Running(simulate, self._folder / f"{name}.log"))
            for name in ("acme", "beta")
        }
        self.hex = {name: one.said(r"answers at (http://\S+)").group(1) for name, one in simulators.items()}
        self.projects = [one for one in self.listed("acme") if one["lastPublishedAt"]]
        self._budgets = self._budgets.replace("SECOND", self.projects[1]["id"])
        self.exporter = self.start_exporter("127.0.0.1:0")
        self.address = self.exporter.said(r"event=Listening address=(\S+)").group(1)
        prometheus, alertmanager = self._programs
        self.recorder = self._stack.enter_context(Recorder())
        self.alertmanager = self._stack.enter_context(
            Alertmanager(alertmanager, self._folder / "alertmanager", self.time, self.recorder)
        )
        self.prometheus = self._stack.enter_context(
            Prometheus(prometheus, self._folder / "prometheus", self.time, self.address, self.alertmanager.address)
        )

    def start_exporter(self, listen: str) -> Running:
        """Start the exporter on the ledger of the test."""
        config = self._folder / "hex-exporter.yml"
        config.write_text(
            "workspaces:\n"
            + "".join(
                f"  - {{name: {name}, base_url: '{url}', token_env: HEX_API_TOKEN, "
                "rate_limit: {per_minute: 240, per_hour: 14400, share: 1}}\n"
                for name, url in self.hex.items()
            )
            + f"storage: {{url: 'sqlite:///{self._folder}/ledger.db'}}\n"
            + f"prices: {{run_usd: 0.05}}\nbudgets:{self._budgets}"
        )
        command = self.time.command("serve", "--config.file", str(config), "--web.listen-address", listen)
        started = Running(command, self._folder / "exporter.log", env=environment(HEX_API_TOKEN=TOKEN))
        return self._stack.enter_context(started)

    def control(self, workspace: str, what: str, **content: object) -> dict:
        """Tell the simulated workspace something."""
        root = self.hex[workspace].removesuffix("/api/v1")
        answer = httpx.post(f"{root}/_simulator/{what}", json=content, timeout=30, trust_env=False, verify=False)
        return answer.raise_for_status().json()

    def listed(self, workspace: str) -> list[dict]:
        """The projects of a workspace as Hex has them."""
        address = f"{self.hex[workspace]}/projects"
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = httpx.get(address, headers=headers, timeout=30, trust_env=False, verify=False)
        return answer.raise_for_status().json()["values"]

    def runaway(self, project: dict) -> None:
        """Let a project of acme run away."""
        since_ms = round(self.time.now() * 1000) + 60_000
        every_ms = 50
        until_ms = since_ms + RUNS * every_ms
        content = {"since_ms": since_ms, "until_ms": until_ms, "every_seconds": every_ms / 1000}
        self.control("acme", "runaway", project_id=project["id"], **content)

    def incidents(self) -> list[Message]:
        """The last page of each incident, in the order in which they began."""
        return list({one.key: one for one in self.recorder.of("pager")}.values())

    def explained(self, budget: str) -> str:
        """What `report --explain` says of a budget of acme, beside the running server."""
        arguments = ("report", "--config.file", str(self._folder / "hex-exporter.yml"), "--workspace", "acme")
        command = self.time.command(*arguments, "--explain", budget)
        env = environment(HEX_API_TOKEN=TOKEN)
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True).stdout

    def wait_for(self, probe: Callable[[], object]) -> None:
        """Wait for two minutes at the most, which are two hours of the world."""
        wait_for(probe, seconds=120)

    def titles(self) -> set[str]:
        """What the chat received, but for what the simulated workspace does by itself: a few of many get no kernel."""
        return {one.title for one in self.recorder.of("chat") if "no kernel" not in one.title}

    def pages(self) -> set[tuple[str | None, str | None, str | None]]:
        """What somebody was called for, by alert, workspace and budget."""
        return self.recorder.firing("pager")


@pytest.fixture
def begin(prometheus: Path, alertmanager: Path, tmp_path: Path) -> Iterator[Callable[[str], World]]:
    with ExitStack() as stack:
        yield lambda budgets: stack.enter_context(World(tmp_path, prometheus, alertmanager, budgets))


def test_a_runaway_pages_for_what_it_uses_up_and_for_nothing_that_follows_from_that(begin: Callable[[str], World]):
    world = begin(AMPLE)
    prometheus, recorder = world.prometheus, world.recorder

    # Within its budgets a fresh exporter disturbs no one, not even almost.
    world.wait_for(lambda: prometheus.value("count(hex_budget_used) == 6 and count(hex_budget_forecast) == 6"))
    world.wait_for(lambda: prometheus.value("count(hex_budget_previous_used) == 6"))
    world.wait_for(lambda: prometheus.alerts("pending", "firing") == {WATCHDOG})
    known = world.time.now()
    while world.time.now() < known + 5 * 60:
        assert prometheus.alerts("pending", "firing") == {WATCHDOG}
        time.sleep(0.2)
    world.wait_for(lambda: recorder.of("heartbeat"))
    assert {one.receiver for one in recorder.messages} == {"heartbeat"}

    first, second = world.projects[:2]
    world.runaway(first)
    following = {
        *(("HexBudgetInfo", budget) for budget in ("weekly-runs", "worth")),
        *(("HexBudgetHalfUsedEarly", budget) for budget in ("weekly-runs", "worth")),
        *(("HexBudgetSpike", budget) for budget in ("weekly-runs", "worth")),
        ("HexBudgetWarning", "weekly-runs"),
    }
    pages = {EXCEEDED, *(("HexBudgetBurnFast", "acme", budget) for budget in ("weekly-runs", "worth"))}
    world.wait_for(lambda: following <= world.alertmanager.suppressed())
    world.wait_for(lambda: pages <= prometheus.alerts("firing"))
    world.wait_for(lambda: any("Budget weekly-runs of acme is used up" in one.text for one in world.incidents()))

    # One runaway in two budgets is one page, and it names the project.
    (page,) = world.incidents()
    first_line = page.text.splitlines()[0]
    sentence = (
        rf"`{re.escape(first['title'])}` (ran|used) ([\d.]+) (times|usd) this week, [\d.]+ last week; [\d.]+ by API, "
    )
    sentence += r"since Tue 17 Nov \d\d:\d\d UTC \([\dhms ]+ ago\)\. Find the caller .*"
    assert re.match(sentence, first_line), page.text
    assert page.title.startswith(f"`{first['title']}` ")
    others = {one for one in world.titles() if not one.startswith("Budget worth of acme is nearly used up: `")}
    assert others == set()

    # A second one, in a budget of its own, is a page of its own.
    world.runaway(second)
    world.wait_for(lambda: any(second["title"] in one.title for one in world.incidents()))
    mine, other = world.incidents()
    assert mine.title.startswith(f"`{first['title']}` ran") or mine.title.startswith(f"`{first['title']}` used")
    assert re.match(sentence.replace(re.escape(first["title"]), re.escape(second["title"])), other.text.splitlines()[0])
    assert first["title"] not in other.text
    assert "Budget others of acme" in other.text + other.title
    explained = world.explained("others").splitlines()[0]
    assert re.match(sentence.replace(re.escape(first["title"]), re.escape(second["title"])), explained)


def test_a_dead_exporter_pages_for_each_workspace_that_nobody_watches(begin: Callable[[str], World]):
    world = begin(USED_UP)
    prometheus, recorder = world.prometheus, world.recorder
    world.wait_for(lambda: {EXCEEDED} <= world.pages())

    world.exporter.kill()

    absent = {("HexDataAbsent", workspace, None) for workspace in ("acme", "beta")}
    down = f"The Hex exporter {world.address} is down"
    world.wait_for(lambda: world.pages() >= absent and down in world.titles())
    assert world.pages() == {EXCEEDED, *absent}
    assert world.titles() == {down}

    world.start_exporter(world.address)

    world.wait_for(lambda: recorder.resolved("pager") >= absent and f"Resolved: {down}" in world.titles())
    world.wait_for(lambda: EXCEEDED in prometheus.alerts("firing"))
    assert world.pages() == {EXCEEDED, *absent}
    assert world.titles() == {down, f"Resolved: {down}"}


def test_hex_away_is_told_and_what_is_used_up_stays_used_up(begin: Callable[[str], World]):
    world = begin(USED_UP)
    prometheus, recorder = world.prometheus, world.recorder
    world.wait_for(lambda: {EXCEEDED} <= world.pages())

    world.control("acme", "faults", kind="503")

    stale = "The figures of acme are out of date"
    world.wait_for(lambda: stale in world.titles())
    assert {EXCEEDED, ("HexDataStale", "acme", "")} <= prometheus.alerts("firing")
    assert world.pages() == {EXCEEDED}
    assert recorder.resolved("pager") == set()
    assert world.titles() == {stale}
