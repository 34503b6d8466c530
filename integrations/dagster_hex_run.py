"""A Dagster resource that runs Hex projects and waits for their ends: one file, to copy beside your definitions.

It needs nothing that Dagster does not bring. `base_url` is `https://app.hex.tech`, or a run gateway's address.
"""

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import requests
from dagster import ConfigurableResource, Failure

ENDS = frozenset({"COMPLETED", "ERRORED", "KILLED", "UNABLE_TO_ALLOCATE_KERNEL"})

_POLL_SECONDS = 5.0
_REQUEST_SECONDS = 60.0  # Hex starts a run slowly when its kernels are busy
_DEFAULT_WAIT_SECONDS = 60.0  # Hex counts requests by the minute


class HexResource(ConfigurableResource):
    """Runs of one workspace. `token` needs the run scope; give it as an `EnvVar`."""

    token: str
    base_url: str = "https://app.hex.tech"

    def run_project(
        self,
        project_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        timeout_seconds: float = 3600.0,
        queue_timeout_seconds: float = 600.0,
    ) -> dict[str, str]:
        """Start one run, wait until it has completed, and return its `run_id`, `run_url` and `status`.

        A 429, and a 503 that Hex gives while its kernels are taken, are waited out for `queue_timeout_seconds`. Raises
        Failure for any other end, for a run that takes longer (it continues in Hex), and for a refusal; without retries
        where no answer came to the start, as Hex may have started the run.
        """
        run = self._start(project_id, {"inputParams": dict(inputs)} if inputs else {}, queue_timeout_seconds)
        return self._end(project_id, run["runId"], timeout_seconds)

    def _start(self, project_id: str, body: Mapping[str, Any], patience: float) -> dict[str, Any]:
        give_up_at = time.monotonic() + patience
        while True:
            try:
                answer = self._send("POST", project_id, json=body)
            except requests.RequestException as error:
                raise _in_doubt(f"no answer came: {type(error).__name__}") from None
            run = _object(answer)
            if answer.status_code in (200, 201) and isinstance(run.get("runId"), str):
                return run
            wait = _wait_seconds(answer)
            if wait is None and (answer.status_code < 400 or answer.status_code >= 500):
                raise _in_doubt(_said(answer))
            if wait is None or time.monotonic() + wait > give_up_at:
                raise Failure(f"no run was started: {_said(answer)}")
            time.sleep(wait)

    def _end(self, project_id: str, run_id: str, patience: float) -> dict[str, str]:
        give_up_at = time.monotonic() + patience
        while True:
            wait = _POLL_SECONDS
            try:
                answer = self._send("GET", project_id, run_id)
            except requests.RequestException:
                pass  # the run continues, whatever becomes of a question
            else:
                run = _object(answer) if answer.status_code == 200 else {}
                status, url = str(run.get("status") or "").upper(), str(run.get("runUrl") or "")
                if status == "COMPLETED":
                    return {"run_id": run_id, "run_url": url, "status": status}
                # A state that is not known is an end once the run has one.
                if status in ENDS or (run.get("endTime") and status not in ("PENDING", "RUNNING")):
                    raise Failure(f"run {run_id}: {status} {url}", metadata={"run_url": url})
                later = _wait_seconds(answer)
                if later is None and 400 <= answer.status_code < 500:
                    raise Failure(f"run {run_id} cannot be seen: {_said(answer)}")
                wait = later or wait
            if time.monotonic() + wait > give_up_at:
                raise Failure(f"run {run_id} is not over after {patience:.0f} s, and continues in Hex")
            time.sleep(wait)

    def _send(self, method: str, project_id: str, run_id: str | None = None, **more: Any) -> requests.Response:
        address = (
            f"{self.base_url.rstrip('/').removesuffix('/api/v1')}/api/v1/projects/{quote(project_id, safe='')}/runs"
        )
        return requests.request(
            method,
            address if run_id is None else f"{address}/{quote(run_id, safe='')}",
            auth=self._authorize,  # as a header, an entry of ~/.netrc would take its place
            timeout=_REQUEST_SECONDS,
            allow_redirects=False,
            **more,
        )

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


def _object(answer: requests.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _wait_seconds(answer: requests.Response) -> float | None:
    """After how many seconds the same request may be sent again, as nothing was done; None if it may not."""
    written = answer.headers.get("Retry-After", "")
    named = float(written) if written.isdecimal() else None
    # Hex's own 503 says that all kernels are taken; one of a proxy, which is no JSON, may come after the run's start.
    if answer.status_code == 429 or (answer.status_code == 503 and "message" in _object(answer)):
        return _DEFAULT_WAIT_SECONDS if named is None else max(1.0, named)
    return max(1.0, named) if answer.status_code in (409, 503) and named is not None else None


def _said(answer: requests.Response) -> str:
    found = _object(answer)
    return f"{answer.status_code} {found.get('message') or found.get('reason') or answer.reason}"[:300]


def _in_doubt(reason: str) -> Failure:
    return Failure(f"whether a run was started is not known ({reason}); look at its runs in Hex", allow_retries=False)
