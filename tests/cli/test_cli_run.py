"""`run` against real sockets: what it sends, what it says, and with what status it ends."""

import io
import json
import signal
import socket

import pytest
from helpers.answering import TOKEN, Gateway, granted, state
from helpers.run_command import run
from helpers.running import SCRIPT, Running, environment
from helpers.serving import serving
from rich.console import Console
from starlette.responses import JSONResponse, PlainTextResponse, Response

from exporter.cli.run_progress import Progress


class TestAsking:
    @pytest.mark.parametrize(
        ("outcome", "line"),
        [
            ("hit", "hit     no run was started, an earlier result is still right"),
            ("miss", "miss    a run was started"),
            ("joined", "joined  an identical request was on its way already"),
            ("bypass", "bypass  a run was started without looking for an earlier result"),
            (None, "none    a run was started; the answer names no outcome, so there was no gateway"),
            ("new", "new  a run was granted"),
        ],
    )
    def test_says_what_the_gateway_did_and_where_to_look(self, outcome, line):
        with serving(Gateway(granted(outcome))) as url:
            result = run("p1", "--gateway", url)

        assert result.exit_code == 0
        assert result.output.splitlines() == [
            "requesting a run", line, "run     r1", "see     https://hex.example/r1",
        ]  # fmt: skip

    def test_says_why(self):
        answer = granted("bypass")
        answer.headers["X-Hex-Exporter-Reason"] = "bypass: writeback: its published version writes to a database"
        with serving(Gateway(answer)) as url:
            result = run("p1", "--gateway", url)

        assert "why     writeback: its published version writes to a database" in result.output.splitlines()

    def test_sends_inputs_as_json_where_they_are_json(self):
        gateway = Gateway(granted())
        inputs = ["n=1", "f=0.5", "yes=true", "none=null", "list=[1, 2]", 'quoted="5"', "text=a=b", "empty=", "nan=NaN"]
        with serving(gateway) as url:
            run("p1", "--gateway", url, *(word for text in inputs for word in ("--input", text)))

        [(method, path, headers, body)] = gateway.requested
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

        [(_, _, headers, body)] = gateway.requested
        assert json.loads(body) == {}
        assert "cache-control" not in headers

    def test_marks_what_shall_be_fresh_and_what_is_a_trial(self):
        gateway = Gateway(granted("bypass"))
        with serving(gateway) as url:
            run("p1", "--gateway", url, "--no-cache", "--trial", "X-Hex-Trial")

        [(_, _, headers, _)] = gateway.requested
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
        assert not gateway.requested


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
        assert len(gateway.requested) == 1

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
        assert len(gateway.requested) == 1


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
        assert len(named.requested) == 2
        assert len(unnamed.requested) == 1

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

        assert gateway.requested[0][2]["authorization"] == "Bearer hxtw_ofthefile"

    def test_without_a_token(self):
        result = run("p1", "--gateway", "http://127.0.0.1:1", HEX_API_TOKEN="")

        assert result.exit_code == 1
        assert "HEX_API_TOKEN: is not set; put the token of workspace 'default' into it" in result.output

    def test_certificates_that_cannot_be_read(self, tmp_path):
        result = run("p1", "--gateway", "https://127.0.0.1:1", SSL_CERT_FILE=str(tmp_path / "none.pem"))

        assert result.exit_code == 1
        assert f"SSL_CERT_FILE: {tmp_path / 'none.pem'} cannot be read as certificates" in result.output


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
    assert {method for method, *_ in gateway.requested} == {"POST", "GET"}
