"""What callers ask about runs again and again: final states are remembered, active ones asked as the rate allows."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import msgspec

from exporter.clock import Clock
from exporter.facts import Run
from exporter.gateway.access.callers import Callers
from exporter.gateway.routing.headers import to_caller
from exporter.gateway.routing.target import Operation, Target
from exporter.gateway.runs.journal import Journal
from exporter.gateway.upstream.upstream import NoAnswerError, NoRoomError, RawHeaders, Reply, Request, Upstream
from exporter.hexapi import ApiRequest, Endpoint, parse_json, read_item

MOST_STATES = 10_000
"""How many states of runs are remembered; the one asked for longest ago gives way."""

MOST_POLLERS = 2_000

_PAGE = "limit=100&offset=0"
_INTEREST_SECONDS = 120.0
_SHORTEST_INTERVAL_SECONDS = 1.0
_SHARE_FOR_POLLS = 2 / 3
_EXPANDED = b"enable-expanded-stats"
_CONDITIONS = frozenset({b"if-none-match", b"if-modified-since", b"if-match", b"if-unmodified-since", b"range"})


class _RunsPage(msgspec.Struct):
    runs: list[msgspec.Raw]


@dataclass(frozen=True, slots=True)
class _State:
    """What Hex last said of a run, and when by the steady clock; `is_shared`: on a page that was asked for another."""

    reply: Reply
    is_final: bool
    is_shared: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One question after the state of a run, in a caller's name. `headers` hold the caller's own token."""

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
        """What makes it the same question of the same caller."""
        return (self.caller, *self.state_key)

    @property
    def state_key(self) -> tuple[str, str, str]:
        """What its answer is remembered by."""
        return (self.project_id, self.run_id, self.variant)

    @property
    def variant(self) -> str:
        """What else than the run the answer depends on; empty for the question as every client asks it."""
        expanded = [value.decode("latin-1") for name, value in self.headers if name.lower() == _EXPANDED]
        wanted = self.target.query + "|".join(expanded)
        has_conditions = any(name.lower() in _CONDITIONS for name, _ in self.headers)
        return wanted + (" conditional" if has_conditions else "")


class Polls:
    """Answers the polls of all callers. Used on one event loop.

    `may_share` tells whether a caller has been given a run by the gateway; such a caller may have what another one
    has learned of it, if Hex has accepted its token for the project within the last minute.
    `on_seen` is told of every run whose state Hex shows.
    """

    def __init__(
        self,
        upstream: Upstream,
        callers: Callers,
        journal: Journal,
        clock: Clock,
        *,
        base_url: str,
        per_minute: Callable[[], float],
        may_share: Callable[[str, str], bool],
        on_seen: Callable[[Run], None],
    ) -> None:
        self._upstream = upstream
        self._callers = callers
        self._journal = journal
        self._clock = clock
        self._base_url = base_url
        self._per_minute = per_minute
        self._may_share = may_share
        self._on_seen = on_seen
        self._states: OrderedDict[tuple[str, str, str], _State] = OrderedDict()
        self._interests: OrderedDict[tuple[str, str], dict[str, float]] = OrderedDict()
        self._asked: dict[tuple[str, str, str, str], asyncio.Task[Reply]] = {}

    async def answer(self, poll: Poll, patience_seconds: float) -> tuple[Reply, float | None]:
        """The state of the run as Hex says or said it, and in the latter case its age in seconds.

        Raises NoRoomError and NoAnswerError as `Upstream.ask` does.
        """
        remembered = self._remembered(poll)
        if remembered is not None:
            return remembered
        task = self._asked.get(poll.key)
        if task is None:
            task = self._send(poll, patience_seconds)
        else:
            self._journal.count("hex_gateway_saved_calls_total", ("recent",))
        try:
            return await asyncio.shield(task), None
        except NoRoomError:
            state = self._states.get(poll.state_key)
            if state is None or not self._may_have(poll):
                raise
            return state.reply, self._clock.monotonic() - state.reply.at

    async def look(self, poll: Poll) -> None:
        """Ask how a run is without a caller's poll, unless somebody has asked lately or the rate leaves no room.

        What comes of it is told to `on_seen`.
        """
        state = self._states.get(poll.state_key)
        is_known = state is not None and (state.is_final or self._clock.monotonic() - state.reply.at < self._interval())
        if not is_known and poll.key not in self._asked and self._upstream.has_room:
            with suppress(NoRoomError, NoAnswerError):
                await asyncio.shield(self._send(poll, 0.0))

    def _send(self, poll: Poll, patience_seconds: float) -> "asyncio.Task[Reply]":
        task = self._asked[poll.key] = asyncio.ensure_future(self._ask(poll, patience_seconds))
        task.add_done_callback(partial(self._forget_task, poll.key))
        return task

    def _forget_task(self, key: tuple[str, str, str, str], task: "asyncio.Task[Reply]") -> None:
        del self._asked[key]
        if not task.cancelled():
            task.exception()  # it has been seen: whoever waited for it may be gone

    def _remembered(self, poll: Poll) -> tuple[Reply, float] | None:
        state = self._states.get(poll.state_key)
        if state is None or not self._may_have(poll):
            return None
        age = max(0.0, self._clock.monotonic() - state.reply.at)
        if state.is_final:
            reason = "remembered"
        elif age < self._interval() or not self._upstream.has_room:
            reason = "shared_page" if state.is_shared else "recent"
            self._note_interest(poll)
        else:
            return None
        self._states.move_to_end(poll.state_key)
        self._journal.count("hex_gateway_saved_calls_total", (reason,))
        return state.reply, age

    def _may_have(self, poll: Poll) -> bool:
        if self._callers.is_proven(poll.caller, poll.project_id, poll.run_id):
            return True
        return self._may_share(poll.caller, poll.run_id) and self._callers.is_proven(poll.caller, poll.project_id)

    def _interval(self) -> float:
        """Seconds between two questions about one run, so that all of them together leave room for other requests."""
        now = self._clock.monotonic()
        groups = {
            project_id
            for (_, project_id), runs in self._interests.items()
            if any(now - at < _INTEREST_SECONDS for at in runs.values())
        }
        per_second = max(1.0, self._per_minute() * _SHARE_FOR_POLLS) / 60
        return max(_SHORTEST_INTERVAL_SECONDS, len(groups) / per_second)

    async def _ask(self, poll: Poll, patience_seconds: float) -> Reply:
        if not poll.variant and self._active_of(poll) >= 2:
            found = await self._ask_page(poll, patience_seconds)
            if found is not None:
                return found
        reply = await self._upstream.ask(
            Request(
                method="GET",
                url=poll.target.upstream_url(self._base_url),
                endpoint=Operation.RUN_STATUS.value,
                headers=poll.headers,
            ),
            patience_seconds,
        )
        self._apply_rate_limit(poll, reply)
        return reply

    async def _ask_page(self, poll: Poll, patience_seconds: float) -> Reply | None:
        """Ask for the project's newest runs at once; the state of the one that was polled if it is among them."""
        headers = [(name, value) for name, value in poll.headers if name.lower() != _EXPANDED]
        reply = await self._upstream.ask(
            Request(
                method="GET",
                url=f"{self._base_url}/projects/{poll.project_id}/runs?{_PAGE}",
                endpoint=Operation.RUNS.value,
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
            run = _read_run(bytes(item), poll.project_id)
            if run is None:
                continue
            self._on_seen(run)
            if run.run_id not in wanted:
                continue
            one = Reply(200, ((b"content-type", b"application/json; charset=utf-8"),), bytes(item), reply.at)
            self._remember(poll, run, one, is_shared=run.run_id != poll.run_id)
            if run.run_id == poll.run_id:
                found = one
        return found

    def _apply_rate_limit(self, poll: Poll, reply: Reply) -> None:
        """Remember what Hex said of the run; nothing of a refusal."""
        if reply.status != 200:
            if reply.status in (401, 403, 404):
                self._callers.forget(poll.caller, poll.project_id)
            return
        run = _read_run(reply.body, poll.project_id)
        if run is None or run.run_id.lower() != poll.run_id.lower():
            return
        self._on_seen(run)
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
        """How many runs of the project this caller asks about, this one included, that may still be on."""
        return len(self._interests.get((poll.caller, poll.project_id), {}).keys() | {poll.run_id})


def _read_run(body: bytes, project_id: str) -> Run | None:
    try:
        item = parse_json(body)
    except ValueError:
        return None
    if not isinstance(item, dict):
        return None
    run = read_item(item, ApiRequest(Endpoint.RUNS, project_id))
    return run if isinstance(run, Run) else None
