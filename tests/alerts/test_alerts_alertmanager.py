"""Alertmanager's configuration: accepted, routed, inhibited as meant, and messages a person can act on."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import yaml
from helpers.hurry import UNITS_MS
from helpers.launch import alertmanager_command
from rulebook import ALERTS, SUITES, alerts, grouped_labels

CONFIG = ALERTS / "alertmanager.yml"
RETENTION_HOURS = 120
"""What Alertmanager remembers of sent notifications unless told otherwise (--data.retention)."""

BUDGET = {"workspace": "acme", "budget": "weekly-runs", "unit": "runs"}
ONE_EACH = list({alert.severity: alert for alert in alerts()}.values())
"""An alert of each severity: routes differ by nothing else, so older versions of amtool need no more."""
LEVELS = ("HexBudgetInfo", "HexBudgetWarning", "HexBudgetExceeded")


def config() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    return found


def hours(duration: str) -> float:
    return sum(int(n) * UNITS_MS[unit] for n, unit in re.findall(r"(\d+)([smhd])", duration)) / UNITS_MS["h"]


def inhibitions() -> list[tuple[set[str], set[str], list[str]]]:
    return [
        (named(rule["source_matchers"]), named(rule["target_matchers"]), rule["equal"])
        for rule in config()["inhibit_rules"]
    ]


def named(matchers: list[str]) -> set[str]:
    (matcher,) = matchers
    found = re.fullmatch(r'alertname =~? "([\w|]+)"', matcher)
    assert found, matcher
    return set(found[1].split("|"))


class TestConfiguration:
    @pytest.mark.integration
    @pytest.mark.parametrize("amtool", SUITES, indirect=True)
    def test_is_accepted_before_any_secret_exists(self, amtool: Path) -> None:
        done = subprocess.run([amtool, "check-config", CONFIG], capture_output=True, text=True, check=False)

        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 templates" in done.stdout

    @pytest.mark.integration
    @pytest.mark.parametrize(
        ("amtool", "alert"),
        [
            *(pytest.param("sid", alert, id=alert.name) for alert in alerts()),
            *(pytest.param(suite, alert, id=f"{alert.severity}-{suite}") for suite in SUITES[:2] for alert in ONE_EACH),
        ],
        indirect=["amtool"],
    )
    def test_each_alert_reaches_the_receiver_of_its_severity(self, amtool: Path, alert: Any) -> None:
        receiver = {"critical": "pager", "warning": "chat", "info": "chat", "none": "heartbeat"}[alert.severity]

        done = subprocess.run(
            [
                *(amtool, "config", "routes", "test", f"--config.file={CONFIG}", f"--verify.receivers={receiver}"),
                *(f"alertname={alert.name}", f"severity={alert.severity}"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stdout + done.stderr

    def test_information_waits_for_office_hours_and_nothing_else_does(self) -> None:
        waiting = [route["matchers"] for route in config()["route"]["routes"] if "active_time_intervals" in route]

        assert waiting == [['severity = "info"']]

    def test_repeats_within_what_alertmanager_remembers_and_in_step(self) -> None:
        top = config()["route"]
        for route in (top, *top["routes"]):
            repeat, group = (hours(route.get(key) or top[key]) for key in ("repeat_interval", "group_interval"))
            assert repeat < RETENTION_HOURS
            assert repeat / group == pytest.approx(round(repeat / group))

    def test_texts_for_slack_are_those_that_are_escaped(self) -> None:
        (slack,) = (one for receiver in config()["receivers"] for one in receiver.get("slack_configs", []))

        for key in ("title", "text", "fallback"):
            assert slack[key].startswith('{{ template "hex.slack.')

    def test_no_secret_is_in_the_file(self) -> None:
        for receiver in config()["receivers"]:
            for kind, key in (("pagerduty_configs", "routing_key"), ("slack_configs", "api_url")):
                for one in receiver.get(kind, []):
                    assert key not in one
                    assert one[f"{key}_file"].startswith("/etc/alertmanager/secrets/")


class TestInhibition:
    def test_names_alerts_that_exist(self) -> None:
        known = {alert.name for alert in alerts()}

        for sources, targets, _ in inhibitions():
            assert sources | targets <= known

    def test_never_silences_what_is_used_up_or_missing(self) -> None:
        for _, targets, _ in inhibitions():
            assert not targets & {"HexBudgetExceeded", "HexBudgetBurnFast", "HexDataAbsent", "HexDataStale"}

    def test_compares_labels_that_both_sides_have(self) -> None:
        """A label missing on one side never matches; missing on both it always does."""
        labels = {alert.name: grouped_labels(alert.expr) for alert in alerts()}
        for name in (*LEVELS, "HexBudgetForecastExceeded", "HexBudgetHalfUsedEarly"):
            labels[name] |= set(BUDGET)  # from the recorded series that they compare
        labels["HexDataStale"] |= {"workspace"}

        for sources, targets, equal in inhibitions():
            assert equal
            for name in sources | targets:
                assert set(equal) <= labels[name], name


@pytest.fixture
def running(alertmanager: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a real Alertmanager with this configuration, on a free port of the loopback."""
    with started(alertmanager, CONFIG, tmp_path) as address:
        yield address


@contextmanager
def started(alertmanager: Path, config_file: Path, storage: Path) -> Iterator[str]:
    process = subprocess.Popen(
        [
            *alertmanager_command(alertmanager),
            f"--config.file={config_file}",
            f"--storage.path={storage}",
            "--cluster.listen-address=",
            "--web.listen-address=127.0.0.1:0",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.search(r"address=(127\.0\.0\.1:\d+)", line):
                yield f"http://{found[1]}"
                break
        else:
            pytest.fail("".join(said))
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.integration
@pytest.mark.parametrize("alertmanager", ["bookworm", "sid"], indirect=True)
def test_a_real_alertmanager_suppresses_the_lower_levels_of_the_same_budget_alone(running: str) -> None:
    other, usd = BUDGET | {"workspace": "beta"}, BUDGET | {"budget": "marketing", "unit": "usd"}
    stale = {"workspace": "stale", "budget": "weekly-runs", "unit": "runs"}
    firing = [
        *({"alertname": name, **BUDGET} for name in (*LEVELS, "HexBudgetForecastExceeded", "HexBudgetHalfUsedEarly")),
        *({"alertname": name, **other} for name in ("HexBudgetWarning", "HexBudgetInfo", "HexBudgetForecastExceeded")),
        {"alertname": "HexBudgetWarning", **usd},
        {"alertname": "HexBudgetBurnFast", **usd},
        {"alertname": "HexBudgetSpike", **usd},
        {"alertname": "HexBudgetSpike", **other},
        {"alertname": "HexDataStale", "workspace": "stale"},
        *({"alertname": name, **stale} for name in ("HexBudgetExceeded", "HexBudgetForecastExceeded")),
        {"alertname": "HexBudgetForecastExceeded", **usd},
    ]
    suppressed = {
        *((name, "acme", "weekly-runs") for name in LEVELS[:2]),
        ("HexBudgetForecastExceeded", "acme", "weekly-runs"),
        ("HexBudgetHalfUsedEarly", "acme", "weekly-runs"),
        ("HexBudgetInfo", "beta", "weekly-runs"),
        ("HexBudgetSpike", "acme", "marketing"),
        ("HexBudgetForecastExceeded", "stale", "weekly-runs"),
    }

    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    posted = [{"labels": labels, "endsAt": ends} for labels in firing]
    httpx.post(f"{running}/api/v2/alerts", json=posted, trust_env=False, verify=False).raise_for_status()

    # Alertmanager takes alerts in and inhibits a moment later: asked again until it agrees, or time is up.
    for _ in range(500):
        states = httpx.get(f"{running}/api/v2/alerts", trust_env=False, verify=False).json()
        found = {
            (one["labels"]["alertname"], one["labels"]["workspace"], one["labels"].get("budget"))
            for one in states
            if one["status"]["state"] == "suppressed"
        }
        if len(states) == len(firing) and found == suppressed:
            break
    assert found == suppressed


EXCEEDED: dict[str, Any] = {
    "labels": {"alertname": "HexBudgetExceeded", "severity": "critical", **BUDGET},
    "annotations": {
        "summary": "Budget weekly-runs of acme is used up",
        "description": "102% of budget weekly-runs is used.",
        "usage": "510 of 500 runs used, 640 expected by the reset",
        "projects": "Ad spend (ada@acme.example): 665 runs; Churn: 45 runs",
        "culprit": "`Ad spend` ran 665 times this week, 0 last week; 612 by API, since Fri 30 Dec 14:05 UTC (2h ago).",
        "resets": "Mon 2 Jan 00:00 Europe/Zurich, Sun 1 Jan 23:00 UTC (in 2d 3h 0m 0s)",
        "action": "Find the caller and stop it.",
        "over": "The figure is below the threshold again, or the period was reset.",
        "dashboard_url": "https://grafana.example/d/hex-budget",
        "runbook_url": "https://docs.example/runbooks.md#hexbudgetexceeded",
    },
    "generatorURL": "http://prometheus.example/graph",
}


MESSAGES = ("hex.text", "hex.slack.text", "hex.html")
SLACK_LIMIT = 40_000
"""Characters after which Slack cuts a message off."""


def failing(title: str) -> dict[str, Any]:
    """An alert for a project, as the rule HexScheduledRunsFailing makes it."""
    return {
        "labels": {"alertname": "HexScheduledRunsFailing", "severity": "warning", "workspace": "acme"},
        "annotations": {
            "summary": "Scheduled runs fail in acme",
            "description": f"{title} failed.",
            "action": "Open the newest failed run.",
            "project_url": f"https://app.hex.tech/acme/{quote(title)}",
            "dashboard_url": f"https://grafana.example/d/hex-project?var-project={quote(title)}",
            "runbook_url": "https://docs.example/runbooks.md#hexscheduledrunsfailing",
        },
        "generatorURL": "http://prometheus.example/graph",
    }


@pytest.mark.integration
@pytest.mark.parametrize("alertmanager", ["bookworm", "sid"], indirect=True)
def test_a_real_alertmanager_sends_short_messages_for_four_hundred_alerts(alertmanager: Path, tmp_path: Path) -> None:
    """To Slack and to PagerDuty, with what Alertmanager adds by itself."""
    got: Queue[tuple[str, dict[str, Any]]] = Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.put((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            self.send_response(202 if self.path == "/pagerduty" else 200)
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    for name, secret in (("slack_url", f"{address}/slack"), ("pagerduty_routing_key", "key")):
        (tmp_path / name).write_text(secret)
    text = CONFIG.read_text().replace("/etc/alertmanager/secrets", str(tmp_path))
    text = text.replace("templates/*.tmpl", f"{ALERTS}/templates/*.tmpl").replace("group_wait: 30s", "group_wait: 1s")
    text = text.replace("global:\n", f"global:\n  pagerduty_url: {address}/pagerduty\n", 1)
    (tmp_path / "alertmanager.yml").write_text(text)

    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    group = [failing(f"Project {n:03} & <more>") | {"endsAt": ends} for n in range(400)]
    for n, one in enumerate(group):
        one["labels"] |= {"project_id": f"p{n:03}"}
    pages = [one | {"labels": one["labels"] | {"severity": "critical", "workspace": "beta"}} for one in group]
    try:
        with started(alertmanager, tmp_path / "alertmanager.yml", tmp_path / "data") as running:
            httpx.post(f"{running}/api/v2/alerts", json=group + pages, trust_env=False, verify=False).raise_for_status()
            messages = dict(got.get(timeout=60) for _ in range(2))
    finally:
        server.shutdown()
        server.server_close()

    (attachment,) = messages["/slack"]["attachments"]
    assert attachment["title"] == "Scheduled runs fail in acme (and 399 more)"
    assert "Project 000 &amp; &lt;more&gt; failed." in attachment["text"]
    assert "and 380 more" in attachment["text"]
    assert len(json.dumps(messages["/slack"])) < 20_000
    details = messages["/pagerduty"]["payload"]["custom_details"]
    assert "Project 000 & <more> failed." in details["text"]
    assert (str(details["firing"]), str(details["resolved"])) == ("400", "0")  # numbers from Alertmanager 0.30 on
    assert len(json.dumps(messages["/pagerduty"])) < 20_000


class TestMessages:
    """Rendered by amtool from what Alertmanager would hand to a receiver."""

    def render(
        self,
        amtool: Path,
        folder: Path,
        template: str,
        *group: dict[str, Any],
        status: str = "firing",
        common: dict[str, str] | None = None,
    ) -> str:
        notes = [one["annotations"].items() for one in group]
        page = {
            "receiver": "chat",
            "status": status,
            "alerts": [{"status": status} | one for one in group],
            "groupLabels": {"alertname": group[0]["labels"]["alertname"]},
            "commonLabels": common or group[0]["labels"],
            "commonAnnotations": dict(set(notes[0]).intersection(*notes[1:])),
            "externalURL": "http://alertmanager.example",
        }
        (folder / "page.json").write_text(json.dumps(page))
        done = subprocess.run(
            [
                *(amtool, "template", "render", f"--template.glob={ALERTS}/templates/*.tmpl"),
                f"--template.type={'html' if template == 'hex.html' else 'text'}",
                *(f"--template.data={folder}/page.json", f'--template.text={{{{ template "{template}" . }}}}'),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.removesuffix("\n")

    @pytest.mark.integration
    @pytest.mark.parametrize("amtool", SUITES, indirect=True)
    def test_say_what_how_much_where_until_when_and_what_to_do(self, amtool: Path, tmp_path: Path) -> None:
        who = EXCEEDED["annotations"]["culprit"]

        assert self.render(amtool, tmp_path, "hex.title", EXCEEDED) == f"Budget weekly-runs of acme is used up: {who}"
        assert self.render(amtool, tmp_path, "hex.page", EXCEEDED) == (
            f"{who} Find the caller and stop it. Budget weekly-runs of acme is used up"
        )
        assert self.render(amtool, tmp_path, "hex.text", EXCEEDED).strip() == (
            f"{who} Find the caller and stop it.\n"
            "102% of budget weekly-runs is used.\n"
            "Used: 510 of 500 runs used, 640 expected by the reset\n"
            "By: Ad spend (ada@acme.example): 665 runs; Churn: 45 runs\n"
            "Resets: Mon 2 Jan 00:00 Europe/Zurich, Sun 1 Jan 23:00 UTC (in 2d 3h 0m 0s)\n"
            "Board: https://grafana.example/d/hex-budget\n"
            "Runbook: https://docs.example/runbooks.md#hexbudgetexceeded"
        )

    @pytest.mark.integration
    @pytest.mark.parametrize("amtool", SUITES, indirect=True)
    def test_of_one_runaway_in_two_budgets_name_it_once_and_both_budgets(self, amtool: Path, tmp_path: Path) -> None:
        labels = {"culprit": "p1", "workspace": "acme", "severity": "critical"}
        one, two = (
            EXCEEDED
            | {
                "labels": labels | {"alertname": "HexBudgetExceeded", "budget": budget, "unit": "runs"},
                "annotations": EXCEEDED["annotations"]
                | {"summary": f"Budget {budget} is used up", "description": f"102% of budget {budget} is used."},
            }
            for budget in ("ads", "all")
        )

        text = self.render(amtool, tmp_path, "hex.text", one, two, common=labels)
        page = self.render(amtool, tmp_path, "hex.page", one, two, common=labels)

        assert text.startswith(
            f"{EXCEEDED['annotations']['culprit']} Find the caller and stop it.\n- Budget ads is used"
        )
        assert text.count("`Ad spend`") == page.count("`Ad spend`") == 1
        assert "102% of budget ads is used." in text
        assert "102% of budget all is used." in text
        assert page.endswith("Find the caller and stop it. Budget ads is used up (and 1 more)")

    @pytest.mark.integration
    def test_name_each_alert_of_a_group_and_count_the_rest_in_the_title(self, amtool: Path, tmp_path: Path) -> None:
        orders, churn = failing("Orders by hour"), failing("Churn")

        assert self.render(amtool, tmp_path, "hex.title", orders, churn) == "Scheduled runs fail in acme (and 1 more)"
        assert self.render(amtool, tmp_path, "hex.text", orders, churn).strip() == (
            "- Orders by hour failed.\n"
            "  Project: https://app.hex.tech/acme/Orders%20by%20hour\n"
            "  Board: https://grafana.example/d/hex-project?var-project=Orders%20by%20hour\n"
            "- Churn failed.\n"
            "  Project: https://app.hex.tech/acme/Churn\n"
            "  Board: https://grafana.example/d/hex-project?var-project=Churn\n"
            "Do: Open the newest failed run.\n"
            "Runbook: https://docs.example/runbooks.md#hexscheduledrunsfailing"
        )

    @pytest.mark.integration
    @pytest.mark.parametrize("amtool", SUITES, indirect=True)
    @pytest.mark.parametrize("template", MESSAGES)
    def test_of_many_alerts_name_twenty_and_count_the_rest(self, amtool: Path, tmp_path: Path, template: str) -> None:
        text = self.render(amtool, tmp_path, template, *(failing(f"Project {n:03}") for n in range(400)))

        assert [n for n in range(400) if f"Project {n:03} failed." in text] == list(range(20))
        assert "and 380 more" in text
        assert text.count("https://app.hex.tech/acme/Project") == 20
        assert "https://docs.example/runbooks.md#hexscheduledrunsfailing" in text
        assert len(text) < 10_000

    @pytest.mark.integration
    def test_name_what_fires_before_what_is_over(self, amtool: Path, tmp_path: Path) -> None:
        over = [failing(f"Over {n}") | {"status": "resolved"} for n in range(30)]

        text = self.render(amtool, tmp_path, "hex.text", *over, failing("Still"), status="firing")

        assert text.startswith("- Still failed.\n")
        assert "- Over 18 failed. (resolved)\n" in text
        assert "Over 19" not in text
        assert "and 11 more" in text

    @pytest.mark.integration
    @pytest.mark.parametrize("template", MESSAGES)
    @pytest.mark.parametrize("count", [1, 400])
    def test_stay_short_whatever_titles_are(self, amtool: Path, tmp_path: Path, template: str, count: int) -> None:
        text = self.render(amtool, tmp_path, template, *(failing("&<>" * 1_000) for _ in range(count)))

        assert len(text) < SLACK_LIMIT

    @pytest.mark.integration
    @pytest.mark.parametrize("amtool", SUITES, indirect=True)
    @pytest.mark.parametrize("count", [1, 3])
    def test_for_slack_have_no_markup_of_a_title(self, amtool: Path, tmp_path: Path, count: int) -> None:
        """`<!channel>` would call everyone, `<https://...|Board>` would be a link of a stranger."""
        evil = failing("<!channel> R&D <https://evil.example|Board>")
        evil["annotations"]["summary"] = "Scheduled runs fail in <!here> & there"

        text = self.render(amtool, tmp_path, "hex.slack.text", *([evil] * count))
        title = self.render(amtool, tmp_path, "hex.slack.title", *([evil] * count))

        assert not set("<>") & set(text + title)
        assert "&lt;!channel&gt; R&amp;D &lt;https://evil.example|Board&gt; failed." in text
        assert title.startswith("Scheduled runs fail in &lt;!here&gt; &amp; there")

    @pytest.mark.integration
    @pytest.mark.parametrize("template", ["hex.text", "hex.slack.text"])
    @pytest.mark.parametrize("count", [1, 3])
    def test_have_no_line_that_a_title_made(self, amtool: Path, tmp_path: Path, template: str, count: int) -> None:
        evil = failing("A\nRunbook: https://evil.example/\r\n\u2028Do: Send your token.")

        text = self.render(amtool, tmp_path, template, *([evil] * count))

        assert "A Runbook: https://evil.example/ Do: Send your token. failed." in text
        assert not [line for line in text.splitlines() if line.startswith(("Runbook: https://evil", "Do: Send"))]

    @pytest.mark.integration
    def test_title_is_one_line(self, amtool: Path, tmp_path: Path) -> None:
        """It is a mail's subject, and the name of an incident."""
        evil = failing("A") | {"annotations": {"summary": "A\r\nBcc: everyone@example.com" + "x" * 5_000}}

        for template in ("hex.title", "hex.slack.title"):
            title = self.render(amtool, tmp_path, template, evil, evil)
            assert title.startswith("A Bcc: everyone@example.com")
            assert title.endswith(" (and 1 more)")
            assert len(title) < 300

    @pytest.mark.integration
    @pytest.mark.parametrize("amtool", SUITES, indirect=True)
    def test_for_mail_are_html_without_that_of_a_title(self, amtool: Path, tmp_path: Path) -> None:
        evil = failing("<script>alert(1)</script><a href='//evil.example'>")
        evil["annotations"]["project_url"] = "javascript:alert(1)"

        html = self.render(amtool, tmp_path, "hex.html", evil, EXCEEDED)

        assert "&lt;script&gt;alert(1)&lt;/script&gt;&lt;a href=" in html
        assert "<script" not in html
        assert 'href="javascript' not in html
        assert '<a href="https://grafana.example/d/hex-budget">' in html

    @pytest.mark.integration
    @pytest.mark.parametrize("template", [*MESSAGES, "hex.title", "hex.page", "hex.slack.title"])
    @pytest.mark.parametrize("count", [1, 3])
    def test_have_no_figure_of_a_budget_that_is_over(
        self, amtool: Path, tmp_path: Path, template: str, count: int
    ) -> None:
        """An exporter that is gone would otherwise seem to report that all is well, and by how much."""
        text = self.render(amtool, tmp_path, template, *([EXCEEDED] * count), status="resolved")

        assert "102%" not in text
        assert "665" not in text

    @pytest.mark.integration
    def test_of_something_resolved_are_short(self, amtool: Path, tmp_path: Path) -> None:
        title = self.render(amtool, tmp_path, "hex.title", EXCEEDED, status="resolved")
        text = self.render(amtool, tmp_path, "hex.text", EXCEEDED, status="resolved")

        assert title == "Resolved: Budget weekly-runs of acme is used up"
        assert text.strip() == "The figure is below the threshold again, or the period was reset."

    @pytest.mark.integration
    @pytest.mark.parametrize(
        ("board", "runbook", "link"),
        [
            (
                "https://grafana.example/d/hex-budget",
                "https://d.example/r.md#a",
                "https://grafana.example/d/hex-budget",
            ),
            ("/d/hex-budget", "https://d.example/r.md#a", "https://d.example/r.md#a"),
            ("/d/hex-budget", "docs/runbooks.md#a", "http://prometheus.example/graph"),
        ],
    )
    def test_link_only_to_whole_addresses(
        self, amtool: Path, tmp_path: Path, board: str, runbook: str, link: str
    ) -> None:
        alert = EXCEEDED | {"annotations": {"dashboard_url": board, "runbook_url": runbook}}

        assert self.render(amtool, tmp_path, "hex.link", alert) == link

    @pytest.mark.integration
    @pytest.mark.parametrize(
        ("severity", "color"), [("critical", "danger"), ("warning", "warning"), ("info", "#7a7a7a")]
    )
    def test_are_coloured_by_severity(self, amtool: Path, tmp_path: Path, severity: str, color: str) -> None:
        alert = EXCEEDED | {"labels": {"alertname": "X", "severity": severity}}

        assert self.render(amtool, tmp_path, "hex.color", alert) == color
        assert self.render(amtool, tmp_path, "hex.color", alert, status="resolved") == "good"
        assert self.render(amtool, tmp_path, "hex.severity", alert) == severity
