"""The brake: a request that needs a run is held back once its policy's budget is spent, runs under way included."""

import asyncio
import hashlib
from collections import Counter

import msgspec

from exporter.config import Budget
from exporter.errors import LedgerError
from exporter.gateway.access.caller import Caller
from exporter.gateway.cache.budget_use import BudgetUse, Spent, is_of, read_use, spent, uncounted
from exporter.gateway.cache.project_rules import ProjectRules
from exporter.gateway.cache.run_key import RunKey
from exporter.gateway.context import GatewayContext
from exporter.gateway.routing.answers import Answer
from exporter.gateway.routing.error_bodies import too_many
from exporter.gateway.runs.active_run import RunOrder
from exporter.gateway.runs.registry import RunRegistry

_READ_SECONDS = 5.0
"""How old the ledger's count may be: runs that others start are read by polling, which is slower."""


class BudgetBrakes:
    """Judges requests by the budget of their policy. Used on one event loop."""

    def __init__(
        self, context: GatewayContext, rules: ProjectRules, registry: RunRegistry, *, length: int, per_caller: int
    ) -> None:
        """So many requests may wait for their budget, in all and of one caller."""
        self._context = context
        self._rules = rules
        self._registry = registry
        self._reading = asyncio.Lock()
        self._most = (length, per_caller)
        self._waiting: Counter[str] = Counter()
        self._read: dict[str, tuple[float, BudgetUse]] = {}

    async def spent(self, key: RunKey, order: RunOrder) -> Spent | None:
        """The budget that holds the request back, None if it may run.

        What is returned holds until the caller's next await: whoever queues a run before it uses the budget's last
        run alone.
        """
        brake = key.policy.when_budget_spent
        if brake is None or order.is_dry or self._passes(key, order.caller):
            return None
        budget = next((one for one in self._rules.budgets if one.name == brake.budget), None)
        if budget is None or not is_of(budget, self._context.ledger.name, key.project):
            return None
        # What a run costs is known once it has ended: of other units than runs, none that is under way is counted.
        use = await self._use(budget) if budget.unit == "runs" else self._shown(budget)
        under_way = 0 if use is None or budget.unit != "runs" else self._under_way(use)
        found = None if use is None else spent(brake, use, use.counted + under_way)
        return None if found is None or self._shares(key, order) else found

    async def wait(self, caller: Caller, seconds: float) -> bool:
        """Wait for so long for the budget; False at once where too many wait already."""
        if self._waiting.total() >= self._most[0] or self._waiting[caller.name] >= self._most[1]:
            return False
        self._waiting[caller.name] += 1
        try:
            await self._context.clock.sleep(seconds)
        finally:
            self._waiting[caller.name] -= 1
            if not self._waiting[caller.name]:
                del self._waiting[caller.name]
        return True

    def refusal(self, found: Spent, key: RunKey) -> Answer:
        """The 429 of a request that is held back, until the budget's next period."""
        seconds = max(1.0, (found.resets_ms - self._context.now_ms()) / 1000)
        owner = found.budget.match.owner or key.project.owner
        ask = f"; ask {owner} for more" if owner else ""
        plain = too_many(f"No run is started, as {found.sentence}{ask}", seconds)
        body = msgspec.json.decode(plain.body)
        body |= {"budget": found.budget.name, "used": found.used, "limit": found.budget.limit, "owner": owner}
        return Answer(plain.status, plain.headers, msgspec.json.encode(body))

    def count(self, found: Spent, outcome: str) -> None:
        """A request was held back, and this became of it."""
        self._context.journal.count("hex_gateway_braked_total", (found.budget.name, outcome))

    def _shares(self, key: RunKey, order: RunOrder) -> bool:
        """Whether the request waits for a run that its caller has requested already: it needs none of its own."""
        if order.is_exclusive:
            return False
        waiting = (run.waiting for run in self._registry.pending())
        return any(
            one.order.caller.name == order.caller.name
            and not one.order.is_exclusive
            and one.key.fingerprint == key.fingerprint
            for one in waiting
        )

    def _passes(self, key: RunKey, caller: Caller) -> bool:
        brake = key.policy.when_budget_spent
        assert brake is not None
        matches, tokens = brake.left_out.match, brake.left_out.tokens
        if any(one.matches(self._context.ledger.name, key.project) for one in matches):
            return True
        token = caller.authorization.partition(b" ")[2].strip()
        return bool(tokens) and hashlib.sha256(token).hexdigest() in tokens

    def _shown(self, budget: Budget) -> BudgetUse | None:
        """What the exporter shows as used of a budget, None where it knows nothing of this period."""
        shown = self._context.budgets_used().get(budget.name)
        if shown is None or not shown[0][0] <= self._context.now_ms() < shown[0][1]:
            return None
        return BudgetUse(budget, *shown)

    async def _use(self, budget: Budget) -> BudgetUse | None:
        """The ledger's count, read anew where it is old; the last one where the ledger cannot be read."""
        async with self._reading:
            now = self._context.clock.monotonic()
            read_at, known = self._read.get(budget.name, (0.0, None))
            now_ms = self._context.now_ms()
            is_of_now = known is not None and known.budget == budget and known.period[0] <= now_ms < known.period[1]
            if is_of_now and now - read_at < _READ_SECONDS:
                return known
            try:
                args = (self._rules.config, self._context.ledger, budget, now_ms)
                known = await self._context.journal.read(read_use, *args)
            except LedgerError:
                return known  # where it cannot be written either, no run is started
            self._read[budget.name] = (now, known)
            return known

    def _under_way(self, use: BudgetUse) -> int:
        """Runs that the ledger's count lacks: those that were sent since, and those that wait for their turn."""
        pending = dict.fromkeys(self._registry.pending())
        sent = [run.record for run in self._registry.all_sent() if run.record is not None and run not in pending]
        name, waiting = self._context.ledger.name, [run.waiting for run in pending]
        queued = sum(not one.order.is_dry and is_of(use.budget, name, one.key.project) for one in waiting)
        return uncounted(use, sent, self._context.ledger) + queued
