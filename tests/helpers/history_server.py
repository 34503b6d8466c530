"""A real Prometheus on a folder, and questions to it."""

import contextlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml


class Server:
    """Prometheus while it runs."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, path: str, **parameters: object) -> Any:
        """The data of an API answer; AssertionError with Prometheus' words if it refuses."""
        query = urllib.parse.urlencode(parameters)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}?{query}", timeout=30) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error

    def value_now(self, query: str) -> float | None:
        """The one value of an instant query at this moment."""
        result = self.ask("query", query=query)["result"]
        assert len(result) <= 1, result
        return float(result[0]["value"][1]) if result else None

    def value(self, query: str, at_ms: int) -> float | None:
        """The one value of an instant query."""
        result = self.ask("query", query=query, time=at_ms / 1000)["result"]
        assert len(result) <= 1, result
        return float(result[0]["value"][1]) if result else None


@contextlib.contextmanager
def serving(
    prometheus: Path, folder: Path, scrape_configs: list[dict[str, Any]] | None = None, *, itself: bool = True
) -> Iterator[Server]:
    """Prometheus on the folder's data, ended at the end with SIGTERM; the jobs scrape it `itself` or what they say."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir(exist_ok=True)
    jobs = scrape_configs or []
    for job in jobs if itself else ():
        job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"], "labels": {"instance": "itself"}}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"scrape_configs": jobs}))
    process = subprocess.Popen(
        [
            str(prometheus),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--storage.tsdb.retention.time=10y",
            "--log.level=error",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: is_ready(port))
        yield Server(port)
    finally:
        process.terminate()
        process.wait(timeout=30)


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def until(is_so: Any, seconds: float = 60) -> None:
    """Return once it is so; AssertionError after a minute."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def create_blocks(promtool: Path, text: str, folder: Path, seconds: float = 110) -> None:
    """Import OpenMetrics text into the folder's data, as docs/sizing.md says."""
    folder.mkdir(exist_ok=True)
    file = folder / "import.om"
    file.write_text(text)
    command = [str(promtool), "tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=240h"]
    done = subprocess.run(
        [*command, str(file), str(folder / "data")], capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
