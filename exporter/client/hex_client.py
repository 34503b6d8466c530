"""Starting runs and waiting for them, with a few at a time: for asyncio, and the same for programs without it."""

import asyncio
import os
import threading
import uuid
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from exporter.client.destination import Destination
from exporter.client.run import Run, RunInDoubtError, RunTimeoutError
from exporter.client.run_api import LaterError, Reply, RunApi, UnreachableError
from exporter.clock import Clock, SystemClock
from exporter.config import BASE_URL_VARIABLE, PUBLIC_BASE_URL, TOKEN_VARIABLE
from exporter.errors import ApiError, BadAnswerError, UnavailableError
from exporter.hexapi import TokenSource

Result = TypeVar("Result")

_POLL_SECONDS = 3.0
"""How often the status of a run is read: prompt for whoever waits, and 20 requests a minute at most."""

_REQUEST_SECONDS = 60.0
_DEFAULT_WAIT_SECONDS = 60.0
"""How long to wait after a refusal that names no time: Hex counts requests by the minute."""

_CLOSE_SECONDS = 5.0


class AsyncHexClient:
    """Hex's runs, or a gateway's. For use on one event loop, by any number of its tasks.

    Without arguments it takes `HEX_API_TOKEN` and `HEX_BASE_URL`. At most `concurrency` of its runs are active at once:
    Hex lets a user have three kernels by default. No run is ever requested twice: where the answer to a start is lost,
    RunInDoubtError says so. A 429, and a 409 or 503 with `Retry-After`, are waited out.
    """

    def __init__(
        self,
        base_url: str | None = None,
        token: str | None = None,
        *,
        token_file: str | None = None,
        concurrency: int = 3,
        sample: Mapping[str, Any] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Reads the environment; sends nothing. Raises ValueError without a token.

        `sample`: the inputs that make a run a trial, by the project's own parameter, such as `{"sample_rows": 1000}`.
        """
        if token is None and token_file is None:
            token = os.environ.get(TOKEN_VARIABLE)
            if not token:
                raise ValueError(f"no token: give token or token_file, or set {TOKEN_VARIABLE}")
        url = (base_url or os.environ.get(BASE_URL_VARIABLE) or PUBLIC_BASE_URL).rstrip("/").removesuffix("/api/v1")
        source = TokenSource(file=token_file) if token is None else TokenSource(value=token)
        self.clock = clock or SystemClock()
        self._api = RunApi(Destination(url, source), setting="base_url", transport=transport)
        self._concurrency = concurrency
        self._sample = dict(sample or {})
        self._line = asyncio.Lock()
        self._active: dict[tuple[str, str], bool] = {}
        """The runs that are not known to be over; whether someone waits for them."""
        self._starting = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections; runs go on."""
        await self._api.aclose()

    async def run(
        self,
        project_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        trial: bool = False,
        wait: bool = True,
        timeout_seconds: float | None = None,
        cancel_on_interrupt: bool = False,
        on_started: Callable[[Run], None] | None = None,
        **fields: Any,
    ) -> Run:
        """Start a run and, unless told otherwise, wait for its end, however it ends.

        `fields` go into the request as they are (`updatePublishedResults`, `useCachedSqlResults`). A cancelled task
        leaves its run running, unless `cancel_on_interrupt`. A `trial` runs on the client's sample. Raises ApiError,
        RunInDoubtError and RunTimeoutError, and ValueError for a trial without a sample: nothing is sent then.
        """
        inputs = self.inputs_of(inputs, trial)
        run = await self._start(project_id, {**fields, **({"inputParams": dict(inputs)} if inputs else {})})
        if on_started is not None:
            on_started(run)
        if not wait or run.is_over:
            return run
        try:
            ended = await self.wait(project_id, run.run_id, timeout_seconds=timeout_seconds)
            return replace(ended, url=ended.url or run.url, outcome=run.outcome)
        except asyncio.CancelledError:
            if cancel_on_interrupt:
                await asyncio.shield(self.cancel(project_id, run.run_id))
            raise

    def inputs_of(self, inputs: Mapping[str, Any] | None, trial: bool) -> Mapping[str, Any]:
        """The inputs of such a request; the sample of a trial replaces an input of its name. Raises ValueError."""
        if trial and not self._sample:
            raise ValueError('a trial needs a sample: give the client one, such as sample={"sample_rows": 1000}')
        return {**(inputs or {}), **(self._sample if trial else {})}

    async def wait(self, project_id: str, run_id: str, *, timeout_seconds: float | None = None) -> Run:
        """The run when it has ended, whoever started it. Raises RunTimeoutError, and ApiError for a run that is gone.

        While Hex cannot be reached it goes on asking.
        """
        began = self.clock.monotonic()
        key = (project_id, run_id)
        run = Run(project_id, run_id, "", "pending")
        if key in self._active:
            self._active[key] = True
        try:
            while True:
                pause = _POLL_SECONDS
                try:
                    run = await self.status(project_id, run_id)
                except LaterError as later:
                    pause = _seconds(later)
                except (UnavailableError, BadAnswerError):
                    pass
                if run.is_over:
                    return run
                waited = self.clock.monotonic() - began
                if timeout_seconds is not None and waited + pause > timeout_seconds:
                    raise RunTimeoutError(run, waited)
                await self.clock.sleep(pause)
        finally:
            if key in self._active:
                self._active[key] = False

    async def status(self, project_id: str, run_id: str) -> Run:
        """The run as Hex shows it now. Raises ApiError."""
        reply = await self._api.status(project_id, run_id, _REQUEST_SECONDS)
        run = _run(project_id, reply, run_id)
        if run.is_over:
            self._active.pop((project_id, run_id), None)
        return run

    async def cancel(self, project_id: str, run_id: str) -> None:
        """Have Hex end a run. Raises ApiError."""
        await self._patiently(lambda: self._api.cancel(project_id, run_id, _REQUEST_SECONDS))
        self._active.pop((project_id, run_id), None)

    async def read(self, path: str, **params: Any) -> Mapping[str, object]:
        """What Hex answers to a read of this path below `/api/v1/`: `projects/ID`, for instance. Raises ApiError."""
        return (await self._patiently(lambda: self._api.read(path, params, _REQUEST_SECONDS))).fields

    async def _start(self, project_id: str, body: Mapping[str, Any]) -> Run:
        await self._take_place()
        try:
            # A gateway gives a repeated request the same run; Hex itself does not know the header.
            headers = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
            try:
                reply = await self._patiently(lambda: self._api.start(project_id, body, headers, _REQUEST_SECONDS))
            except UnreachableError:
                raise
            except (UnavailableError, BadAnswerError) as error:
                raise RunInDoubtError(project_id, error.reason) from None
            run = _run(project_id, reply, reply.text("runId"))
            if not run.run_id:
                raise RunInDoubtError(project_id, "an answer without a runId")
            if not run.is_over:
                self._active[project_id, run.run_id] = False
            return run
        finally:
            self._starting -= 1

    async def _take_place(self) -> None:
        """Wait until fewer runs than may be are active; those that no one waits for are looked at."""
        async with self._line:
            while len(self._active) + self._starting >= self._concurrency:
                for (project_id, run_id), is_watched in list(self._active.items()):
                    if not is_watched:
                        try:
                            await self.status(project_id, run_id)
                        except ApiError as error:
                            if error.status == HTTPStatus.NOT_FOUND:
                                self._active.pop((project_id, run_id), None)
                if len(self._active) + self._starting >= self._concurrency:
                    await self.clock.sleep(_POLL_SECONDS)
            self._starting += 1

    async def _patiently(self, request: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        while True:
            try:
                return await request()
            except LaterError as later:
                await self.clock.sleep(_seconds(later))
            except ApiError as error:
                if error.status == HTTPStatus.CONFLICT and error.retry_after_seconds is not None:
                    await self.clock.sleep(error.retry_after_seconds)
                elif error.status == HTTPStatus.SERVICE_UNAVAILABLE and error.is_from_hex:
                    # Hex's own says that no kernel is free, and that no run was started; another's may mean anything.
                    await self.clock.sleep(_DEFAULT_WAIT_SECONDS)
                else:
                    raise


class HexClient:
    """The same for programs without an event loop, from any number of threads: `run`, `wait`, `status`, `cancel`."""

    def __init__(self, base_url: str | None = None, token: str | None = None, **settings: Any) -> None:
        """As `AsyncHexClient`; starts a thread, which `close` ends."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="hex-client", daemon=True)
        self._thread.start()
        try:
            self.asynchronous = self.call(_made(base_url, token, settings))
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread; runs go on."""
        if self._thread.is_alive():
            self.call(self.asynchronous.aclose())
            self._end()

    def call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What a coroutine on the client's own loop returns or raises; an interruption cancels it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except KeyboardInterrupt:
            future.cancel()
            raise

    def run(
        self,
        project_id: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        cancel_on_interrupt: bool = False,
        **more: Any,
    ) -> Run:
        """As `AsyncHexClient.run`; Ctrl-C leaves the run running, unless `cancel_on_interrupt`."""
        started: list[Run] = []
        try:
            return self.call(self.asynchronous.run(project_id, inputs, on_started=started.append, **more))
        except KeyboardInterrupt:
            if cancel_on_interrupt and started and not started[0].is_over:
                self.call(self.asynchronous.cancel(project_id, started[0].run_id))
            raise

    def wait(self, project_id: str, run_id: str, *, timeout_seconds: float | None = None) -> Run:
        """As `AsyncHexClient.wait`."""
        return self.call(self.asynchronous.wait(project_id, run_id, timeout_seconds=timeout_seconds))

    def status(self, project_id: str, run_id: str) -> Run:
        """As `AsyncHexClient.status`."""
        return self.call(self.asynchronous.status(project_id, run_id))

    def cancel(self, project_id: str, run_id: str) -> None:
        """As `AsyncHexClient.cancel`."""
        self.call(self.asynchronous.cancel(project_id, run_id))

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_SECONDS)
        if not self._thread.is_alive():
            self._loop.close()


async def _made(base_url: str | None, token: str | None, settings: Mapping[str, Any]) -> AsyncHexClient:
    return AsyncHexClient(base_url, token, **settings)


def _run(project_id: str, reply: Reply, run_id: str) -> Run:
    status = reply.text("status").lower() or "pending"
    return Run(project_id, run_id, reply.text("runUrl"), status, reply.outcome, bool(reply.text("endTime")))


def _seconds(later: LaterError) -> float:
    return _DEFAULT_WAIT_SECONDS if later.retry_after_seconds is None else max(0.0, later.retry_after_seconds)
