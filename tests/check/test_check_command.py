"""`check` against a simulated workspace: what it says, and with what status it ends."""

import sqlite3

import httpx
import pytest
from checking import PERSONAL_TOKEN, TOKEN, notes, wrong

from exporter.clock import SystemClock
from exporter.errors import ConfigError
from exporter.ledger import open_ledger
from exporter.simulator import RateLimits, Simulation, Token, Tokens, create_app


class TestGoodToken:
    @pytest.mark.slow
    def test_everything_is_right(self, check):
        status, output = check()

        assert status == 0
        assert "Nothing is wrong." in output
        assert "sees   12 projects" in output
        assert " are allowed" in output
        assert " series" in output
        assert "until this week is complete" in output
        assert TOKEN not in output

    @pytest.mark.slow
    def test_every_endpoint_is_asked_and_told(self, check):
        _, output = check()

        for endpoint in ("projects", "runs", "me", "users", "groups", "connections", "threads", "queried_tables"):
            [line] = [line for line in output.splitlines() if line.startswith(f"{endpoint} ")]
            assert " yes " in line

    @pytest.mark.slow
    def test_estimated_series_are_those_of_the_page(self, check):
        _, output = check()

        [line] = [line for line in output.splitlines() if line.startswith("gives")]
        assert int(line.split()[2].replace(",", "")) > 500

    @pytest.mark.slow
    def test_the_way_is_said(self, check, monkeypatch):
        monkeypatch.delenv("http_proxy", raising=False)
        monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
        monkeypatch.setenv("NO_PROXY", "")
        ways = [
            next(line for line in check(route=route)[1].splitlines() if line.startswith("way "))
            for route in ("", "proxy: environment,", "proxy: 'http://other.example:1',")
        ]

        assert ways == [
            "way    directly; the environment names a proxy, which `proxy: environment` would use",
            "way    through the proxy http://proxy.example:3128 of the environment",
            "way    through the proxy http://other.example:1",
        ]

    @pytest.mark.slow
    def test_nothing_is_written(self, check, tmp_path):
        check()

        assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yml"]


class TestStorage:
    """What `serve` refuses at its start is wrong, whatever Hex says; nothing is changed by looking."""

    def at(self, check, tmp_path, name):
        return check(f'storage: {{url: "sqlite:///{tmp_path / name}"}}', is_offline=True)

    @pytest.mark.parametrize("content", [b"my notes\n", b"\x00" * 5000])
    def test_a_file_of_somebody_else(self, check, tmp_path, content):
        (tmp_path / "notes.txt").write_bytes(content)

        status, output = self.at(check, tmp_path, "notes.txt")

        remedy = "neither a ledger nor any database: set storage.url to another file"
        assert (status, wrong(output)) == (1, [f"{tmp_path / 'notes.txt'}: {remedy}"])
        assert "is right" not in output
        assert (tmp_path / "notes.txt").read_bytes() == content
        assert sorted(path.name for path in tmp_path.iterdir()) == ["c.yml", "notes.txt"]

    def test_a_database_of_another_program(self, check, tmp_path):
        with sqlite3.connect(tmp_path / "shop.db") as connection:
            connection.execute("create table orders (id)")

        status, output = self.at(check, tmp_path, "shop.db")

        assert status == 1
        assert "a database with the table 'orders', not a ledger" in wrong(output)[0]

    def test_a_ledger_of_a_newer_version(self, check, tmp_path):
        open_ledger(f"sqlite:///{tmp_path / 'l.db'}", clock=SystemClock()).close()
        with sqlite3.connect(tmp_path / "l.db") as connection:
            connection.execute("update meta set value = '999' where key = 'schema_version'")

        status, output = self.at(check, tmp_path, "l.db")

        assert status == 1
        assert "install that or a newer one" in wrong(output)[0]

    def test_a_ledger_that_a_running_server_writes_is_right(self, check, tmp_path):
        ledger = open_ledger(f"sqlite:///{tmp_path / 'l.db'}", clock=SystemClock())

        assert self.at(check, tmp_path, "l.db")[0] == 0
        ledger.close()
        assert self.at(check, tmp_path, "l.db")[0] == 0


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

    @pytest.mark.slow
    @pytest.mark.parametrize("endpoint", ["users", "groups", "connections", "threads", "export"])
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

    def test_a_listing_that_cannot_be_read_to_its_end(self, check):
        def looping(request: httpx.Request) -> httpx.Response:
            after = "c" if request.url.path.endswith("/users") else None
            answer = {"values": [{"id": f"u{request.url.params.get('after')}"}], "pagination": {"after": after}}
            return httpx.Response(200, json=answer | {"threads": [], "runs": []})

        check.lead_through(httpx.MockTransport(looping))

        status, output = check()

        assert status == 1
        assert any("users cannot be read to the end of the listing" in line for line in wrong(output))

    @pytest.mark.slow
    def test_polling_costs_more_than_is_allowed(self, check):
        check.lead_to(create_app(Simulation(1, 60, clock=SystemClock()), limits=RateLimits.off()))

        status, output = check(rate_limit="per_minute: 60, per_hour: 17, share: 1")

        assert status == 1
        assert any("and 17 are allowed" in line for line in wrong(output))

    @pytest.mark.slow
    def test_hex_is_away(self, check):
        def away(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("nobody there")

        check.lead_through(httpx.MockTransport(away))

        status, output = check()

        assert status == 1
        [sentence] = wrong(output)
        assert "nobody there" in sentence
        assert "scope" not in sentence

    @pytest.mark.parametrize(
        ("base_url", "answer"),
        [
            ("http://localhost/api/v1", httpx.Response(200, text="<!doctype html><title>Sign in</title>")),
            ("http://localhost/api/v1", httpx.Response(403, text="<html>blocked by policy")),
            ("http://localhost/api/v1", httpx.Response(404, text="Cannot GET /api/v1/projects")),
            ("http://localhost/api/v1", httpx.Response(302, headers={"Location": "https://login.example"})),
            ("http://localhost/api", httpx.Response(404, json={"message": "no", "code": "NOT_FOUND"})),
            ("http://localhost/api", httpx.Response(200, json={"ok": True})),
            ("http://localhost/app/home", httpx.Response(405, json={"message": "no"})),
        ],
    )
    def test_what_answers_is_not_the_api(self, check, base_url, answer):
        check.lead_through(httpx.MockTransport(lambda request: answer))

        status, output = check(base_url=base_url)

        assert status == 1
        [sentence] = wrong(output)
        assert "this answers, but it is not Hex's API: expected http://localhost/api/v1" in sentence
        assert "scope" not in output

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
    @pytest.mark.slow
    def test_personal_token_sees_less(self, check):
        _, output = check(token=PERSONAL_TOKEN)

        assert any("personal token" in line for line in notes(output))

    @pytest.mark.slow
    def test_token_that_expires_soon(self, check):
        now_ms = round(SystemClock().now() * 1000)
        token = Token(account="a", is_workspace=True, expires_ms=now_ms + 5 * 86_400_000)
        simulation = Simulation(1, 12, clock=SystemClock())
        check.lead_to(create_app(simulation, limits=RateLimits.off(), tokens=Tokens({TOKEN: token})))

        status, output = check()

        assert status == 0
        assert any("the token expires in 5 days" in line for line in notes(output))

    @pytest.mark.slow
    def test_items_that_cannot_be_read(self, check):
        check.fault("bad_item", endpoint="users")

        status, output = check()

        assert status == 0
        assert any("of the users cannot be read" in line for line in notes(output))

    @pytest.mark.slow
    def test_team_that_matches_nothing(self, check):
        status, output = check('teams: [{name: nobody, match: {title: "no such title"}}]')

        assert status == 0
        assert "team 'nobody' matches no project" in notes(output)


class TestWaits:
    """A rate limit that is too small for the check itself."""

    @pytest.fixture
    def hours(self, manual_clock, monkeypatch):
        monkeypatch.setattr("exporter.cli.check.SystemClock", lambda: manual_clock)
        return manual_clock

    @pytest.mark.slow
    def test_are_said_before_they_begin(self, check, hours):
        _, output = check(rate_limit="per_minute: 60, per_hour: 4, share: 1")

        waits = [line for line in output.splitlines() if line.startswith("waits")]
        assert waits[0] == (
            "waits  1.0 hours: rate_limit lets 60 requests a minute and 4 an hour go, and one run of this check is a "
            "dozen or more; groups is requested next"
        )
        assert output.index("waits") < output.index("endpoint")

    @pytest.mark.slow
    def test_after_a_429_are_said_too(self, check, hours):
        check.fault("429", endpoint="users", retry_after=40, count=1)

        _, output = check()

        assert any(line.startswith("waits  under a minute: Hex wants no requests") for line in output.splitlines())

    @pytest.mark.slow
    def test_that_nobody_would_notice_are_not_said(self, check):
        _, output = check()

        assert "waits" not in output


class TestWhatIsLeftOut:
    @pytest.mark.slow
    def test_how_many_projects_are_followed(self, check):
        _, everything = check()

        status, output = check("collect: {except: {project_id: '[0-7]*'}}")

        assert status == 0
        [line] = [line for line in output.splitlines() if line.startswith("skips")]
        assert 0 < int(line.split()[1]) < 12
        assert cost(output) < cost(everything)

    @pytest.mark.slow
    def test_nothing_that_is_followed_is_wrong(self, check):
        status, output = check("collect: {match: {title: none}}")

        assert status == 1
        assert wrong(output) == ["collect.match and collect.except leave every project out: nothing is followed"]


class TestFlagsOfTheServer:
    @pytest.mark.slow
    def test_where_the_metrics_are(self, check):
        _, output = check(web={"external_url": "https://proxy.example/hex/", "telemetry_path": "/m"})

        assert "serves https://proxy.example/hex/m" in output

    @pytest.mark.parametrize(
        ("flags", "named"),
        [
            ({"route_prefix": "/?"}, "--web.route-prefix"),
            ({"listen_addresses": ["9891"]}, "--web.listen-address"),
            ({"health_addresses": ["here"]}, "--web.health-listen-address"),
        ],
    )
    def test_one_that_cannot_be_used_is_refused(self, check, flags, named):
        with pytest.raises(ConfigError, match=named):
            check(web=flags)


def cost(output: str) -> int:
    [line] = [line for line in output.splitlines() if line.startswith("costs")]
    return int(line.split()[2])
