"""What would happen to a run request now, and why, by what the ledger knows: Hex is not queried, nothing is run."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec

from exporter.config import Budget, BudgetBrake, Config
from exporter.gateway.cache.budget_use import is_of, read_use, spent, uncounted
from exporter.gateway.cache.hits import Hit, find_hit, join_refusal
from exporter.gateway.cache.results import Results
from exporter.gateway.cache.run_key import RunKey, run_key
from exporter.gateway.cache.run_request import parse_run
from exporter.gateway.cache.writeback import side_effect
from exporter.gateway.runs.active_run import LEASE_SECONDS
from exporter.ledger import KEEP_MS, WorkspaceLedger
from exporter.sources import source_status


@dataclass(frozen=True, slots=True)
class Explanation:
    """The outcome to be expected (hit, joined, miss, bypass), its reason, and what could not be looked at."""

    outcome: str
    reason: str
    run_id: str | None
    unseen: tuple[str, ...]


def explain(
    config: Config, ledger: WorkspaceLedger, project_id: str, inputs: Mapping[str, object], now_ms: int
) -> Explanation | None:
    """What a request with these input parameters would be answered; None for a project that is not in the ledger."""
    found = _without_brake(config, ledger, project_id, inputs, now_ms)
    if found is None or found.outcome not in ("miss", "bypass"):
        return found
    brake, budget = _brake_of(config, ledger, project_id)
    if brake is None or budget is None:
        return found
    if budget.unit != "runs":
        unseen = f"whether the budget {budget.name} is spent, which holds requests back then: see hex_budget_used"
        return replace(found, unseen=(*found.unseen, unseen))
    use = read_use(config, ledger, budget, now_ms)
    held = spent(brake, use, use.counted + uncounted(use, ledger.gateway.runs(use.period[0]), ledger))
    if held is None:
        return found
    then = {"queue": "a request waits, then it is refused", "refuse": "a request is refused"}
    what = then.get(brake.then, "a request gets the last result within max_stale, else it is refused")
    return Explanation("refused", f"{held.sentence}: {what}", None, found.unseen)


def _brake_of(
    config: Config, ledger: WorkspaceLedger, project_id: str
) -> tuple[BudgetBrake, Budget] | tuple[None, None]:
    """What may hold the project's requests back, with its budget; None where nothing does."""
    listed = ledger.project(project_id)
    assert config.gateway is not None
    assert listed is not None
    brake = config.gateway.policy(ledger.name, listed.project).when_budget_spent
    if brake is None or any(one.matches(ledger.name, listed.project) for one in brake.left_out.match):
        return None, None
    budget = next((one for one in config.budgets_of(ledger.name) if one.name == brake.budget), None)
    if budget is None or not is_of(budget, ledger.name, listed.project):
        return None, None
    return brake, budget


def _without_brake(
    config: Config, ledger: WorkspaceLedger, project_id: str, inputs: Mapping[str, object], now_ms: int
) -> Explanation | None:
    """What it would be answered while no budget is spent."""
    assert config.gateway is not None
    listed = ledger.project(project_id)
    if listed is None:
        return None
    project = listed.project
    policy = config.gateway.policy(ledger.name, project)
    request = parse_run(msgspec.json.encode({"inputParams": inputs} if inputs else {}), ()).under(policy, ())
    status = source_status(config, ledger.name, project, ledger.sources.states(), now_ms)
    key = run_key(project, request, policy, status, config.week(ledger.name).timezone)
    runs = [run for run in ledger.gateway.runs(now_ms - KEEP_MS) if run.request == key.request]
    results = Results()
    for run in runs:
        results.add(run)
    if effect := side_effect(config, ledger, project, policy):
        reason = f"the request needs a run of its own: {effect}"
        return Explanation("bypass", reason, None, tuple(_unseen(key, now_ms)))
    found = find_hit(key, results, now_ms)
    if isinstance(found, Hit):
        return Explanation("hit", found.reason, found.run.run_id, tuple(_unseen(key, now_ms)))

    reason = found.reason
    since_ms = now_ms - round(LEASE_SECONDS * 1000)
    for run in reversed(runs):
        if run.state == "intended":
            reason = "a run of this request is in doubt: until it is found or given up, a request waits for it"
            return Explanation("miss", reason, None, tuple(_unseen(key, now_ms)))
        if run.state != "started" or run.status is not None or not since_ms <= run.sent_ms <= now_ms:
            continue
        refusal = join_refusal(key, run, (now_ms - run.sent_ms) / 1000, now_ms)
        if refusal is None:
            unseen = ("whether that run is still running: only Hex knows its state", *_unseen(key, now_ms))
            said = f"the same run was sent {(now_ms - run.sent_ms) / 1000:.0f} s ago, and its end has not been seen"
            return Explanation("joined", said, run.run_id, unseen)
        reason = refusal
        break
    return Explanation("miss", reason, None, tuple(_unseen(key, now_ms)))


def _unseen(key: RunKey, now_ms: int) -> list[str]:
    state = key.source.state
    age = "never" if state is None or not state.finished_ms else f"{(now_ms - state.began_ms) / 1000:.0f} s ago"
    unseen = [
        "whether the caller may have the run: it needs to have run the project, or policy shared and the right to read",
        "whether a newer version is published: this is the version that the exporter listed last",
    ]
    source = key.source.source
    if source is not None:
        asks = "a request has it probed anew" if source.on_request_seconds is not None else "a request relies on that"
        unseen.insert(0, f"the source as it is now: it was last probed {age}, and {asks}")
    return unseen
