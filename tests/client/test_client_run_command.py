"""A run from the request to its end, by real sockets and a clock that moves when it is waited for."""

import asyncio
import io

import pytest
from helpers.answering import TOKEN, Gateway, granted, state
from helpers.serving import serving
from rich.console import Console
from starlette.responses import JSONResponse, PlainTextResponse

from exporter.cli.run_progress import Progress
from exporter.client.destination import Destination
from exporter.client.run_api import RunApi
from exporter.client.run_command import RunCommand
from exporter.errors import ApiError, RefusedError, UnavailableError
from exporter.hexapi import TokenSource
from exporter.simulator import Fault, RateLimits, Simulation, create_app


class Waiting:
    """Follows a run with a clock that moves when it is waited for; `said` is what a file would hold."""

    def __init__(self, clock) -> None:
        self._clock = clock
        self._file = io.StringIO()

    def __call__(self, url: str, project_id: str = "p1", *, timeout_seconds: float = 600.0, waits: bool = True) -> int:
        async def errand() -> int:
            api = RunApi(Destination(url, TokenSource(value=TOKEN)))
            console = Console(file=self._file, soft_wrap=True)
            with Progress(console) as progress:
                return await RunCommand(api, project_id, progress, self._clock, timeout_seconds).run(
                    {}, {}, waits=waits
                )

        return asyncio.run(errand())

    @property
    def said(self) -> list[str]:
        return self._file.getvalue().splitlines()


@pytest.fixture
def wait(manual_clock) -> Waiting:
    return Waiting(manual_clock)


class TestPatience:
    def test_a_429_is_waited_out_for_as_long_as_it_says(self, wait, manual_clock):
        busy = JSONResponse({"message": "The queue is full"}, 429, {"Retry-After": "17"})
        before = manual_clock.monotonic()
        with serving(Gateway(busy, busy, granted("hit"))) as url:
            assert wait(url, waits=False) == 0

        assert manual_clock.monotonic() - before == 34
        assert wait.said[:3] == ["requesting a run", "429 The queue is full; again in 17 s",
                                 "hit     no run was started, an earlier result is still right"]  # fmt: skip

    def test_a_503_that_says_when_is_waited_out_too(self, wait, manual_clock):
        starting = JSONResponse({"message": "The gateway is starting"}, 503, {"Retry-After": "1"})
        before = manual_clock.monotonic()
        with serving(Gateway(starting, granted())) as url:
            assert wait(url, waits=False) == 0

        assert manual_clock.monotonic() - before == 1
        assert "503 The gateway is starting; again in 1 s" in wait.said

    def test_a_429_that_says_nothing_is_waited_out_for_a_minute(self, wait, manual_clock):
        before = manual_clock.monotonic()
        with serving(Gateway(JSONResponse({}, 429), granted())) as url:
            wait(url, waits=False)

        assert manual_clock.monotonic() - before == 60

    def test_a_wait_beyond_the_time_is_not_begun(self, wait, manual_clock):
        busy = JSONResponse({"message": "The queue is full"}, 429, {"Retry-After": "100"})
        before = manual_clock.monotonic()
        with serving(Gateway(busy)) as url, pytest.raises(UnavailableError) as caught:
            wait(url, timeout_seconds=100)

        assert str(caught.value) == "run: 429 The queue is full, and the 100 s of --timeout are over"
        assert manual_clock.monotonic() == before

    def test_status_questions_survive_what_passes(self, wait):
        passing = [JSONResponse({"message": "busy"}, 429), PlainTextResponse("", 502), state("PENDING")]
        with serving(Gateway(granted(), *passing, state("COMPLETED"))) as url:
            assert wait(url) == 0

        assert "no answer (run_status: 502 Bad Gateway), trying again" in wait.said

    def test_status_questions_do_not_survive_a_refusal(self, wait):
        with serving(Gateway(granted(), JSONResponse({"message": "no"}, 403))) as url, pytest.raises(RefusedError):
            wait(url)

    def test_a_run_that_does_not_end_in_time(self, wait):
        with serving(Gateway(granted(), state("RUNNING"))) as url, pytest.raises(ApiError) as caught:
            wait(url, timeout_seconds=60)

        assert str(caught.value) == "run: run r1 has not ended, and the 60 s of --timeout are over"


class TestEnds:
    @pytest.mark.parametrize(
        ("status", "code"),
        [("COMPLETED", 0), ("ERRORED", 1), ("KILLED", 1), ("UNABLE_TO_ALLOCATE_KERNEL", 1)],
    )
    def test_as_the_run_ends(self, wait, status, code):
        with serving(Gateway(granted(), state("PENDING"), state("RUNNING"), state(status, elapsedTime=4200))) as url:
            assert wait(url) == code

        assert wait.said[-3:] == ["pending", "running", f"ended   {status.lower()} after 4 s"]

    def test_a_state_that_nobody_knows_is_an_end_once_the_run_has_one(self, wait):
        end = "2026-11-20T10:00:00Z"
        with serving(Gateway(granted(), state("PAUSED"), state("MELTED", endTime=end))) as url:
            assert wait(url) == 1

        assert wait.said[-2:] == ["paused", "ended   melted"]

    def test_what_a_stranger_wrote_does_not_steer_the_terminal(self, wait):
        with serving(Gateway(granted(runId="r\x1b[31m1[bold]"), state("COMPLETED"))) as url:
            wait(url)

        assert "run     r\ufffd[31m1[bold]" in wait.said


class TestSimulator:
    """Hex's own API has no outcome to tell; all else is the same."""

    def test_a_run_is_followed_to_its_end(self, wait, manual_clock):
        simulation = Simulation(1, 10, clock=manual_clock, run_seconds=40.0)
        project = next(one for one in simulation.projects if one.is_runnable and one.sort != "failing")
        with serving(create_app(simulation, limits=RateLimits.off())) as url:
            assert wait(url, project.project_id) == 0

        assert wait.said[-1].startswith("ended   completed after 4")

    def test_refusals_for_its_limits_are_waited_out(self, wait, manual_clock):
        simulation = Simulation(1, 10, clock=manual_clock, run_seconds=40.0)
        project = next(one for one in simulation.projects if one.is_runnable and one.sort != "failing")
        app = create_app(simulation, limits=RateLimits.off())
        app.faults.add(Fault(kind="429", endpoint="run_project", retry_after=30, count=2))
        with serving(app) as url:
            assert wait(url, project.project_id) == 0
