"""`check` against a simulated workspace: what it says, and with what status it ends."""

import re
import socket
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import partial

import bcrypt
import httpx
import pytest

from exporter.check import workspace_probe
from exporter.cli.check import run_check
from exporter.clock import SystemClock
from exporter.errors import ConfigError
from exporter.hexapi import HexClient
from exporter.service import WebFlags
from exporter.simulator import Fault, RateLimits, Simulation, Token, Tokens, create_app

TOKEN = "hxtw_" + "3c" * 48
PERSONAL_TOKEN = "hxtp_" + "3c" * 48


class Check:
    """Runs `check` with its requests led to a simulated workspace of 12 projects."""

    def __init__(self, monkeypatch, capsys, tmp_path) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self._folder = tmp_path
        self.lead_to(create_app(Simulation(1, 12, clock=SystemClock()), limits=RateLimits.off()))

    def lead_to(self, app) -> None:
        self.app = app
        self.lead_through(httpx.ASGITransport(app=app))

    def lead_through(self, transport: httpx.AsyncBaseTransport) -> None:
        self._monkeypatch.setattr(workspace_probe, "HexClient", partial(HexClient, transport=transport))

    def fault(self, kind: str, **more) -> None:
        self.app.faults.add(Fault(kind=kind, **more))

    def __call__(
        self,
        more: str = "",
        *,
        token: str = TOKEN,
        rate_limit: str = "per_minute: 600, per_hour: 36000",
        environ: Mapping[str, str] | None = None,
        base_url: str = "http://localhost/api/v1",
        route: str = "",
        web: Mapping[str, object] | None = None,
        is_offline: bool = False,
    ):
        """Exit status and output."""
        path = self._folder / "c.yml"
        workspace = f"{{name: w, base_url: {base_url}, {route} rate_limit: {{{rate_limit}}}, token_env: T}}"
        path.write_text(f"workspaces: [{workspace}]\n{more}")
        flags = WebFlags(**{"listen_addresses": ["127.0.0.1:9891"], **(web or {})})
        status = run_check(
            path, {"T": token, "XDG_STATE_HOME": str(self._folder), **(environ or {})}, flags, is_offline=is_offline
        )
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

    def test_a_listing_that_cannot_be_read_to_its_end(self, check):
        def looping(request: httpx.Request) -> httpx.Response:
            after = "c" if request.url.path.endswith("/users") else None
            answer = {"values": [{"id": f"u{request.url.params.get('after')}"}], "pagination": {"after": after}}
            return httpx.Response(200, json=answer | {"threads": [], "runs": []})

        check.lead_through(httpx.MockTransport(looping))

        status, output = check()

        assert status == 1
        assert any("users cannot be read to the end of the listing" in line for line in wrong(output))

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
    def test_personal_token_sees_less(self, check):
        _, output = check(token=PERSONAL_TOKEN)

        assert any("personal token" in line for line in notes(output))

    def test_token_that_expires_soon(self, check):
        now_ms = round(SystemClock().now() * 1000)
        token = Token(account="a", is_workspace=True, expires_ms=now_ms + 5 * 86_400_000)
        simulation = Simulation(1, 12, clock=SystemClock())
        check.lead_to(create_app(simulation, limits=RateLimits.off(), tokens=Tokens({TOKEN: token})))

        status, output = check()

        assert status == 0
        assert any("the token expires in 5 days" in line for line in notes(output))

    def test_items_that_cannot_be_read(self, check):
        check.fault("bad_item", endpoint="users")

        status, output = check()

        assert status == 0
        assert any("of the users cannot be read" in line for line in notes(output))

    def test_team_that_matches_nothing(self, check):
        status, output = check('teams: [{name: nobody, match: {title: "no such title"}}]')

        assert status == 0
        assert "team 'nobody' matches no project" in notes(output)


class TestSources:
    def test_that_can_be_asked_are_counted(self, check, tmp_path):
        (tmp_path / "rates.csv").write_text("a")

        status, output = check(
            "sources:\n- {match: {title: '*'}, file: {paths: ['*.csv']}}\n"
            "- {match: {title: 'x*'}, name: far, sql: {url_env: D, query: select 1}}\n"
            "- {match: {title: 'x*'}, http: {url: 'https://a.example', authorization_env: H}}",
            environ={"D": "sqlite:////data/x.db", "H": "Bearer secret"},
        )

        assert status == 0
        assert "knows  the source of 12 of 12 projects" in output
        assert "source far applies to no project: none matches, or an earlier source has them all" in notes(output)
        assert "secret" not in output

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("source", "environ", "sentence"),
        [
            ("sql: {url_env: D, query: a}", {}, "the environment variable D is empty or not set"),
            ("sql: {url_file: none, query: a}", {}, "the file {folder}/none cannot be read: No such file or directory"),
            ("sql: {url_env: D, query: a}", {"D": "hidden"}, "the database URL cannot be read, expected "
             "DIALECT://USER:PASSWORD@HOST/DATABASE"),
            ("sql: {url_env: D, query: a}", {"D": "snowflake://u:hidden@a"}, "no driver for snowflake is installed: "
             "pip install hex-exporter[snowflake]"),
            ("sql: {url_env: D, query: a}", {"D": "nosuch://u:hidden@a"}, "no driver for nosuch is installed, expected "
             "its SQLAlchemy dialect and driver beside hex-exporter"),
            ("http: {url: 'https://a.example', authorization_env: H}", {}, "the environment variable H is empty or "
             "not set"),
            ("file: {paths: [none.csv, '*.none']}", {}, "no file matches {folder}/none.csv"),
        ],
    )  # fmt: skip
    def test_that_cannot_be_asked_are_wrong(self, check, tmp_path, source, environ, sentence):
        status, output = check(f"sources: [{{name: a, match: {{title: '*'}}, {source}}}]", environ=environ)

        assert status == 1
        assert wrong(output) == [f"source a: {sentence.format(folder=tmp_path)}"]
        assert "hidden" not in output
        assert "Nothing is wrong" not in output

    def test_are_probed_with_the_digest_of_the_rows_and_the_time(self, check, tmp_path):
        with closing(sqlite3.connect(tmp_path / "orders.db")) as database:
            database.execute("create table orders (id integer)")
            database.execute("insert into orders values (1)")
            database.commit()
        source = "sources: [{name: orders, match: {title: '*'}, sql: {url_env: D, query: select max(id) from orders}}]"
        environ = {"D": f"sqlite:///{tmp_path / 'orders.db'}"}

        status, output = check(source, environ=environ)
        first = re.search(r"^asks   source orders of \d+ projects: state ([0-9a-f]{32}) in \d+\.\d\d s$", output, re.M)
        with closing(sqlite3.connect(tmp_path / "orders.db")) as database:
            database.execute("insert into orders values (2)")
            database.commit()
        _, later = check(source, environ=environ)

        assert status == 0
        assert first
        assert f"state {first[1]}" not in later

    def test_that_answer_with_an_error_are_wrong(self, check, tmp_path):
        (tmp_path / "orders.db").touch()

        status, output = check(
            "sources: [{name: orders, match: {title: '*'}, sql: {url_env: D, query: select 1 from nosuch}}]",
            environ={"D": f"sqlite:///{tmp_path / 'orders.db'}"},
        )

        assert status == 1
        [sentence] = wrong(output)
        assert sentence.startswith("source orders cannot be probed: ")
        assert "Nothing is wrong" not in output

    def test_offline_nothing_is_asked(self, check):
        check.fault("500")

        status, output = check(
            "sources: [{name: a, match: {title: '*'}, http: {url: 'https://a.example'}}]", is_offline=True
        )

        assert status == 0
        assert "source a: not asked (--offline)" in output
        assert "workspace w: not asked (--offline)" in output

    def test_that_need_tables_which_nobody_collects_are_wrong(self, check):
        status, output = check(
            "sources: [{name: a, match: {title: '*'}, sql: {url_env: D, connection: 'W*'}}]\n"
            "collect: {queried_tables: false}",
            environ={"D": "sqlite:////x.db"},
        )

        assert status == 1
        assert wrong(output) == [
            "source a needs collect.queried_tables, which is false: its tables come from there"
        ]  # fmt: skip


class TestIgnored:
    def test_that_is_over_or_matches_nothing_is_noted(self, check):
        _, output = check(
            "ignore:\n- {kind: idle_paid_seat, subject: '*', reason: a, until: 2020-01-31}\n"
            "- {kind: abandoned_project, subject: 'no such title', reason: b}\n"
            "- {kind: abandoned_project, subject: '*', reason: c}\n"
        )

        assert [line for line in notes(output) if line.startswith("ignore")] == [
            "ignore[0] (idle paid seat '*') is over since 2020-01-31: write a later until, or remove it",
            "ignore[1] (abandoned project) matches no project, person or connection: correct its subject "
            "'no such title', or remove it",
        ]


class TestGateway:
    def test_that_can_listen_is_no_news(self, check):
        status, output = check("gateway: {listen_address: '127.0.0.1:0'}")

        assert status == 0
        assert not any("gateway" in line for line in notes(output))

    def test_address_in_use_is_noted_for_the_exporter_may_run(self, check):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            status, output = check(f"gateway: {{listen_address: '127.0.0.1:{port}'}}")

        assert status == 0
        assert (
            f"gateway: cannot listen on 127.0.0.1:{port}: Address already in use; by this exporter, if it runs already"
        ) in notes(output)

    def test_address_of_another_machine_is_wrong(self, check):
        status, output = check("gateway: {listen_address: '192.0.2.1:9892', allow_insecure: true}")

        assert status == 1
        assert wrong(output) == ["gateway: cannot listen on 192.0.2.1:9892: Cannot assign requested address"]

    def test_policies_for_nobody_are_noted(self, check):
        _, output = check(
            "gateway: {listen_address: '127.0.0.1:0', policies: [{match: {title: none}}, {}, {max_age: 1h}]}"
        )

        assert [line for line in notes(output) if line.startswith("gateway")] == [
            "gateway.policies[0] applies to no project: none matches, or an earlier policy has them all",
            "gateway.policies[2] applies to no project: none matches, or an earlier policy has them all",
        ]

    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (
                "{}",
                "gateway.web_config_file: the file has no TLS for the public address :0, and callers send their Hex "
                "tokens there; add tls_server_config to it, write a loopback address, or add allow_insecure: true",
            ),
            ("tls: {}", None),
        ],
    )
    def test_public_address_needs_tls_in_the_file(self, check, tmp_path, content, sentence):
        (tmp_path / "web.yml").write_text(content)

        status, output = check("gateway: {listen_address: ':0', web_config_file: web.yml}")

        assert status == 1
        assert len(wrong(output)) == 1
        assert sentence is None or wrong(output) == [sentence]

    def test_passwords_cannot_stand_where_tokens_do(self, check, tmp_path):
        (tmp_path / "web.yml").write_text(
            f"basic_auth_users: {{ann: '{bcrypt.hashpw(b'x', bcrypt.gensalt(4)).decode()}'}}"
        )

        status, output = check("gateway: {listen_address: '127.0.0.1:0', web_config_file: web.yml}")

        assert status == 1
        assert wrong(output) == [
            "gateway.web_config_file: the file has basic_auth_users; remove them: a caller's Authorization is its Hex "
            "token"
        ]


class TestWaits:
    """A rate limit that is too small for the check itself."""

    @pytest.fixture
    def hours(self, manual_clock, monkeypatch):
        monkeypatch.setattr("exporter.cli.check.SystemClock", lambda: manual_clock)
        return manual_clock

    def test_are_said_before_they_begin(self, check, hours):
        _, output = check(rate_limit="per_minute: 60, per_hour: 4, share: 1")

        waits = [line for line in output.splitlines() if line.startswith("waits")]
        assert waits[0] == (
            "waits  1.0 hours: rate_limit lets 60 requests a minute and 4 an hour go, and one run of this check is a "
            "dozen or more; groups is asked next"
        )
        assert output.index("waits") < output.index("endpoint")

    def test_after_a_429_are_said_too(self, check, hours):
        check.fault("429", endpoint="users", retry_after=40, count=1)

        _, output = check()

        assert any(line.startswith("waits  under a minute: Hex wants no requests") for line in output.splitlines())

    def test_that_nobody_would_notice_are_not_said(self, check):
        _, output = check()

        assert "waits" not in output


class TestWhatIsLeftOut:
    def test_how_many_projects_are_followed(self, check):
        _, everything = check()

        status, output = check("collect: {except: {project_id: '[0-7]*'}}")

        assert status == 0
        [line] = [line for line in output.splitlines() if line.startswith("skips")]
        assert 0 < int(line.split()[1]) < 12
        assert cost(output) < cost(everything)

    def test_nothing_that_is_followed_is_wrong(self, check):
        status, output = check("collect: {match: {title: none}}")

        assert status == 1
        assert wrong(output) == ["collect.match and collect.except leave every project out: nothing is followed"]


class TestFlagsOfTheServer:
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
