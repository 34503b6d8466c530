"""What watches an exporter in tests: a real Prometheus, a real Alertmanager, and who receives the messages.

Both run with the shipped files, made fast by `hurried`. Only addresses and secrets are others, and the time between two
scrapes, which a busy machine needs.
"""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copytree
from types import TracebackType
from typing import NamedTuple

import httpx
import yaml

from helpers.hurry import FastTime, hurried
from helpers.launch import alertmanager_command
from helpers.running import ROOT, Running

ALERTS = ROOT / "alerts"

_SCRAPE_INTERVAL = "1s"
_EVALUATION_INTERVAL = " interval: 2s"
"""Two minutes of the world, where the shipped rules are evaluated each minute: that is most of what a test costs."""

_RESEND_DELAY = "5s"
"""What is not sent again for four times as long is taken for resolved."""

_GOOD = {"pager": 202, "chat": 200, "heartbeat": 200}


class Message(NamedTuple):
    """One message that was received; `alert` is None where the form has no place for the alert's name.

    `key` is the incident that a page belongs to: pages of one key are one call of a person.
    """

    receiver: str
    is_resolved: bool
    alert: str | None
    workspace: str | None
    budget: str | None
    title: str
    text: str
    key: str = ""


class Recorder:
    """Stands for PagerDuty (`pager`), Slack (`chat`) and a service that wants to hear something all the time."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver = self.path.strip("/").split("/")[0]
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                recorder.messages.append(_READERS[receiver](body))
                self.send_response(_GOOD[receiver])
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Recorder":
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def of(self, receiver: str) -> list[Message]:
        """The messages to one receiver, in the order in which they came."""
        return [message for message in tuple(self.messages) if message.receiver == receiver]

    def firing(self, receiver: str) -> set[tuple[str | None, str | None, str | None]]:
        """What a receiver was ever notified of as firing, each as alert, workspace and budget."""
        return {(one.alert, one.workspace, one.budget) for one in self.of(receiver) if not one.is_resolved}

    def resolved(self, receiver: str) -> set[tuple[str | None, str | None, str | None]]:
        """What a receiver was ever notified of as over."""
        return {(one.alert, one.workspace, one.budget) for one in self.of(receiver) if one.is_resolved}


def _page(body: dict) -> Message:
    """An event of PagerDuty's API."""
    payload = body.get("payload") or {}
    details = payload.get("custom_details") or {}
    return Message(
        "pager",
        body["event_action"] == "resolve",
        payload.get("class"),
        payload.get("group"),
        payload.get("component") or None,
        payload.get("summary", ""),
        details.get("text", ""),
        body["dedup_key"],
    )


def _note(body: dict) -> Message:
    """A message of Slack's API: it names no alert, but its title does for people."""
    (attachment,) = body["attachments"]
    title = attachment["title"]
    return Message("chat", title.startswith("Resolved: "), None, None, None, title, attachment["text"])


def _beat(body: dict) -> Message:
    return Message("heartbeat", body["status"] == "resolved", body["groupLabels"]["alertname"], None, None, "", "")


_READERS: dict[str, Callable[[dict], Message]] = {"pager": _page, "chat": _note, "heartbeat": _beat}


class Alertmanager(Running):
    """Alertmanager with the shipped configuration, whose receivers are all the recorder."""

    def __init__(self, program: Path, folder: Path, fast: FastTime, recorder: Recorder) -> None:
        secrets = folder / "secrets"
        secrets.mkdir(parents=True)
        (secrets / "pagerduty_routing_key").write_text("key")
        (secrets / "slack_url").write_text(f"{recorder.address}/chat")
        copytree(ALERTS / "templates", folder / "templates")
        config = hurried((ALERTS / "alertmanager.yml").read_text(), fast)
        config = config.replace("/etc/alertmanager/secrets", str(secrets))
        config = config.replace("http://127.0.0.1:9095", recorder.address)
        config = config.replace("\nglobal:\n", f"\nglobal:\n  pagerduty_url: {recorder.address}/pager\n")
        (folder / "alertmanager.yml").write_text(config)
        super().__init__(
            [
                *alertmanager_command(program),
                f"--config.file={folder}/alertmanager.yml",
                f"--storage.path={folder}/data",
                "--cluster.listen-address=",
                "--web.listen-address=127.0.0.1:0",
            ],
            folder / "alertmanager.log",
        )
        self.address = self.said(r"[Ll]istening on.*?address=(127\.0\.0\.1:\d+)").group(1)

    def suppressed(self) -> set[tuple[str, str]]:
        """Alert and budget of what fires and is inhibited or muted."""
        alerts = httpx.get(f"http://{self.address}/api/v2/alerts", timeout=30, trust_env=False, verify=False).json()
        return {
            (one["labels"]["alertname"], one["labels"].get("budget", ""))
            for one in alerts
            if one["status"]["state"] == "suppressed"
        }


class Prometheus(Running):
    """Prometheus with the shipped rules, which scrapes one exporter."""

    def __init__(self, program: Path, folder: Path, fast: FastTime, exporter: str, alertmanager: str) -> None:
        (folder / "rules").mkdir(parents=True)
        for path in (ALERTS / "rules").glob("*.yml"):
            rules = hurried(path.read_text(), fast)
            (folder / "rules" / path.name).write_text(rules.replace(" interval: 1000ms", _EVALUATION_INTERVAL))
        config = yaml.safe_load(hurried((ALERTS / "prometheus.yml").read_text(), fast))
        config["global"]["scrape_interval"] = _SCRAPE_INTERVAL
        config["scrape_configs"][0]["static_configs"][0]["targets"] = [exporter]
        config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        super().__init__(
            [
                program,
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--rules.alert.resend-delay={_RESEND_DELAY}",
                "--web.listen-address=127.0.0.1:0",
            ],
            folder / "prometheus.log",
        )
        self.address = self.said(r"[Ll]istening on.*?address=(127\.0\.0\.1:\d+)").group(1)
        self.said("Server is ready to receive web requests")

    def alerts(self, *states: str) -> set[tuple[str, str, str]]:
        """The alerts in these states (`pending`, `firing`), each as alert, workspace and budget."""
        answer = httpx.get(f"http://{self.address}/api/v1/alerts", timeout=30, trust_env=False, verify=False).json()
        return {
            (one["labels"]["alertname"], one["labels"].get("workspace", ""), one["labels"].get("budget", ""))
            for one in answer["data"]["alerts"]
            if one["state"] in states
        }

    def value(self, expression: str) -> float | None:
        """The first value of an expression, None if it has none."""
        answer = httpx.get(
            f"http://{self.address}/api/v1/query",
            params={"query": expression},
            timeout=30,
            trust_env=False,
            verify=False,
        ).json()
        found = answer["data"]["result"]
        return float(found[0]["value"][1]) if found else None
