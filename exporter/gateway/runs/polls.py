"""Polls of run states: final states are remembered, active ones are read from Hex as often as the rate allows."""

from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from exporter.facts import Run
from exporter.gateway.access.caller import Caller
from exporter.gateway.access.callers import Callers
from exporter.gateway.context import GatewayContext
from exporter.gateway.decisions import log_decision
from exporter.gateway.routing.answers import JSON_HEADERS
from exporter.gateway.routing.headers import to_caller
from exporter.gateway.routing.hex_items import read_run
from exporter.gateway.routing.target import Operation, Target, TargetError, parse_target
from exporter.gateway.runs.registry import RunRegistry
from exporter.gateway.single_flight import SingleFlight
from exporter.gateway.upstream.reply import RawHeaders, Reply
from exporter.gateway.upstream.upstream import NoAnswerError, NoRoomError, Request
from exporter.ledger import GatewayRun

MOST_STATES = 10_000
"""How many states of runs are remembered; the one polled longest ago is evicted."""

MOST_POLLERS = 2_000
"""How many callers' projects are remembered as being polled; the one polled longest ago is evicted."""

_PAGE = "limit=100&offset=0"
_INTEREST_SECONDS = 120.0
"""A run that was not polled for so long does not come into a page that is read for several."""

_SHORTEST_INTERVAL_SECONDS = 1.0
"""Between two questions about one run, as nearly all clients poll more slowly than that."""

_SHARE_FOR_POLLS = 2 / 3
"""Of what callers may ask; the rest is for starts, cancels and reads."""

_EXPANDED = b"enable-expanded-stats"
_CONDITIONS = frozenset({b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since", b"range"})


class _RunsPage(msgspec.Struct):
    runs: list[msgspec.Raw]


@dataclass(frozen=True, slots=True)
class _State:
    """Hex's last answer about a run; `is_shared`: it came on a page that was requested for another run."""

    reply: Reply
    is_final: bool
    is_shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One request for the state of a run, in a caller's name. `headers` hold the caller's own token."""

    caller: str
    target: Target
    headers: RawHeaders = field(repr=False)

    @property
    def project_id(self) -> str:
        """The project of the run."""
        return self.target.project_id or ""

    @property
    def run_id(self) -> str:
        """The run."""
        return self.target.run_id or ""

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it the same request of the same caller."""
        return (self.caller, *self.state_key)

    @property
    def state_key(self) -> tuple[str, str, str]:
        """What its answer is remembered by."""
        return (self.project_id, self.run_id, self.variant)

    @property
    def variant(self) -> str:
        """What else than the run the answer depends on; empty for the request that every client sends."""
        expanded = [value.decode("latin-1") for name, value in self.headers if name.lower() == _EXPANDED]
        wanted = self.target.query + "|".join(expanded)
        has_conditions = any(name.lower() in _CONDITIONS for name, _ in self.headers)
        return wanted + (" conditional" if has_conditions else "")


def poll_of(caller: Caller, run: GatewayRun) -> Poll | None:
    """The poll of one run for a caller; None where Hex has given it an id that no address should be made of."""
    path = f"/api/v1/projects/{run.project_id}/runs/{run.run_id}"
    try:
        target = parse_target("GET", path.encode(), b"")
    except TargetError:
        return None
    is_plain = target.operation is Operation.RUN_STATUS
    return Poll(caller=caller.name, target=target, headers=caller.headers) if is_plain else None


class Polls:
    """Answers the polls of all callers. Used on one event loop.

    A caller that was given a run by the gateway may have what another one has learned of it, if Hex has accepted its
    token for the project within the last minute. The registry takes in every run whose state Hex shows.
    """

    def __init__(self, context: GatewayContext, callers: Callers, registry: RunRegistry) -> None:
        self._context = context
        self._upstream = context.upstream
        self._journal = context.journal
        self._clock = context.clock
        self._callers = callers
        self._registry = registry
        self._states: OrderedDict[tuple[str, str, str], _State] = OrderedDict()
        self._interests: OrderedDict[tuple[str, str], dict[str, float]] = OrderedDict()
        self._asking: SingleFlight[tuple[str, str, str, str], Reply] = SingleFlight(self._upstream.is_waiting)

    async def answer(self, poll: Poll, patience_seconds: float) -> tuple[Reply, float | None]:
        """The state of the run as Hex shows or showed it, and in the latter case its age in seconds.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        remembered = self._remembered(poll)
        if remembered is not None:
            return remembered
        if poll.key in self._asking:
            self._saved(poll, "recent", "the state is being read from Hex for another poll")
        try:
            return await self._asking.answer(poll.key, lambda: self._ask(poll, patience_seconds)), None
        except NoRoomError:
            state = self._states.get(poll.state_key)
            if state is None or not self._may_have(poll):
                raise
            _log(poll, "remembered", "the rate limit leaves no room to ask Hex")
            return state.reply, self._clock.monotonic() - state.reply.at

    async def look(self, poll: Poll) -> None:
        """Ask for the state of a run without a caller's poll, unless it is recent or the rate leaves no room."""
        state = self._states.get(poll.state_key)
        is_known = state is not None and (state.is_final or self._clock.monotonic() - state.reply.at < self._interval())
        if not is_known and poll.key not in self._asking and self._upstream.has_room(poll.caller, Operation.RUN_STATUS):
            with suppress(NoRoomError, NoAnswerError):
                await self._asking.answer(poll.key, lambda: self._ask(poll, 0.0))

    async def ask_now(self, poll: Poll, patience_seconds: float) -> Reply:
        """The state of a run as Hex shows it now, whatever is remembered.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        return await self._asking.answer(poll.key, lambda: self._ask(poll, patience_seconds))

    async def aclose(self) -> None:
        """End the questions that are still open."""
        await self._asking.aclose()

    def _remembered(self, poll: Poll) -> tuple[Reply, float] | None:
        state = self._states.get(poll.state_key)
        if state is None or not self._may_have(poll):
            return None
        age = max(0.0, self._clock.monotonic() - state.reply.at)
        if state.is_final:
            self._saved(poll, "remembered", "the run has ended")
        elif age < self._interval() or not self._upstream.has_room(poll.caller, Operation.RUN_STATUS):
            self._saved(poll, "shared_page" if state.is_shared else "recent", f"Hex showed it {age:.1f} s ago")
            self._note_interest(poll)
        else:
            return None
        self._states.move_to_end(poll.state_key)
        return state.reply, age

    def _saved(self, poll: Poll, kind: str, reason: str) -> None:
        self._journal.count("hex_gateway_saved_calls_total", (kind,))
        _log(poll, kind, reason)

    def _may_have(self, poll: Poll) -> bool:
        if self._callers.is_proven(poll.caller, poll.project_id, poll.run_id):
            return True
        was_given = self._registry.was_given(poll.caller, poll.run_id)
        return was_given and self._callers.is_proven(poll.caller, poll.project_id)

    def _interval(self) -> float:
        """Seconds between two questions about one run, so that all of them together leave room for other requests."""
        now = self._clock.monotonic()
        groups = {
            project_id
            for (_, project_id), runs in self._interests.items()
            if any(now - at < _INTEREST_SECONDS for at in runs.values())
        }
        per_second = max(1.0, self._context.pace().callers_allowed_per_minute * _SHARE_FOR_POLLS) / 60
        return max(_SHORTEST_INTERVAL_SECONDS, len(groups) / per_second)

    async def _ask(self, poll: Poll, patience_seconds: float) -> Reply:
        _log(poll, "passed_on", "no recent state is known that the caller may have")
        if not poll.variant and self._active_of(poll) >= 2:
            found = await self._ask_page(poll, patience_seconds)
            if found is not None:
                return found
        reply = await self._upstream.ask(
            Request(
                method="GET",
                url=poll.target.upstream_url(self._context.base_url),
                endpoint=Operation.RUN_STATUS.value,
                caller=poll.caller,
                headers=poll.headers,
            ),
            patience_seconds,
        )
        self._take_in(poll, reply)
        return reply

    async def _ask_page(self, poll: Poll, patience_seconds: float) -> Reply | None:
        """Ask for the project's newest runs in one request; the state of the polled one if it is among them."""
        headers = [(name, value) for name, value in poll.headers if name.lower() != _EXPANDED]
        reply = await self._upstream.ask(
            Request(
                method="GET",
                url=f"{self._context.base_url}/projects/{poll.project_id}/runs?{_PAGE}",
                endpoint=Operation.RUNS.value,
                caller=poll.caller,
                headers=headers,
            ),
            patience_seconds,
        )
        if reply.status != 200:
            return None
        try:
            items = msgspec.json.decode(reply.body, type=_RunsPage).runs
        except msgspec.DecodeError:
            return None
        wanted = self._interests.get((poll.caller, poll.project_id), {}).keys() | {poll.run_id}
        found = None
        for item in items:
            run = read_run(bytes(item), poll.project_id)
            if run is None:
                continue
            self._registry.observe(run, reply.at)
            if run.run_id not in wanted:
                continue
            one = Reply(200, JSON_HEADERS, bytes(item), reply.at)
            self._remember(poll, run, one, is_shared=run.run_id != poll.run_id)
            if run.run_id == poll.run_id:
                found = one
        return found

    def _take_in(self, poll: Poll, reply: Reply) -> None:
        """Remember the state that Hex shows; nothing of a refusal."""
        if reply.status != 200:
            if reply.status in (401, 403, 404):
                self._callers.forget(poll.caller, poll.project_id)
            return
        run = read_run(reply.body, poll.project_id)
        if run is None or run.run_id.lower() != poll.run_id.lower():
            return
        self._registry.observe(run, reply.at)
        self._remember(poll, run, reply, is_shared=False)

    def _remember(self, poll: Poll, run: Run, reply: Reply, *, is_shared: bool) -> None:
        safe = Reply(reply.status, tuple(to_caller(reply.headers)), reply.body, reply.at)
        self._callers.prove(poll.caller, poll.project_id, run.run_id)
        self._callers.prove(poll.caller, poll.project_id)
        variant = "" if is_shared else poll.variant
        self._states[poll.project_id, run.run_id, variant] = _State(safe, not run.is_active, is_shared)
        self._states.move_to_end((poll.project_id, run.run_id, variant))
        while len(self._states) > MOST_STATES:
            self._states.popitem(last=False)
        if run.is_active:
            if run.run_id == poll.run_id:
                self._note_interest(poll)
        else:
            for (_, project_id), runs in self._interests.items():
                if project_id == poll.project_id:
                    runs.pop(run.run_id, None)

    def _note_interest(self, poll: Poll) -> None:
        key = (poll.caller, poll.project_id)
        now = self._clock.monotonic()
        runs = self._interests.setdefault(key, {})
        self._interests.move_to_end(key)
        for run_id in [one for one, at in runs.items() if now - at >= _INTEREST_SECONDS]:
            del runs[run_id]
        runs[poll.run_id] = now
        while len(self._interests) > MOST_POLLERS:
            self._interests.popitem(last=False)

    def _active_of(self, poll: Poll) -> int:
        """How many runs of the project this caller polls, this one included, that may still run."""
        return len(self._interests.get((poll.caller, poll.project_id), {}).keys() | {poll.run_id})


def _log(poll: Poll, outcome: str, reason: str) -> None:
    log_decision(outcome, reason, request="poll", caller=poll.caller, run_id=poll.run_id)
