"""Two `serve` on one PostgreSQL ledger: the owner is killed, paused or ended, the other follows Hex on, nothing is
doubled, and two Prometheus that scrape both see each counter grow by what happened."""

import re
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from helpers.postgres import PostgresServer
from helpers.prometheus_server import Prometheus, Samples
from helpers.running import Exporter, Simulator, wait_for

from dashboards.promql import increase
from exporter.clock import SystemClock
from exporter.ledger import HOLD_MS, open_ledger

pytestmark = [pytest.mark.integration, pytest.mark.slow]

TAKEN_OVER_SECONDS = 15
HEX_SILENT_SECONDS = 12
BURST_SECONDS = 8


def figure(exporter: Exporter, name: str) -> float | None:
    """The sum of a metric's series on the page, None without any."""
    found = re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", exporter.get().text, re.M)
    return sum(map(float, found)) if found else None


def is_owner(exporter: Exporter) -> bool:
    """Whether its page says that it owns the workspace."""
    return figure(exporter, "hex_exporter_lease_owner") == 1


def counters(exporter: Exporter) -> list[str]:
    """What the page counts, but for requests to Hex, which go on."""
    lines = exporter.get().text.splitlines()
    return sorted(line for line in lines if re.match(r"hex_(runs|run_seconds|missed_schedules)_total", line))


class Cluster:
    """A simulated Hex, a database, and two replicas that have read the history and may show what they count."""

    def __init__(self, folder: Path, server: PostgresServer, running: ExitStack) -> None:
        self._folder, self._server, self._running = folder, server, running
        self._database = server.new_database()
        self.simulator = running.enter_context(Simulator(folder, "--plant-every", "3600"))
        (folder / "hex-exporter.yml").write_text(
            f"""
workspaces:
  - name: sim
    base_url: "{self.simulator.base_url}"
    token_env: HEX_API_TOKEN
    rate_limit: {{per_minute: 60000, per_hour: 1000000, share: 1}}
collect: {{exports: false}}
storage: {{url: "{self.url}"}}
"""
        )
        first = self._started()
        wait_for(self._has_read_the_history)
        first.kill()
        ledger = open_ledger(self.url, clock=SystemClock())
        ledger.workspace("sim").release_holds(round(time.time() * 1000) + HOLD_MS + 1)
        ledger.close()
        self.replicas = [self._started(), self._started()]

    @property
    def url(self) -> str:
        """The ledger's address, as libpq reads it."""
        return f"postgresql://postgres@/{self._database}?host={self._server.folder}"

    def roles(self) -> tuple[Exporter, Exporter]:
        """The owner and the other, once that is settled and both show the same; one that was ended is started again."""
        self.replicas = [one if one.process.poll() is None else self._started() for one in self.replicas]
        wait_for(lambda: sum(map(is_owner, self.replicas)) == 1)
        wait_for(lambda: counters(self.replicas[0]) == counters(self.replicas[1]))
        first, second = self.replicas
        return (first, second) if is_owner(first) else (second, first)

    def epoch(self) -> int:
        """How many owners the workspace has had."""
        with self._server.connect(self._database) as connection:
            (epoch,) = connection.execute("select epoch from leases").fetchone()  # type: ignore[misc]
        return int(epoch)

    def owner_name(self) -> str:
        """What the owner is called in the tables."""
        with self._server.connect(self._database) as connection:
            (name,) = connection.execute("select owner from leases").fetchone()  # type: ignore[misc]
        return str(name)

    @contextmanager
    def unable_to_renew(self, name: str) -> Iterator[None]:
        """The replica's row is locked by somebody else."""
        with self._server.connect(self._database) as connection, connection.transaction():
            connection.execute("select 1 from replicas where replica = %s for update", (name,))
            yield

    def run_away(self, seconds: float) -> None:
        """Let a project of short runs have two a second for so long."""
        state = self.simulator.ask("state")
        until_ms = state["now_ms"] + int(seconds * 1000)
        self.simulator.tell("runaway", project_id=state["planted_project_id"], until_ms=until_ms, every_seconds=0.5)

    def truth(self) -> Samples:
        """The runs that ended since first contact, by project, trigger and status."""
        ledger = open_ledger(self.url, clock=SystemClock(), read_only=True)
        contact_ms = ledger.workspace("sim").first_contact_ms
        ledger.close()
        said = self.simulator.ask("truth", ended_from=contact_ms)["runs"]
        ended = (run for run in said if run["status"] not in ("pending", "running"))
        return {(run["project_id"], run["trigger"], run["status"]): run["count"] for run in ended}

    def counted(self, exporter: Exporter) -> Samples:
        """The runs on a page, as `truth` has them."""
        pattern = r'^hex_runs_total{workspace="sim",project_id="(.*)",trigger="(.*)",status="(.*)"} (\S+)$'
        found = re.findall(pattern, exporter.get().text, re.M)
        return {tuple(labels): float(value) for *labels, value in found if float(value)}

    def _started(self) -> Exporter:
        started = self._running.enter_context(Exporter(self._folder, self.simulator.base_url))
        started.listening()
        wait_for(lambda: started.get("/-/ready").is_success)
        return started

    def _has_read_the_history(self) -> bool:
        """Whether for a second nothing was requested, after something was."""
        before = self._requests()
        time.sleep(1)
        return 0 < before == self._requests()

    def _requests(self) -> int:
        return sum(one["count"] for one in self.simulator.ask("state")["requests"])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Cluster]:
    with ExitStack() as running:
        yield Cluster(tmp_path_factory.mktemp("cluster"), postgres_server, running)


def test_two_prometheus_see_every_counter_grow_by_what_happened_though_the_owner_is_killed(
    cluster: Cluster, prometheus: Path, tmp_path: Path
) -> None:
    owner, other = cluster.roles()
    addresses = [one.address for one in cluster.replicas]
    grown = increase("hex_runs_total", window="5m").replace("$workspace", "sim")
    with (
        Prometheus(prometheus, tmp_path / "one", addresses, has_rules=True) as one,
        Prometheus(prometheus, tmp_path / "two", addresses, has_rules=True) as two,
    ):
        wait_for(lambda: one.number("count(hex_up)") == two.number("count(hex_up)") == 2)
        before, epoch = cluster.truth(), cluster.epoch()
        cluster.run_away(BURST_SECONDS)
        owner.kill()
        wait_for(lambda: cluster.epoch() > epoch, seconds=TAKEN_OVER_SECONDS)
        wait_for(lambda: is_owner(other))
        assert figure(other, "hex_exporter_lease_changes_total") == figure(other, "hex_exporter_lease_epoch") - 1

        def happened() -> Samples:
            found = {labels: count - before.get(labels, 0) for labels, count in cluster.truth().items()}
            return {labels: count for labels, count in found.items() if count}

        def shown(by: Prometheus) -> Samples:
            return by.query(f"round({grown}) > 0", "project_id", "trigger", "status")

        started = 2 * BURST_SECONDS
        wait_for(
            lambda: sum(happened().values()) > started / 2 and cluster.counted(other) == cluster.truth(), seconds=100
        )
        wait_for(lambda: shown(one) == shown(two) == happened())
        per_run = "workspace_project:hex_run_seconds_per_run:ratio"
        names = one.query('count by (__name__) ({__name__=~"hex_.*_(total|count|bucket)"})', "__name__")
        assert ("hex_runs_total",) in names
        for (name,) in names:
            assert one.query(f"resets({name}[5m]) > 0") == {}, name

        def ratio() -> float:
            return figure(other, "hex_run_seconds_total") / figure(other, "hex_runs_total")

        for by in (one, two):
            wait_for(lambda by=by: list(by.query(per_run, "project_id").values()) == [ratio()])
            assert not [line for line in by.complaints() if "rule" in line.lower()]


def test_what_a_paused_owner_would_write_when_it_goes_on_is_refused(cluster: Cluster) -> None:
    owner, other = cluster.roles()
    epoch, name = cluster.epoch(), cluster.owner_name()
    cluster.simulator.tell("faults", kind="slow", count=1, seconds=HEX_SILENT_SECONDS)
    cluster.run_away(2)
    wait_for(lambda: not cluster.simulator.ask("state")["faults"], seconds=100)  # its request is under way
    owner.signal(signal.SIGSTOP)
    began = time.monotonic()
    wait_for(lambda: cluster.epoch() > epoch, seconds=TAKEN_OVER_SECONDS)
    time.sleep(max(0.0, began + HEX_SILENT_SECONDS - time.monotonic()))  # and answered by now
    with cluster.unable_to_renew(name):  # so that it cannot learn first that it is no owner any more
        owner.signal(signal.SIGCONT)
        owner.said("another replica owns it: nothing is written here")

    wait_for(lambda: figure(owner, "hex_exporter_lease_owner") == 0)
    wait_for(lambda: cluster.counted(owner) == cluster.counted(other) == cluster.truth(), seconds=100)
    assert figure(other, "hex_exporter_lease_epoch") == epoch + 1
    assert "Traceback" not in owner.text + other.text


def test_an_owner_that_is_ended_is_succeeded_at_once(cluster: Cluster) -> None:
    owner, other = cluster.roles()
    epoch = cluster.epoch()
    owner.signal(signal.SIGTERM)

    assert owner.exit_status() == 0
    wait_for(lambda: cluster.epoch() > epoch, seconds=5)
    wait_for(lambda: is_owner(other))
