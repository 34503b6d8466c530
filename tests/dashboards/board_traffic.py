"""What passes through the gateway of the boards' world, and what its probes see: by the rules of both, without them."""

import random

from exporter.config import Config
from exporter.ledger import WorkspaceLedger
from exporter.ledger.histograms import observed
from exporter.simulator import Simulation
from exporter.sources.run_judge import RunJudge

_CALLED = 6
_RUN_MS = 90_000
_PROBE_MS = 500


class Traffic:
    """Every published project is probed at each look; six of them are triggered, and run when their data changed.

    `waiting` and `running` are how the queue stands after the last look.
    """

    def __init__(self, config: Config, ledger: WorkspaceLedger, simulation: Simulation) -> None:
        self.waiting = self.running = 0
        self._config = config
        self._ledger = ledger
        self._simulation = simulation
        self._judge = RunJudge(ledger)
        self._rng = random.Random(5)
        self._ran: dict[str, str | None] = {}

    def pass_by(self, now_ms: int) -> None:
        """Probe, judge what has run, and let the callers ask once."""
        self._ledger.foresee_gateway(now_ms)
        published = [one for one in self._ledger.projects() if one.project.state == "published"]
        for known in published:
            project = known.project
            source = self._config.source_of("acme", project)
            key = source.key(project.project_id)
            if source.name != "warehouse":
                self._ledger.sources.record_failure(key, "no such file", now_ms)
                continue
            version, _ = self._simulation.source_state(self._simulation.by_id[project.project_id], now_ms)
            self._ledger.sources.record(key, str(version), now_ms - _PROBE_MS, now_ms)
            self._judge.judge(known, key, source.every_seconds, now_ms - _PROBE_MS, now_ms)
        for known in published[:_CALLED]:
            self._ask(known.project.project_id, now_ms)
        self._count("hex_gateway_saved_calls_total", ("remembered",), self._rng.randrange(30))
        self._count("hex_gateway_saved_calls_total", ("shared_page",), self._rng.randrange(20))
        self._count("hex_gateway_absorbed_total", ("rate_limit",), int(self._rng.random() < 0.1))
        self._count("hex_gateway_braked_total", ("weekly-runs", "cached"), int(self._rng.random() < 0.1))
        self._count("hex_gateway_requests_total", ("bypass",), int(self._rng.random() < 0.2))
        for outcome in ("dry_run", "started"):
            self._count("hex_triggers_total", (published[0].project.project_id, outcome), 1)
        self._count("hex_trigger_replaced_runs_total", (published[0].project.project_id,), 3)
        self._ledger.count_many(observed("hex_trigger_lag_seconds", (), 420_000), now_ms)
        self._count("hex_findings_realised_usd_total", ("idle_paid_seat",), 25_000)
        self._count("hex_findings_realised_money_usd_total", ("idle_paid_seat", "billed"), 25_000)
        self.running = self._rng.randrange(4)
        self.waiting = self._rng.randrange(9) if self.running == 3 else 0

    def _ask(self, project_id: str, now_ms: int) -> None:
        version, _ = self._simulation.source_state(self._simulation.by_id[project_id], now_ms)
        is_hit = self._ran.get(project_id) == str(version)
        self._ran[project_id] = str(version)
        self._count("hex_cache_lookups_total", (project_id,), 1)
        self._count("hex_gateway_requests_total", ("hit" if is_hit else "miss",), 1)
        if is_hit:
            self._count("hex_cache_hits_total", (project_id,), 1)
            self._count("hex_cache_saved_seconds_total", (project_id,), _RUN_MS)
        else:
            waited_ms = round(self._rng.expovariate(1 / 4000))
            self._ledger.count_many(observed("hex_gateway_queue_seconds", (), waited_ms), now_ms)

    def _count(self, metric: str, labels: tuple[str, ...], amount: int) -> None:
        self._ledger.count(metric, labels, amount)
