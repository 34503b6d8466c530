"""`run` against real sockets: what it sends, what it says, and with what status it ends."""

import asyncio
import io
import json
import signal
import socket

import pytest
import trustme
from click.testing import CliRunner
from helpers.running import SCRIPT, Running, environment
from helpers.serving import serving
from rich.console import Console
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from exporter.cli import main
from exporter.cli.run_progress import Progress
from exporter.client.destination import Destination
from exporter.client.run_api import RunApi
from exporter.client.run_command import RunCommand
from exporter.errors import ApiError, RefusedError, UnavailableError
from exporter.hexapi import TokenSource
from exporter.simulator import Fault, RateLimits, Simulation, create_app

TOKEN = "hxtw_" + "7d" * 48
STARTED = {"projectId": "p1", "runId": "r1", "runUrl": "https://hex.example/r1", "traceId": "t"}


class Gateway:
    """Answers what it is told to, one answer after the other and the last for ever; keeps what it was asked."""

    def __init__(self, *answers: Response) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []

    async def __call__(self, scope, receive, send) -> None:
        request = Request(scope, receive)
        self.asked.append((request.method, request.url.path, dict(request.headers), await request.body()))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        await answer(scope, receive, send)


def granted(outcome: str | None = "miss", **more) -> Response:
    return JSONResponse(STARTED | more, 201, {} if outcome is None else {"X-Hex-Exporter-Cache": outcome})


def state(status: str, **more) -> Response:
    return JSONResponse({"projectId": "p1", "runId": "r1", "status": status, **more})


def run(*arguments: str, **variables: str):
    """The command as a person gives it."""
    cleared = dict.fromkeys(("HEX_API_TOKEN", "HEX_BASE_URL", "HEX_GATEWAY_URL", "SSL_CERT_FILE"))
    return CliRunner(env={**cleared, "HEX_API_TOKEN": TOKEN, **variables}).invoke(main, ["run", *arguments])


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


class TestAsking:
    @pytest.mark.parametrize(
        ("outcome", "line"),
        [
            ("hit", "hit     no run was started, an earlier result is still right"),
            ("miss", "miss    a run was started"),
            ("joined", "joined  an identical request was on its way already"),
            ("bypass", "bypass  a run was started without looking for an earlier result"),
            (None, "none    a run was started; the answer names no outcome, so no gateway was asked"),
            ("new", "new  a run was granted"),
        ],
    )
    def test_says_what_the_gateway_did_and_where_to_look(self, outcome, line):
        with serving(Gateway(granted(outcome))) as url:
            result = run("p1", "--gateway", url)

        assert result.exit_code == 0
        assert result.output.splitlines() == [
            "asking for a run", line, "run     r1", "see     https://hex.example/r1",
        ]  # fmt: skip

    def test_sends_inputs_as_json_where_they_are_json(self):
        gateway = Gateway(granted())
        inputs = ["n=1", "f=0.5", "yes=true", "none=null", "list=[1, 2]", 'quoted="5"', "text=a=b", "empty=", "nan=NaN"]
        with serving(gateway) as url:
            run("p1", "--gateway", url, *(word for text in inputs for word in ("--input", text)))

        [(method, path, headers, body)] = gateway.asked
        assert (method, path) == ("POST", "/api/v1/projects/p1/runs")
        assert headers["authorization"] == f"Bearer {TOKEN}"
        assert json.loads(body) == {
            "inputParams": {
                "n": 1, "f": 0.5, "yes": True, "none": None, "list": [1, 2], "quoted": "5", "text": "a=b", "empty": "",
                "nan": "NaN",
            }
        }  # fmt: skip

    def test_without_inputs_sends_none(self):
        gateway = Gateway(granted())
        with serving(gateway) as url:
            run("p1", "--gateway", url)

        [(_, _, headers, body)] = gateway.asked
        assert json.loads(body) == {}
        assert "cache-control" not in headers

    def test_marks_what_shall_be_fresh_and_what_is_a_trial(self):
        gateway = Gateway(granted("bypass"))
        with serving(gateway) as url:
            run("p1", "--gateway", url, "--no-cache", "--trial", "X-Hex-Trial")

        [(_, _, headers, _)] = gateway.asked
        assert headers["cache-control"] == "no-cache"
        assert headers["x-hex-trial"] == "1"

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (["p1", "--input", "a"], "'a' is not valid; write NAME=VALUE"),
            (["p1", "--input", "=a"], "'=a' is not valid; write NAME=VALUE"),
            (["p1", "--input", "a=1", "--input", "a=2"], "'a' is there twice; remove one of them"),
            (["p1", "--trial", "a b"], "is not the name of a header"),
            (["p1", "--trial", "Authorization"], "has a meaning already"),
            (["../p1"], "is not the id of a project"),
            (["p1", "--timeout", "0"], "0.0 is not in the range"),
            ([], "Missing argument 'PROJECT_ID'"),
        ],
    )
    def test_wrong_usage_ends_with_2_and_asks_nothing(self, arguments, sentence):
        gateway = Gateway(granted())
        with serving(gateway) as url:
            result = run(*arguments, "--gateway", url)

        assert result.exit_code == 2
        assert sentence in " ".join(result.output.split())
        assert not gateway.asked


class TestRefused:
    @pytest.mark.parametrize(
        ("answer", "sentence"),
        [
            (PlainTextResponse("Unauthorized", 401), "run_project: 401 Unauthorized"),
            (JSONResponse({"message": "No such one", "code": "NOT_FOUND"}, 404), "run_project: 404 No such one"),
            (JSONResponse({"reason": "Project is not published"}, 422), "422 Project is not published"),
            (JSONResponse({"message": "Kernel limit reached"}, 503), "run_project: 503 Kernel limit reached"),
            (Response(status_code=302, headers={"Location": "https://evil.example"}), "a redirect, which is never"),
            (PlainTextResponse("hello", 201), "run_project: 201 no JSON"),
            (JSONResponse({}, 201), "an answer without a runId"),
            (JSONResponse({"message": f"you sent {TOKEN}"}, 400), "you sent ***"),
        ],
    )  # fmt: skip
    def test_ends_with_1_and_says_why(self, answer, sentence):
        gateway = Gateway(answer)
        with serving(gateway) as url:
            result = run("p1", "--gateway", url, "--wait")

        assert result.exit_code == 1
        assert sentence in result.output
        assert TOKEN not in result.output
        assert len(gateway.asked) == 1

    def test_where_nothing_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]

        result = run("p1", "--gateway", f"http://127.0.0.1:{port}")

        assert result.exit_code == 1
        assert f"hex-exporter: run_project: http://127.0.0.1:{port} cannot be reached (" in result.output
        assert "is that the gateway's address, and does it run?" in result.output

    def test_a_connection_that_ends_is_not_asked_again(self):
        class Broken(Gateway):
            async def __call__(self, scope, receive, send) -> None:
                await super().__call__(scope, receive, self._half)

            @staticmethod
            async def _half(message) -> None:
                raise ConnectionError

        gateway = Broken(granted())
        with serving(gateway) as url:
            result = run("p1", "--gateway", url)

        assert result.exit_code == 1
        assert len(gateway.asked) == 1


class TestPatience:
    def test_a_429_is_waited_out_for_as_long_as_it_says(self, wait, manual_clock):
        busy = JSONResponse({"message": "The queue is full"}, 429, {"Retry-After": "17"})
        before = manual_clock.monotonic()
        with serving(Gateway(busy, busy, granted("hit"))) as url:
            assert wait(url, waits=False) == 0

        assert manual_clock.monotonic() - before == 34
        assert wait.said[:3] == ["asking for a run", "429 The queue is full; again in 17 s",
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

        assert "no answer (run_status: 502 Bad Gateway), asking again" in wait.said

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


class TestDestination:
    def test_is_the_flag_before_the_variable_before_the_file(self, tmp_path):
        named, unnamed = Gateway(granted("hit")), Gateway(granted("miss"))
        with serving(named) as here, serving(unnamed) as there:
            path = tmp_path / "c.yml"
            path.write_text(f"gateway: {{public_url: '{there}'}}")
            by_flag = run("p1", "--config.file", str(path), "--gateway", here + "/api/v1/", HEX_GATEWAY_URL=there)
            by_variable = run("p1", "--config.file", str(path), HEX_GATEWAY_URL=here)
            by_file = run("p1", "--config.file", str(path))

        assert [result.exit_code for result in (by_flag, by_variable, by_file)] == [0, 0, 0]
        assert len(named.asked) == 2
        assert len(unnamed.asked) == 1

    def test_is_the_listen_address_where_nothing_else_is_said(self, tmp_path):
        gateway = Gateway(granted())
        path = tmp_path / "c.yml"
        with serving(gateway) as url:
            path.write_text(f"gateway: {{listen_address: '{url.removeprefix('http://')}'}}")
            result = run("p1", "--config.file", str(path))

        assert result.exit_code == 0

    def test_of_a_gateway_on_every_address_is_this_machine(self, tmp_path):
        gateway = Gateway(granted())
        path = tmp_path / "c.yml"
        with serving(gateway) as url:
            path.write_text(f"gateway: {{listen_address: ':{url.rpartition(':')[2]}', allow_insecure: true}}")
            result = run("p1", "--config.file", str(path))

        assert result.exit_code == 0

    def test_that_nobody_named(self):
        result = run("p1")

        assert result.exit_code == 1
        assert result.output == (
            "hex-exporter: --gateway: is missing; give the gateway's address, set HEX_GATEWAY_URL, or name a "
            "--config.file with a gateway\n"
        )

    @pytest.mark.parametrize(
        ("url", "sentence"),
        [
            ("gateway", "--gateway: the address does not begin with https://; write https://HOST"),
            ("https://a:b@c.example", "--gateway: the address has a user name"),
            (
                "http://10.0.0.1:1",
                "--gateway: http:// to another machine is not encrypted",
            ),
        ],
    )
    def test_that_cannot_be(self, url, sentence):
        result = run("p1", "--gateway", url)

        assert result.exit_code == 1
        assert sentence in result.output

    def test_takes_the_token_of_the_workspace_that_the_gateway_is_for(self, tmp_path):
        gateway = Gateway(granted())
        (tmp_path / "token").write_text("hxtw_ofthefile\n")
        path = tmp_path / "c.yml"
        with serving(gateway) as url:
            path.write_text(
                "workspaces: [{name: a, token_env: A}, {name: b, token_file: token}]\n"
                f"gateway: {{workspace: b, public_url: '{url}'}}"
            )
            run("p1", "--config.file", str(path), HEX_API_TOKEN="")

        assert gateway.asked[0][2]["authorization"] == "Bearer hxtw_ofthefile"

    def test_without_a_token(self):
        result = run("p1", "--gateway", "http://127.0.0.1:1", HEX_API_TOKEN="")

        assert result.exit_code == 1
        assert "HEX_API_TOKEN: is not set; put the token of workspace 'default' into it" in result.output

    def test_certificates_that_cannot_be_read(self, tmp_path):
        result = run("p1", "--gateway", "https://127.0.0.1:1", SSL_CERT_FILE=str(tmp_path / "none.pem"))

        assert result.exit_code == 1
        assert "none.pem: cannot be read as certificates" in result.output


class TestTls:
    @pytest.fixture
    def web_file(self, tmp_path):
        authority = trustme.CA()
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        certificate = authority.issue_cert("127.0.0.1")
        certificate.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
        path = tmp_path / "web.yml"
        path.write_text("tls_server_config: {cert_file: cert.pem, key_file: key.pem}")
        return path

    def test_certificates_of_ones_own_are_trusted_where_the_environment_says_so(self, web_file, tmp_path):
        with serving(Gateway(granted("hit")), web_file=web_file) as url:
            result = run("p1", "--gateway", url, SSL_CERT_FILE=str(tmp_path / "ca.pem"))

        assert result.exit_code == 0, result.output

    def test_others_are_not_and_the_token_is_not_sent(self, web_file):
        gateway = Gateway(granted("hit"))
        with serving(gateway, web_file=web_file) as url:
            result = run("p1", "--gateway", url)

        assert result.exit_code == 1
        assert "certificate verify failed" in result.output
        assert not gateway.asked


class TestProgress:
    def test_on_a_terminal_is_one_line_that_goes(self):
        file = io.StringIO()
        with Progress(Console(file=file, force_terminal=True, width=80)) as progress:
            progress.doing("pending [x]")
            progress.say("kept")

        assert "kept" in file.getvalue()
        assert file.getvalue().count("pending [x]\n") == 0

    def test_in_a_file_is_a_line_a_change(self):
        file = io.StringIO()
        with Progress(Console(file=file)) as progress:
            for what in ("pending", "pending", "running", "[bold]"):
                progress.doing(what)

        assert file.getvalue() == "pending\nrunning\n[bold]\n"


@pytest.mark.integration
def test_an_interruption_ends_with_130_and_leaves_the_run_alone(tmp_path):
    gateway = Gateway(granted(), state("RUNNING"))
    variables = environment(HEX_API_TOKEN=TOKEN, HOME=str(tmp_path))
    with serving(gateway) as url:
        command = [SCRIPT, "run", "p1", "--wait", "--gateway", url]
        with Running(command, tmp_path / "out", env=variables) as running:
            running.said("running")
            running.process.send_signal(signal.SIGINT)
            status = running.process.wait(30)

    assert status == 130
    assert "interrupted; run r1 goes on" in running.text
    assert "Traceback" not in running.text
    assert {method for method, *_ in gateway.asked} == {"POST", "GET"}
