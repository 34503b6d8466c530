"""`hex-exporter serve` as a process: how it starts, what it refuses, how it reloads and ends."""

import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from helpers.running import SCRIPT, TOKEN, Exporter, Running, Simulator, configuration, environment, wait_for

pytestmark = pytest.mark.integration

NOWHERE = "http://127.0.0.1:9/api/v1"


AS_ANOTHER_USER = """
import os
import pathlib
import exporter.service.serve
import exporter.service.settings
from exporter.cli import main
exporter.service.configure_logs("error", "logfmt")
# Another user may not be able to read what is imported only when it is needed.
exporter.service.settings.read_config(pathlib.Path("c.yml"), {})
if os.geteuid() == 0:
    os.setuid(65534)
main()
"""


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    """One for all: no test here changes it, and a start takes as long as most tests."""
    with Simulator(tmp_path_factory.mktemp("hex")) as running:
        yield running


def rename_table(ledger: Path, before: str, after: str) -> None:
    """Take a table away from the ledger, or give it back, as a disk that fails and recovers would."""
    with closing(sqlite3.connect(ledger, timeout=30)) as connection:
        connection.execute(f"ALTER TABLE {before} RENAME TO {after}")
        connection.commit()


def served(exporter: Exporter, sample: str) -> bool:
    return f"\n{sample}" in exporter.get().text


class TestEnding:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_signal_ends_it_with_success_while_somebody_is_connected(self, exporter, number):
        host, port = exporter.address.split(":")
        wait_for(lambda: exporter.get("/-/healthy").is_success)  # it listens before its loop runs
        with socket.create_connection((host, int(port)), timeout=10):
            exporter.signal(number)

            assert exporter.exit_status() == 0
        assert f"event=Stopping signal={number.name}" in exporter.text
        assert "Traceback" not in exporter.text

    def test_signal_ends_it_while_hex_does_not_answer(self, tmp_path):
        with (
            Simulator(tmp_path, "--fault", "slow,seconds=600") as simulator,
            Exporter(tmp_path, simulator.base_url) as exporter,
        ):
            exporter.listening()
            wait_for(lambda: exporter.get("/-/ready").is_success)
            exporter.signal(signal.SIGTERM)

            assert exporter.exit_status() == 0

    def test_second_start_on_the_same_ledger_is_refused_and_the_first_goes_on(self, exporter, simulator, tmp_path):
        wait_for(lambda: exporter.get("/-/ready").is_success)
        with Exporter(tmp_path, simulator.base_url) as second:
            assert second.exit_status() == 1

            assert str(exporter.ledger) in second.text
            assert "Traceback" not in second.text
        assert exporter.get("/-/healthy").is_success

    def test_ledger_that_cannot_be_kept_is_reported_and_serving_goes_on(self, tmp_path):
        (tmp_path / "ledger.db").mkdir()
        with Exporter(tmp_path, NOWHERE) as exporter:
            exporter.listening()

            exporter.said("The ledger is not as it should be")
            wait_for(lambda: served(exporter, 'hex_up{workspace="sim"} 0'))


class TestReloading:
    def test_sighup_puts_a_changed_file_in_force(self, exporter, simulator):
        wait_for(lambda: served(exporter, 'hex_up{workspace="sim"} 1'))
        exporter.config.write_text(exporter.config.read_text().replace("share: 1", "share: 0.5"))

        exporter.signal(signal.SIGHUP)

        exporter.said("The configuration has been read again")
        wait_for(lambda: served(exporter, 'hex_api_allowed_requests_per_hour{workspace="sim"} 500000'))

    def test_file_that_cannot_be_used_is_refused_and_the_running_configuration_goes_on(self, exporter):
        wait_for(lambda: served(exporter, "hex_exporter_config_last_reload_successful 1"))
        exporter.config.write_text("workspacs: []\n")

        answer = exporter.post("/-/reload")

        assert answer.status_code == 500
        assert f"{exporter.config}:1" in answer.text
        assert "workspaces" in answer.text
        wait_for(lambda: served(exporter, "hex_exporter_config_last_reload_successful 0"))
        assert served(exporter, 'hex_up{workspace="sim"}')

    def test_post_reads_the_file_again(self, exporter):
        answer = exporter.post("/-/reload")

        assert (answer.status_code, answer.text) == (200, "The configuration is in force.\n")

    def test_post_is_off_unless_asked_for(self, tmp_path):
        with Exporter(tmp_path, NOWHERE) as exporter:
            exporter.listening()

            assert exporter.post("/-/reload").status_code == 403

    def test_ledger_that_cannot_be_read_refuses_the_reload_and_ends_nothing(self, exporter):
        wait_for(lambda: served(exporter, 'hex_up{workspace="sim"} 1'))
        rename_table(exporter.ledger, "runs", "elsewhere")
        exporter.config.write_text(exporter.config.read_text().replace("share: 1", "share: 0.5"))

        refused = exporter.post("/-/reload")
        rename_table(exporter.ledger, "elsewhere", "runs")

        assert (refused.status_code, "no such table: runs" in refused.text) == (500, True)
        wait_for(lambda: served(exporter, "hex_exporter_config_last_reload_successful 0"))
        assert exporter.get("/-/healthy").is_success
        assert served(exporter, 'hex_api_allowed_requests_per_hour{workspace="sim"} 1000000')
        assert exporter.post("/-/reload").is_success
        wait_for(lambda: served(exporter, 'hex_api_allowed_requests_per_hour{workspace="sim"} 500000'))

    def test_another_ledger_needs_a_restart(self, exporter, tmp_path):
        exporter.config.write_text(exporter.config.read_text().replace("ledger.db", "other.db"))

        answer = exporter.post("/-/reload")

        assert answer.status_code == 500
        assert "storage.url" in answer.text
        assert not (tmp_path / "other.db").exists()


class TestDebugLog:
    def test_each_request_and_each_page_is_one_line(self, simulator, tmp_path):
        with Exporter(tmp_path, simulator.base_url, "--log.level", "debug") as exporter:
            exporter.listening()

            exporter.said(r"event=poll_planned .*endpoint=projects .*reason=listing_due")
            page = exporter.said(r"event=page_built bytes=(\d+) series=(\d+) milliseconds=\d+")
            assert int(page[1]) > 40 * int(page[2]) > 0
            assert TOKEN not in exporter.text


class TestPages:
    def test_landing_page_says_what_is_followed_and_where_the_metrics_are(self, exporter):
        wait_for(lambda: "requests an hour" in exporter.get("/").text)
        page = exporter.get("/").text

        assert 'href="./metrics"' in page
        assert ">sim<" in page
        assert TOKEN not in page

    def test_landing_page_says_what_is_wrong_with_the_ledger_from_the_start(self, tmp_path):
        (tmp_path / "file").write_text("")
        (tmp_path / "hex-exporter.yml").write_text(configuration(NOWHERE, tmp_path / "file" / "ledger.db"))
        with Exporter(tmp_path, NOWHERE) as exporter:
            exporter.listening()

            wait_for(lambda: "the ledger is in memory and ends with this process" in exporter.get("/").text)
            assert "set storage.url to one that is" in exporter.get("/-/ready").text
            page = exporter.get("/metrics").text
            assert "hex_exporter_ledger_durable 0" in page
            assert "hex_api_requests_total{" not in page

    def test_health_and_readiness_do_not_depend_on_hex(self, tmp_path):
        with Exporter(tmp_path, NOWHERE) as exporter:
            exporter.listening()

            wait_for(lambda: exporter.get("/-/ready").is_success)
            assert exporter.get("/-/healthy").text == "OK\n"

    def test_behind_a_prefix_with_passwords_health_is_answered_apart(self, tmp_path):
        (tmp_path / "web.yml").write_text(
            "basic_auth_users: {a: $2b$04$/RYC8bRsmnmc2/CWmG7Ks.fWnbqo84Gc29orecA1tkiwU0ZRPLhk2}"
        )
        flags = ["--web.external-url", "https://proxy.example/hex/", "--web.config.file", str(tmp_path / "web.yml")]
        with Exporter(tmp_path, NOWHERE, *flags, "--web.health-listen-address", "127.0.0.1:0") as exporter:
            exporter.said("event=Listening .*telemetry_path=/hex/metrics url=https://proxy.example/hex")
            main = exporter.listening()
            exporter.address = exporter.said(r'event="Health is answered" address=(\S+)').group(1)

            wait_for(lambda: exporter.get("/-/ready").is_success)
            paths = ("/-/healthy", "/metrics", "/hex/metrics", "/hex/-/healthy", "/")
            assert [exporter.get(path).status_code for path in paths] == [200, 404, 404, 404, 404]
            exporter.address = main
            assert exporter.get("/hex/-/healthy").status_code == 401

    def test_both_formats_are_served(self, exporter):
        wait_for(lambda: served(exporter, 'hex_up{workspace="sim"} 1'))

        assert exporter.get(Accept="application/openmetrics-text; version=1.0.0").text.endswith("# EOF\n")
        assert "# EOF" not in exporter.get(Accept="text/plain").text


class TestWithoutHex:
    """Away, slow or lying: /metrics is there with `hex_up 0`, the reason is said once, and it goes on by itself."""

    def assert_served_without_hex(self, exporter: Exporter, reason: str | None) -> None:
        exporter.listening()
        assert exporter.get().status_code == 200
        wait_for(lambda: served(exporter, 'hex_up{workspace="sim"} 0'))
        if reason is not None:
            exporter.said(f"what=projects reason=.*{reason}")
            wait_for(lambda: served(exporter, 'hex_collector_success{workspace="sim",collector="projects"} 0'))
            assert exporter.text.count("what=projects") == 1
        assert exporter.get("/-/healthy").is_success

    def test_hex_is_away(self, tmp_path):
        with Exporter(tmp_path, NOWHERE) as exporter:
            self.assert_served_without_hex(exporter, "does not answer .connection refused.")

    def test_hex_is_slow(self, tmp_path):
        with (
            Simulator(tmp_path, "--fault", "slow,seconds=600") as simulator,
            Exporter(tmp_path, simulator.base_url) as exporter,
        ):
            self.assert_served_without_hex(exporter, None)

    @pytest.mark.parametrize(("fault", "reason"), [("html", "HTML instead of JSON"), ("503", "503"), ("reset", "")])
    def test_hex_lies_and_comes_to_its_senses(self, tmp_path, fault, reason):
        with (
            Simulator(tmp_path, "--fault", fault) as simulator,
            Exporter(tmp_path, simulator.base_url) as exporter,
        ):
            self.assert_served_without_hex(exporter, reason)
            simulator.end_faults()

            wait_for(lambda: served(exporter, 'hex_up{workspace="sim"} 1'), seconds=100)
            exporter.said('event="That works again" workspace=sim what=projects')

    def test_silent_hex_that_only_accepts(self, tmp_path):
        with silent_server() as port, Exporter(tmp_path, f"http://127.0.0.1:{port}/api/v1") as exporter:
            self.assert_served_without_hex(exporter, None)

    def test_token_is_refused_until_its_file_changes(self, tmp_path):
        token = tmp_path / "token"
        token.write_text(TOKEN)
        with Simulator(tmp_path, "--fault", "401") as simulator:
            text = configuration(simulator.base_url, tmp_path / "ledger.db")
            (tmp_path / "hex-exporter.yml").write_text(text.replace("token_env: HEX_API_TOKEN", f"token_file: {token}"))
            with Exporter(tmp_path, simulator.base_url) as exporter:
                exporter.listening()
                exporter.said("what=token")
                wait_for(lambda: served(exporter, 'hex_up{workspace="sim"} 0'))
                simulator.end_faults()
                token.write_text("hxtw_" + "7f" * 48)

                wait_for(lambda: served(exporter, 'hex_up{workspace="sim"} 1'))
                assert exporter.text.count("what=token reason") == 1
                assert TOKEN not in exporter.text


class TestRefusals:
    def refused(self, folder: Path, *flags: str | Path, script: Sequence[str | Path] = (SCRIPT,), **env: str) -> str:
        """What is said by a start that ends with exit status 1, in one line."""
        command = [*script, "serve", "--web.listen-address", "127.0.0.1:0", *flags]
        variables = environment(XDG_STATE_HOME=str(folder / "state"), **env)
        with Running(command, folder / "refused.log", env=variables) as start:
            assert start.exit_status() == 1, start.text
            [line] = start.text.splitlines()
        return line

    def test_no_token(self, tmp_path):
        assert self.refused(tmp_path) == (
            "hex-exporter: HEX_API_TOKEN: is not set; put the token of workspace 'default' into it, "
            "or configure token_file"
        )

    @pytest.mark.parametrize("content", ["", " \n"])
    def test_empty_token_file(self, tmp_path, content):
        (tmp_path / "token").write_text(content)
        (tmp_path / "c.yml").write_text(f"workspaces: [{{name: a, token_file: {tmp_path / 'token'}}}]")

        line = self.refused(tmp_path, "--config.file", tmp_path / "c.yml")

        assert str(tmp_path / "token") in line
        assert "empty" in line

    def test_missing_token_file(self, tmp_path):
        (tmp_path / "c.yml").write_text(f"workspaces: [{{name: a, token_file: {tmp_path / 'nothing'}}}]")

        assert str(tmp_path / "nothing") in self.refused(tmp_path, "--config.file", tmp_path / "c.yml")

    def test_unreadable_token_file(self, tmp_path):
        tmp_path.chmod(0o755)
        (tmp_path / "token").write_text(TOKEN)
        (tmp_path / "token").chmod(0)
        (tmp_path / "c.yml").write_text("workspaces: [{name: a, token_file: ./token}]")

        line = self.refused(tmp_path, "--config.file", "c.yml", script=[sys.executable, "-c", AS_ANOTHER_USER])

        assert "token" in line
        assert "Permission denied" in line
        assert "c.yml: cannot be read" not in line

    def test_port_in_use(self, tmp_path):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"

            line = self.refused(tmp_path, "--web.listen-address", address, HEX_API_TOKEN=TOKEN)

        assert address in line
        assert "in use" in line

    def test_plain_http_to_a_public_host(self, tmp_path):
        line = self.refused(tmp_path, HEX_API_TOKEN=TOKEN, HEX_BASE_URL="http://hex.example/api/v1")

        assert "https" in line


@contextmanager
def silent_server() -> Iterator[int]:
    """A server that takes connections and never says a word; yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[socket.socket] = []
        listener.settimeout(0.1)
        over = threading.Event()

        def take() -> None:
            while not over.is_set():
                try:
                    taken.append(listener.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            over.set()
            thread.join()
            for connection in taken:
                connection.close()
