"""An Airflow operator that runs a Hex project and is done when the run is: one file, for Airflow 2.10 and 3.

Copy it to where your DAGs import from. It needs nothing that Airflow does not bring. While the run lasts the task is
deferred and holds no worker. The connection `hex_default` has the address as its host (`https://app.hex.tech`, or a run
gateway's) and a token with the run scope as its password.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
from airflow.exceptions import AirflowException, AirflowFailException
from airflow.triggers.base import BaseTrigger, TriggerEvent
from asgiref.sync import sync_to_async

try:
    from airflow.sdk import BaseHook, BaseOperator
except ImportError:  # Airflow 2
    from airflow.hooks.base import BaseHook
    from airflow.models import BaseOperator

ENDS = frozenset({"COMPLETED", "ERRORED", "KILLED", "UNABLE_TO_ALLOCATE_KERNEL"})

_POLL_SECONDS = 5.0
_REQUEST_SECONDS = 60.0  # Hex starts a run slowly when its kernels are busy
_DEFAULT_WAIT_SECONDS = 60.0  # Hex counts requests by the minute


class HexRunOperator(BaseOperator):
    """Runs a project; the task succeeds if the run completes, and fails if it ends in any other way.

    The result is a dict with `run_id`, `run_url` and `status`. `timeout`: how long the run may take; in Hex it goes
    on after that, unless `cancel_on_timeout`. A try starts at most one run: a 429, and a 503 that Hex gives while its
    kernels are taken, are waited out for `queue_timeout`; where no answer came the task fails without another try, as
    Hex may have started the run.
    """

    template_fields = ("project_id", "inputs")

    def __init__(
        self,
        *,
        project_id: str,
        inputs: Mapping[str, Any] | None = None,
        hex_conn_id: str = "hex_default",
        timeout: timedelta = timedelta(hours=1),
        queue_timeout: timedelta = timedelta(minutes=10),
        cancel_on_timeout: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.project_id = project_id
        self.inputs = inputs
        self.hex_conn_id = hex_conn_id
        self.timeout = timeout
        self.queue_timeout = queue_timeout
        self.cancel_on_timeout = cancel_on_timeout

    def execute(self, context: Any) -> None:
        """Start the run, and leave the worker."""
        run = self._started()
        self.log.info("Hex runs %s: %s", run["runId"], run.get("runUrl"))
        self.defer(
            trigger=HexRunTrigger(self.hex_conn_id, self.project_id, run["runId"], self.timeout.total_seconds()),
            method_name="execute_complete",
        )

    def execute_complete(self, context: Any, event: Mapping[str, str]) -> dict[str, str]:
        """What the run came to; raises AirflowException unless it completed."""
        if event["status"] == "TIMEOUT" and self.cancel_on_timeout:
            with httpx.Client(**_settings(self.hex_conn_id)) as client:
                client.delete(_runs(self.project_id, event["run_id"])).raise_for_status()
        if event["status"] != "COMPLETED":
            raise AirflowException(f"run {event['run_id']}: {event['status']} {event['reason']} {event['run_url']}")
        return {name: event[name] for name in ("run_id", "run_url", "status")}

    def _started(self) -> dict[str, Any]:
        give_up_at = time.monotonic() + self.queue_timeout.total_seconds()
        body = {"inputParams": dict(self.inputs)} if self.inputs else {}
        with httpx.Client(**_settings(self.hex_conn_id)) as client:
            while True:
                try:
                    answer = client.post(_runs(self.project_id), json=body)
                except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                    raise AirflowException(f"Hex cannot be reached, and no run was started: {error}") from None
                except httpx.HTTPError as error:
                    raise _in_doubt(self.project_id, f"no answer came: {error!r}") from None
                if answer.status_code in (200, 201):
                    run = _object(answer)
                    if not isinstance(run.get("runId"), str):
                        raise _in_doubt(self.project_id, "the answer has no runId")
                    return run
                wait = _wait_seconds(answer)
                if wait is None and answer.status_code >= 500:
                    raise _in_doubt(self.project_id, _said(answer))
                if wait is None:
                    raise AirflowException(f"no run was started: {_said(answer)}")
                if time.monotonic() + wait > give_up_at:
                    raise AirflowException(f"no run was started within queue_timeout: {_said(answer)}")
                self.log.info("%s; again in %.0f s", _said(answer), wait)
                time.sleep(wait)


class HexRunTrigger(BaseTrigger):
    """Follows a run to its end; the event has `status`, `reason`, `run_id` and `run_url`. Holds no token."""

    def __init__(self, hex_conn_id: str, project_id: str, run_id: str, timeout_seconds: float) -> None:
        super().__init__()
        self.hex_conn_id = hex_conn_id
        self.project_id = project_id
        self.run_id = run_id
        self.timeout_seconds = timeout_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What another process makes the same trigger of."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "hex_conn_id": self.hex_conn_id,
            "project_id": self.project_id,
            "run_id": self.run_id,
            "timeout_seconds": self.timeout_seconds,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """One event, when the run has ended, when it takes too long, or when Hex refuses to show it."""
        give_up_at = time.monotonic() + self.timeout_seconds
        url = ""
        async with httpx.AsyncClient(**await sync_to_async(_settings)(self.hex_conn_id)) as client:
            while True:
                wait = _POLL_SECONDS
                try:
                    answer = await client.get(_runs(self.project_id, self.run_id))
                except httpx.HTTPError:
                    pass  # the run continues, whatever becomes of a question
                else:
                    run = _object(answer) if answer.status_code == 200 else {}
                    url = str(run.get("runUrl") or url)
                    status = str(run.get("status") or "").upper()
                    # A state that is not known is an end once the run has one.
                    if status in ENDS or (run.get("endTime") and status not in ("PENDING", "RUNNING")):
                        yield self._event(status, "", url)
                        return
                    later = _wait_seconds(answer)
                    if later is None and 400 <= answer.status_code < 500:
                        yield self._event("UNKNOWN", _said(answer), url)
                        return
                    wait = later or wait
                if time.monotonic() + wait > give_up_at:
                    yield self._event("TIMEOUT", f"not over after {self.timeout_seconds:.0f} s", url)
                    return
                await asyncio.sleep(wait)

    def _event(self, status: str, reason: str, url: str) -> TriggerEvent:
        return TriggerEvent({"status": status, "reason": reason, "run_id": self.run_id, "run_url": url})


def _settings(conn_id: str) -> dict[str, Any]:
    connection = BaseHook.get_connection(conn_id)
    host = (connection.host or "https://app.hex.tech").rstrip("/").removesuffix("/api/v1")
    if "://" not in host:
        host = f"{connection.schema or 'https'}://{host}{f':{connection.port}' if connection.port else ''}"
    return {
        "base_url": f"{host}/api/v1",
        "headers": {"Authorization": f"Bearer {connection.password}"},
        "timeout": _REQUEST_SECONDS,
    }


def _runs(project_id: str, run_id: str | None = None) -> str:
    path = f"/projects/{quote(project_id, safe='')}/runs"
    return path if run_id is None else f"{path}/{quote(run_id, safe='')}"


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _wait_seconds(answer: httpx.Response) -> float | None:
    """After how many seconds the same request may be sent again, as nothing was done; None if it may not."""
    written = answer.headers.get("Retry-After", "")
    named = float(written) if written.isdecimal() else None
    # Hex's own 503 says that all kernels are taken; one of a proxy, which is no JSON, may come after the run's start.
    if answer.status_code == 429 or (answer.status_code == 503 and "message" in _object(answer)):
        return _DEFAULT_WAIT_SECONDS if named is None else max(1.0, named)
    return max(1.0, named) if answer.status_code in (409, 503) and named is not None else None


def _said(answer: httpx.Response) -> str:
    found = _object(answer)
    return f"{answer.status_code} {found.get('message') or found.get('reason') or answer.reason_phrase}"[:300]


def _in_doubt(project_id: str, reason: str) -> AirflowFailException:
    return AirflowFailException(
        f"whether a run of project {project_id} was started is not known ({reason}); look at its runs in Hex"
    )
