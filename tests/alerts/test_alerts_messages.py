"""The messages that the templates make: what they say, how short they are, and that titles stay text."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from alertmanager_running import BUDGET, CONFIG, started
from rulebook import ALERTS, SUITES

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
