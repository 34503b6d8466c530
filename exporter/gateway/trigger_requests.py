"""Runs that the exporter's own triggers want: requests as those of any caller, and what their answers mean."""

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
from msgspec import structs

from exporter.config import Policy
from exporter.gateway.access.caller import Caller
from exporter.gateway.access.callers import Callers
from exporter.gateway.app import Incoming
from exporter.gateway.context import GatewayContext
from exporter.gateway.routing.answers import Answer
from exporter.gateway.routing.target import TargetError, parse_target
from exporter.gateway.runs.recovery import verdict, window
from exporter.gateway.runs.registry import RunRegistry
from exporter.gateway.runs.request_keys import GIVEN_BEFORE, OTHER_REQUEST
from exporter.gateway.upstream.upstream import NoAnswerError, NoRoomError
from exporter.ledger import KEEP_KEYS_MS, KEEP_MS, GatewayRun
from exporter.redaction import redact
from exporter.triggers import RunAnswer, RunRequest

_LATER = frozenset({408, 425, 429})
"""The refusals of a client that are none for good."""

_UNREAD_SECONDS = 5.0


class TriggerRequests:
    """Has `answer` answer what triggers want, with an idempotency key each. Used on one event loop."""

    def __init__(
        self,
        context: GatewayContext,
        callers: Callers,
        registry: RunRegistry,
        answer: Callable[[Incoming], Awaitable[Answer]],
    ) -> None:
        self._context = context
        self._callers = callers
        self._registry = registry
        self._answer = answer

    async def ask(self, request: RunRequest) -> RunAnswer:
        """What the gateway answers by now: a run, that Hex refuses such runs, or that it has to be requested again."""
        token = request.token.reveal().encode()
        caller = Caller(self._callers.name(token), "", b"Bearer " + token)
        if known := await self._known_from_long_ago(request, caller.name):
            return known
        headers = [
            (b"authorization", caller.authorization),
            (b"content-type", b"application/json"),
            (b"idempotency-key", f'"{request.name}"'.encode()),
            *([(b"cache-control", b"no-cache")] if request.is_forced else []),
        ]
        body = json.dumps({"inputParams": dict(request.inputs)} if request.inputs else {}).encode()
        try:
            target = parse_target("POST", f"/api/v1/projects/{request.project_id}/runs".encode(), b"")
            incoming = Incoming(
                target=target,
                method="POST",
                caller=caller,
                headers=headers,
                body=body,
                trigger=request,
            )
            answer = await self._answer(incoming)
        except TargetError as error:
            return RunAnswer(kind="stop", message=str(error))
        except NoRoomError as error:
            message = "Hex's rate limit leaves no room"
            return RunAnswer(kind="wait", message=message, retry_after_seconds=error.retry_after_seconds)
        except NoAnswerError as error:
            return RunAnswer(kind="wait", message=str(error))
        return await self._meaning(request.project_id, caller.name, answer)

    async def _known_from_long_ago(self, request: RunRequest, caller: str) -> RunAnswer | None:
        """What became of a request that is older than its key is remembered, None where nothing was sent for it."""
        ledger, since_ms = self._context.ledger, request.named_ms
        if self._context.now_ms() - since_ms < KEEP_KEYS_MS // 2:
            return None
        sent = await self._context.journal.read(ledger.gateway.runs, since_ms)
        mine = [one for one in sent if (one.project_id, one.caller) == (request.project_id, caller)]
        last = next((one for one in reversed(mine) if one.state != "not_started"), None)
        if last is None:
            return None
        if last.state == "started":
            return RunAnswer(kind="run", run=last)
        return await self._of_unknown(last, "whether its run was started is not known")

    async def _meaning(self, project_id: str, caller: str, answer: Answer) -> RunAnswer:
        status, message = answer.status, _message(answer)
        retry_after = next((float(value) for name, value in answer.headers if name.lower() == b"retry-after"), None)
        if status == 201:
            return await self._given(caller, answer)
        if answer.reason == OTHER_REQUEST:
            return RunAnswer(kind="void", message="its inputs have changed since it was made")
        if status == 409 and retry_after is None:
            return await self._unknown(project_id, caller, message)
        if 400 <= status < 500 and status not in _LATER and status != 409:
            return RunAnswer(kind="stop", message=f"Hex answered {status}: {message}")
        return RunAnswer(kind="wait", message=f"{status}: {message}", retry_after_seconds=retry_after)

    async def _given(self, caller: str, answer: Answer) -> RunAnswer:
        run_id = str(msgspec.json.decode(answer.body)["runId"])
        run = await self._context.journal.read(self._context.ledger.gateway.run, run_id)
        if run is None:
            message = "its run is not in the ledger yet"
            return RunAnswer(kind="wait", message=message, retry_after_seconds=_UNREAD_SECONDS)
        reason = answer.reason or ""
        is_own = answer.cache in ("miss", "bypass") or (reason == GIVEN_BEFORE and run.caller == caller)
        if is_own:
            return RunAnswer(kind="run", run=run, message=reason)
        return RunAnswer(kind="run", how="joined" if answer.cache == "joined" else "hit", run=run, message=reason)

    async def _unknown(self, project_id: str, caller: str, message: str) -> RunAnswer:
        """What became of a request that was sent before a crash: certainly nothing, or no one knows."""
        ledger, now_ms = self._context.ledger, self._context.now_ms()
        sent = await self._context.journal.read(ledger.gateway.runs, now_ms - KEEP_MS)
        mine = [one for one in sent if one.state == "unknown" and (one.project_id, one.caller) == (project_id, caller)]
        return await self._of_unknown(mine[-1], message) if mine else RunAnswer(kind="lost", message=message)

    async def _of_unknown(self, intent: GatewayRun, message: str) -> RunAnswer:
        if await self._was_never_started(intent):
            return RunAnswer(kind="void", message="Hex has not started it")
        return RunAnswer(kind="lost", message=message)

    async def _was_never_started(self, intent: GatewayRun) -> bool:
        ledger = self._context.ledger
        since_ms, until_ms = window(intent)
        runs = await self._context.journal.read(
            lambda: list(ledger.runs_between(since_ms, until_ms, intent.project_id))
        )
        known = ledger.project(intent.project_id)
        known_ms = None if known is None else known.progress.known_until_ms
        found = verdict(intent, runs, self._registry.run_ids(), known_ms, self._context.now_ms())
        return found is not None and found.was_not_started


def policy_for(policy: Policy, trigger: RunRequest | None) -> Policy:
    """The policy of a project as it applies to a request: that of a trigger waits where a budget is spent.

    A result from before would not be what the trigger wants, so it gets the refusal, and asks again.
    """
    if trigger is None:
        return policy
    brake = trigger.brake or policy.when_budget_spent
    held = None if brake is None else structs.replace(brake, then="refuse", max_stale_seconds=None)
    return structs.replace(policy, when_budget_spent=held)


def _message(answer: Answer) -> str:
    """What the body says, in one line that is safe to keep and to log."""
    text = answer.body.decode("utf-8", "replace")
    with suppress(msgspec.DecodeError):
        found = msgspec.json.decode(answer.body)
        if isinstance(found, dict):
            text = str(found.get("message") or found.get("reason") or text)
    return redact(text)
