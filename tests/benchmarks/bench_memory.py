"""Memory of an exporter with 1,000 projects, a series for each, and 100,000 runs: the promise is 120 MB.

A server in this process stands for Hex: ten pages of projects, a hundred runs for each. Prints the resident memory of
`hex-exporter serve` when all of it has been read and the page has been scraped, and the highest on the way there.
"""

import json
import random
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers.running import Exporter, configuration, wait_for

from exporter.clock import SystemClock
from exporter.errors import LedgerError
from exporter.ledger import open_ledger

PROJECTS = 1_000
RUNS_EACH = 100
PROMISE_MB = 120
DAY = 86_400
SCRAPES = 200


def main() -> None:
    with hex_server() as base_url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        more = f"limits: {{projects_with_series: {PROJECTS}}}\n"
        (folder / "hex-exporter.yml").write_text(configuration(base_url, folder / "ledger.db", more))
        began = time.monotonic()
        with Exporter(folder, base_url) as exporter:
            exporter.listening()
            wait_for(lambda: known_runs(folder / "ledger.db") >= PROJECTS * RUNS_EACH, seconds=600)
            read_in = time.monotonic() - began
            for _ in range(SCRAPES):
                page = exporter.get().text
            time.sleep(15)  # a few more pages are built meanwhile
            status = Path(f"/proc/{exporter.process.pid}/status").read_text()
    series = sum(not line.startswith("#") for line in page.splitlines())
    now_mb, most_mb = (int(re.search(rf"{key}:\s+(\d+) kB", status).group(1)) / 1024 for key in ("VmRSS", "VmHWM"))
    print(f"{PROJECTS:,} projects, {PROJECTS * RUNS_EACH:,} runs read in {read_in:.0f} s, {series:,} series")
    verdict = "kept" if now_mb <= PROMISE_MB else "NOT KEPT"
    print(f"resident {now_mb:.0f} MB (highest {most_mb:.0f} MB)   <= {PROMISE_MB} MB: {verdict}")


def known_runs(path: Path) -> int:
    """How many runs the ledger has."""
    time.sleep(1)
    try:
        ledger = open_ledger(f"sqlite:///{path}", clock=SystemClock(), read_only=True)
    except LedgerError:  # it is being made
        return 0
    found = sum(ledger.workspace("sim").week_counts(0, 1 << 52).values())
    ledger.close()
    return found


@contextmanager
def hex_server() -> Iterator[str]:
    """A workspace of many projects, served from this process; yields its base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hex)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Hex(BaseHTTPRequestHandler):
    """Answers as Hex does, with what can be computed from the numbers of projects and runs."""

    protocol_version = "HTTP/1.1"
    now = time.time()

    def do_GET(self) -> None:
        """One answer."""
        url = urlsplit(self.path)
        body = json.dumps(page(url.path.removeprefix("/api/v1/"), parse_qs(url.query), self.now)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def page(path: str, query: dict[str, list[str]], now: float) -> dict[str, object]:
    """One page of a listing."""
    if path == "projects":
        first = int(query.get("after", ["0"])[0])
        last = min(first + 100, PROJECTS)
        after = str(last) if last < PROJECTS else None
        return {"values": [project(number, now) for number in range(first, last)], "pagination": {"after": after}}
    if path.endswith("/runs"):
        project_id = path.split("/")[1]
        runs = [run(project_id, number, now) for number in range(RUNS_EACH)]
        offset = int(query.get("offset", ["0"])[0])
        return {"runs": runs[offset:], "nextPage": None}
    return {"values": [], "threads": [], "pagination": {"after": None}}


def project(number: int, now: float) -> dict[str, object]:
    """One project that is published, viewed and scheduled."""
    return {
        "id": f"{number:08x}-0000-4000-8000-000000000000",
        "title": f"Daily figures of market {number}",
        "creator": {"email": f"author{number % 50}@hex.example"},
        "owner": {"email": f"author{number % 50}@hex.example"},
        "createdAt": stamp(now - 300 * DAY),
        "lastEditedAt": stamp(now - (number % 90 + 1) * DAY),
        "lastPublishedAt": stamp(now - (number % 90 + 1) * DAY),
        "analytics": {"appViews": {"lastSevenDays": number % 7, "lastThirtyDays": number % 40}},
        "schedules": [{"cadence": "DAILY", "enabled": True, "daily": {"hour": number % 24, "minute": number % 60}}],
    }


def run(project_id: str, number: int, now: float) -> dict[str, object]:
    """One run; the newer the smaller its number, the oldest 87 days ago."""
    start = now - 600 - number * 0.87 * DAY
    seconds = random.Random(f"{project_id}{number}").lognormvariate(4, 1)
    return {
        "runId": f"{number:08x}-{project_id[:8]}",
        "projectId": project_id,
        "status": "COMPLETED" if number % 9 else "ERRORED",
        "runTrigger": ("SCHEDULED", "API", "APP_REFRESH")[number % 3],
        "startTime": stamp(start),
        "endTime": stamp(start + seconds),
        "elapsedTime": int(seconds * 1000),
    }


def stamp(seconds: float) -> str:
    """The time as Hex writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    main()
