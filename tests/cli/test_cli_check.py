"""`check` against a simulated workspace: what it says, and with what status it ends."""

from functools import partial

import httpx
import pytest

from exporter.cli import probe
from exporter.cli.check import run_check
from exporter.clock import SystemClock
from exporter.errors import ConfigError
from exporter.hexapi import HexClient
from exporter.simulator import Fault, Limits, Simulation, Token, Tokens, create_app

TOKEN = "hxtw_" + "3c" * 48
PERSONAL_TOKEN = "hxtp_" + "3c" * 48


class Check:
    """Runs `check` with its requests led to a simulated workspace of 12 projects."""

    def __init__(self, monkeypatch, capsys, tmp_path) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self._folder = tmp_path
        self.lead_to(create_app(Simulation(1, 12, clock=SystemClock()), limits=Limits.off()))

    def lead_to(self, app) -> None:
        self.app = app
        self.lead_through(httpx.ASGITransport(app=app))

    def lead_through(self, transport: httpx.AsyncBaseTransport) -> None:
        self._monkeypatch.setattr(probe, "HexClient", partial(HexClient, transport=transport))

    def fault(self, kind: str, **more) -> None:
        self.app.faults.add(Fault(kind=kind, **more))

    def __call__(self, more: str = "", *, token: str = TOKEN, rate_limit: str = "per_minute: 600, per_hour: 36000"):
        """Exit status and output."""
        path = self._folder / "c.yml"
        workspace = f"{{name: w, base_url: http://localhost/api/v1, rate_limit: {{{rate_limit}}}, token_env: T}}"
        path.write_text(f"workspaces: [{workspace}]\n{more}")
        status = run_check(path, {"T": token, "XDG_STATE_HOME": str(self._folder)})
        return status, self._capsys.readouterr().out


@pytest.fixture
def check(monkeypatch, capsys, tmp_path) -> Check:
    return Check(monkeypatch, capsys, tmp_path)


def wrong(output: str) -> list[str]:
    return [line.removeprefix("wrong").strip() for line in output.splitlines() if line.startswith("wrong")]


def notes(output: str) -> list[str]:
    return [line.removeprefix("note").strip() for line in output.splitlines() if line.startswith("note")]


class TestGoodToken:
    def test_everything_is_right(self, check):
        status, output = check()

        assert status == 0
        assert "Nothing is wrong." in output
        assert "sees   12 projects" in output
        assert " are allowed" in output
        assert " series" in output
        assert "until this week is complete" in output
        assert TOKEN not in output

    def test_every_endpoint_is_asked_and_told(self, check):
        _, output = check()

        for endpoint in ("projects", "runs", "me", "users", "groups", "connections", "threads", "queried_tables"):
            [line] = [line for line in output.splitlines() if line.startswith(f"{endpoint} ")]
            assert " yes " in line

    def test_estimated_series_are_those_of_the_page(self, check):
        _, output = check()

        [line] = [line for line in output.splitlines() if line.startswith("gives")]
        assert int(line.split()[2].replace(",", "")) > 500

    def test_nothing_is_written(self, check, tmp_path):
        check()

        assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yml"]


class TestWhatIsWrong:
    def test_token_that_hex_does_not_accept(self, check):
        check.fault("401")

        status, output = check()

        assert status == 1
        assert wrong(output) == [
            "Hex does not accept the token: is it whole, of this deployment, and not expired or revoked?"
        ]

    @pytest.mark.parametrize("endpoint", ["projects", "runs"])
    def test_scope_that_is_needed_for_runs_is_missing(self, check, endpoint):
        check.fault("403", endpoint=endpoint)

        status, output = check()

        assert status == 1
        assert any("needs the scope: read projects" in line for line in wrong(output))

    @pytest.mark.parametrize("endpoint", ["users", "groups", "connections", "threads"])
    def test_other_scope_is_missing_and_only_noted(self, check, endpoint):
        check.fault("403", endpoint=endpoint)

        status, output = check()

        assert status == 0
        assert any(f"{endpoint} needs" in line for line in notes(output))

    def test_no_project_is_seen(self, check):
        empty = {"values": [], "threads": [], "pagination": {"after": None}, "org": {"id": "org"}}
        check.lead_through(httpx.MockTransport(lambda request: httpx.Response(200, json=empty)))

        status, output = check()

        assert status == 1
        assert any("sees no project" in line for line in wrong(output))

    def test_polling_costs_more_than_is_allowed(self, check):
        check.lead_to(create_app(Simulation(1, 60, clock=SystemClock()), limits=Limits.off()))

        status, output = check(rate_limit="per_minute: 60, per_hour: 14, share: 1")

        assert status == 1
        assert any("and 14 are allowed" in line for line in wrong(output))

    def test_hex_is_away(self, check):
        def away(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("nobody there")

        check.lead_through(httpx.MockTransport(away))

        status, output = check()

        assert status == 1
        [sentence] = wrong(output)
        assert "nobody there" in sentence
        assert "scope" not in sentence

    def test_what_hex_says_is_shown_as_it_is(self, check):
        """Square brackets in an answer are not markup."""
        refusal = {"reason": "no [/bold] way, [red]really"}
        check.lead_through(httpx.MockTransport(lambda request: httpx.Response(403, json=refusal)))

        status, output = check()

        assert status == 1
        assert "no [/bold] way, [red]really" in output

    def test_token_that_is_not_there(self, check):
        with pytest.raises(ConfigError, match="T: is not set"):
            check(token=" ")


class TestNotes:
    def test_personal_token_sees_less(self, check):
        _, output = check(token=PERSONAL_TOKEN)

        assert any("personal token" in line for line in notes(output))

    def test_token_that_expires_soon(self, check):
        now_ms = round(SystemClock().now() * 1000)
        token = Token(account="a", is_workspace=True, expires_ms=now_ms + 5 * 86_400_000)
        simulation = Simulation(1, 12, clock=SystemClock())
        check.lead_to(create_app(simulation, limits=Limits.off(), tokens=Tokens({TOKEN: token})))

        status, output = check()

        assert status == 0
        assert any("the token expires in 5 days" in line for line in notes(output))

    def test_team_that_matches_nothing(self, check):
        status, output = check('teams: [{name: nobody, match: {title: "no such title"}}]')

        assert status == 0
        assert "team 'nobody' matches no project" in notes(output)
