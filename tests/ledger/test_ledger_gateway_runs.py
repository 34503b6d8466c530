"""The gateway's runs in the ledger: what was meant to be sent, how it went on, and who has started what."""

from dataclasses import replace
from typing import Any

import pytest
from helpers.damage import damage

from exporter.errors import LedgerError
from exporter.ledger import OTHER, GatewayDecision, GatewayRun, GatewayRunRepository, RequestKey, gateway_runs, observed

DAY_MS = 86_400_000


def intent(intent_id: str = "i", **changes: Any) -> GatewayRun:
    facts = {"project_id": "p", "fingerprint": "f", "request": "{}", "caller": "c", "version": "3", "sent_ms": 100}
    return GatewayRun(intent_id=intent_id, **{**facts, **changes})


def started(intent_id: str = "i", run_id: str = "r", **changes: Any) -> GatewayRun:
    """As Hex answers: a run that was intended has this id."""
    return intent(intent_id, **{"run_id": run_id, "answer": '{"runId":"r"}', "state": "started", **changes})


class TestRuns:
    def test_an_intent_is_known_before_and_after_a_restart(self, bench: Any) -> None:
        run = intent(source_key="k", source_digest="d", probe_finished_ms=90, is_sampled=True)
        bench.workspace.gateway.intend(run)

        bench.restart()

        assert bench.workspace.gateway.runs(0) == (run,)

    def test_a_run_goes_from_intent_to_its_end(self, bench: Any) -> None:
        gateway: GatewayRunRepository = bench.workspace.gateway
        gateway.intend(intent())

        gateway.started(started(), 150)
        assert gateway.run("r") == started()
        gateway.finished("r", "completed", 900, 700)

        assert gateway.run("r") == started(status="completed", ended_ms=900, duration_ms=700)

    def test_a_start_is_one_transaction(self, bench: Any) -> None:
        gateway: GatewayRunRepository = bench.workspace.gateway
        gateway.intend(intent())
        before = bench.ledger.version

        gateway.started(started(), 150)

        assert bench.ledger.version == before + 1
        assert gateway.attached() == {"r": {"c": 1}}
        assert gateway.is_starter("p", "c")

    def test_a_start_that_cannot_be_written_leaves_the_intent(self, bench: Any) -> None:
        gateway: GatewayRunRepository = bench.workspace.gateway
        gateway.intend(intent())
        broken = replace(started(), caller=None)  # type: ignore[arg-type]

        with pytest.raises(Exception):  # noqa: B017
            gateway.started(broken, 150)

        assert gateway.runs(0) == (intent(),)
        assert gateway.attached() == {}

    def test_a_dry_run_is_over_as_it_starts_and_has_no_holder(self, bench: Any) -> None:
        gateway: GatewayRunRepository = bench.workspace.gateway
        gateway.intend(intent())

        gateway.started(started(status="dry_run"), 150)

        assert gateway.run("r") == started(status="dry_run", ended_ms=150)
        assert gateway.attached() == {}
        assert gateway.is_starter("p", "c")

    def test_a_run_that_was_in_doubt_has_an_id_and_no_answer(self, bench: Any) -> None:
        gateway: GatewayRunRepository = bench.workspace.gateway
        gateway.intend(intent())

        gateway.found("i", "r")

        assert gateway.run("r") == started(answer="")
        assert not gateway.is_starter("p", "c")

    @pytest.mark.parametrize("state", ["not_started", "unknown"])
    def test_what_did_not_start_differs_from_what_cannot_be_known(self, bench: Any, state: Any) -> None:
        bench.workspace.gateway.intend(intent())

        bench.workspace.gateway.not_started("i", state)

        assert bench.workspace.gateway.runs(0) == (intent(state=state),)

    def test_runs_come_in_the_order_in_which_they_were_sent(self, bench: Any) -> None:
        gateway: GatewayRunRepository = bench.workspace.gateway
        for intent_id, sent_ms in (("late", 30), ("early", 10), ("middle", 20)):
            gateway.intend(intent(intent_id, sent_ms=sent_ms))

        assert [run.intent_id for run in gateway.runs(0)] == ["early", "middle", "late"]
        assert [run.intent_id for run in gateway.runs(20)] == ["middle", "late"]

    def test_the_end_of_a_run_of_others_changes_nothing(self, bench: Any) -> None:
        bench.workspace.gateway.intend(intent())

        bench.workspace.gateway.finished("foreign", "completed", 1, 1)

        assert bench.workspace.gateway.runs(0) == (intent(),)
        assert bench.workspace.gateway.run("foreign") is None

    def test_workspaces_do_not_mix(self, bench: Any) -> None:
        bench.workspace.gateway.intend(intent())
        bench.workspace.gateway.started(started(), 150)

        other: GatewayRunRepository = bench.ledger.workspace("other").gateway
        other.finished("r", "completed", 1, 1)

        assert (other.runs(0), other.run("r")) == ((), None)
        assert bench.workspace.gateway.runs(0)[0].status is None

    def test_runs_are_forgotten_after_thirty_days(self, bench: Any) -> None:
        now_ms = int(bench.clock.now() * 1000)
        for intent_id, sent_ms in (("old", now_ms - 31 * DAY_MS), ("young", now_ms - 29 * DAY_MS)):
            bench.workspace.gateway.intend(intent(intent_id, sent_ms=sent_ms))

        bench.workspace.prune(now_ms - 400 * DAY_MS)

        assert [run.intent_id for run in bench.workspace.gateway.runs(0)] == ["young"]


class TestAttached:
    def test_how_often_each_caller_is_attached_is_known_after_a_restart(self, bench: Any) -> None:
        bench.workspace.gateway.attach({("r", "a"): 1, ("r", "b"): 2, ("s", "a"): 1}, 10)
        bench.workspace.gateway.attach({("r", "a"): 3, ("r", "b"): 0}, 20)

        bench.restart()

        assert bench.workspace.gateway.attached() == {"r": {"a": 3, "b": 0}, "s": {"a": 1}}
        assert bench.ledger.workspace("other").gateway.attached() == {}

    def test_the_end_of_a_run_and_detaching_all_remove_it(self, bench: Any) -> None:
        gateway: GatewayRunRepository = bench.workspace.gateway
        gateway.attach({("r", "a"): 1, ("s", "a"): 1, ("t", "a"): 1}, 10)
        bench.ledger.workspace("other").gateway.attach({("r", "a"): 1}, 10)

        gateway.finished("r", "completed", 900, 700)
        gateway.detach_all("s")

        assert gateway.attached() == {"t": {"a": 1}}
        assert bench.ledger.workspace("other").gateway.attached() == {"r": {"a": 1}}

    def test_it_is_forgotten_after_thirty_days(self, bench: Any) -> None:
        now_ms = int(bench.clock.now() * 1000)
        bench.workspace.gateway.attach({("old", "a"): 1}, now_ms - 31 * DAY_MS)
        bench.workspace.gateway.attach({("young", "a"): 1}, now_ms - 29 * DAY_MS)

        bench.workspace.prune(now_ms - 400 * DAY_MS)

        assert list(bench.workspace.gateway.attached()) == ["young"]


class TestSecret:
    def test_it_is_random_and_stays_the_same(self, bench: Any) -> None:
        first = bench.workspace.gateway.secret()
        again = bench.workspace.gateway.secret()
        bench.restart()

        assert len(first) == 32
        assert first == again == bench.workspace.gateway.secret()
        assert bench.ledger.workspace("other").gateway.secret() != first

    def test_a_ledger_in_the_place_of_a_damaged_one_keeps_it(self, file_bench: Any) -> None:
        """The names of callers are hashes by it: those of runs that go on are written to the new ledger."""
        secret = file_bench.workspace.gateway.secret()
        damage(file_bench.ledger, file_bench.path)
        with pytest.raises(LedgerError):
            file_bench.workspace.gateway.intend(intent())
        file_bench.workspace.gateway.intend(intent())
        file_bench.restart()

        assert file_bench.workspace.gateway.secret() == secret


class TestStarters:
    def test_who_has_started_a_project_is_known_after_a_restart(self, bench: Any) -> None:
        bench.workspace.gateway.started(started(caller="caller"), 10)
        bench.workspace.gateway.started(started(caller="caller"), 20)

        bench.restart()

        gateway: GatewayRunRepository = bench.workspace.gateway
        assert gateway.is_starter("p", "caller")
        assert not gateway.is_starter("q", "caller")
        assert not gateway.is_starter("p", "another")

    def test_who_started_longest_ago_is_evicted(self, bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gateway_runs, "MOST_STARTERS", 3)
        gateway: GatewayRunRepository = bench.workspace.gateway
        for at_ms, caller in enumerate("abcad"):
            gateway.started(started(caller=caller), at_ms)

        assert {one for one in "abcd" if gateway.is_starter("p", one)} == {"a", "c", "d"}

        bench.restart()

        gateway = bench.workspace.gateway
        assert {one for one in "abcd" if gateway.is_starter("p", one)} == {"a", "c", "d"}
        gateway.started(started(caller="e"), 9)
        assert {one for one in "acde" if gateway.is_starter("p", one)} == {"a", "d", "e"}


class TestCounting:
    def test_many_counters_grow_at_once_and_projects_without_series_add_to_other(self, bench: Any, now_ms: int) -> None:
        bench.begin("p", "q", limit=1)
        members = [known.project.project_id for known in bench.workspace.projects() if known.has_series]

        bench.workspace.count_many(
            {
                ("hex_cache_lookups_total", ("p",)): 2,
                ("hex_cache_lookups_total", ("q",)): 3,
                ("hex_cache_lookups_total", ("unknown",)): 5,
                ("hex_gateway_requests_total", ("hit",)): 1,
                **observed("hex_gateway_queue_seconds", (), 700),
            },
            now_ms,
        )

        sums = bench.sums()
        (member,) = members
        own = {"p": 2, "q": 3}[member]
        assert sums["hex_cache_lookups_total", (member,)] == own
        assert sums["hex_cache_lookups_total", (OTHER,)] == 10 - own
        assert sums["hex_gateway_requests_total", ("hit",)] == 1
        assert sums["hex_gateway_queue_seconds_sum", ()] == 700
        assert ("hex_gateway_queue_seconds_bucket", ("0.5",)) not in sums
        assert sums["hex_gateway_queue_seconds_bucket", ("1.0",)] == 1

    def test_one_amount_below_zero_spoils_all(self, bench: Any, now_ms: int) -> None:
        with pytest.raises(ValueError, match=r"hex_cache_hits_total: the amount -1"):
            bench.workspace.count_many(
                {("hex_gateway_requests_total", ("hit",)): 1, ("hex_cache_hits_total", ("p",)): -1}, now_ms
            )

        assert bench.sums() == {}

    def test_without_a_gateway_there_are_no_series_of_it(self, bench: Any) -> None:
        bench.begin("p")

        metrics = {counter.metric for counter in bench.workspace.counters()}
        assert not [metric for metric in metrics if metric.startswith(("hex_cache_", "hex_gateway_"))]

    def test_with_one_all_are_there_at_zero_for_projects_listed_before_and_after(self, bench: Any, now_ms: int) -> None:
        bench.begin("p")

        bench.workspace.foresee_gateway(now_ms)
        bench.begin("p", "q")

        served = {(one.metric, one.labels): one.value for one in bench.workspace.counters()}
        for project_id in ("p", "q", OTHER):
            assert served["hex_cache_lookups_total", (project_id,)] == 0
            assert served["hex_cache_hits_total", (project_id,)] == 0
        assert served["hex_gateway_requests_total", ("refused",)] == 0
        assert served["hex_gateway_queue_seconds_count", ()] == 0
        assert served["hex_api_rate_limited_total", ("run_project",)] == 0
        assert bench.sums() == {}


def key(name: str, intent_id: str = "i", at_ms: int = 100) -> RequestKey:
    return RequestKey(key=name, request="r", intent_id=intent_id, at_ms=at_ms)


class TestKeys:
    def test_the_keys_of_a_run_are_written_with_its_intent(self, bench: Any) -> None:
        gateway: GatewayRunRepository = bench.workspace.gateway
        before = bench.ledger.version
        gateway.intend(intent(), [key("k1"), key("k2")])
        assert bench.ledger.version == before + 1

        bench.restart()

        assert bench.workspace.gateway.requests.keys(0) == (key("k1"), key("k2"))
        assert bench.workspace.gateway.intent("i") == intent()
        assert bench.workspace.gateway.intent("other") is None

    def test_they_are_kept_for_a_day_and_no_more_than_so_many(self, bench: Any, monkeypatch: Any) -> None:
        requests = bench.workspace.gateway.requests
        requests.record_keys([key("old", at_ms=0), key("k1", at_ms=2)])
        requests.record_keys([key("k2", at_ms=DAY_MS + 1)])
        assert [one.key for one in requests.keys(0)] == ["k1", "k2"]

        monkeypatch.setattr("exporter.ledger.gateway_requests.MOST_KEYS", 2)
        requests.record_keys([key("k3", at_ms=DAY_MS + 2)])
        assert [one.key for one in requests.keys(0)] == ["k2", "k3"]
        assert [one.key for one in requests.keys(DAY_MS + 2)] == ["k3"]


class TestDecisions:
    def test_the_latest_are_kept_in_order(self, bench: Any, monkeypatch: Any) -> None:
        def decision(number: int, project_id: str = "p") -> GatewayDecision:
            return GatewayDecision(
                at_ms=number, project_id=project_id, caller="c", outcome="hit", reason="so", run_id=f"r{number}"
            )

        monkeypatch.setattr("exporter.ledger.gateway_requests.MOST_DECISIONS", 3)
        requests = bench.workspace.gateway.requests
        requests.record_decisions([decision(1), decision(2)])
        requests.record_decisions([decision(3), decision(4, "q")])

        bench.restart()

        requests = bench.workspace.gateway.requests
        assert requests.decisions() == (decision(2), decision(3), decision(4, "q"))
        assert requests.decisions(project_id="q") == (decision(4, "q"),)
        assert requests.decisions(since_ms=3) == (decision(3), decision(4, "q"))
        bench.workspace.prune(4)
        assert requests.decisions() == (), "they are older than 30 days"
