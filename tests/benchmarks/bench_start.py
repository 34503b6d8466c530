"""From the start of the process to the first `/metrics` that says whether Hex is up: the promise is less than a second.

Starts `hex-exporter serve` with an empty ledger while Hex is up, away, slow (it takes a connection and waits) and lying
(HTML with status 200). Prints the least, the middle and the longest of several starts. Bytecode is cached beforehand,
as an installation has it.
"""

import http.client
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from helpers.running import Exporter, Simulator

ROUNDS = 7
PROMISE_SECONDS = 1.0


def main() -> None:
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for name, place in PLACES.items():
        with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
            base_url = place(Path(folder), running)
            seconds_to_first_page(Path(folder), base_url)  # fills the cache of bytecode
            taken = [seconds_to_first_page(Path(folder), base_url) for _ in range(ROUNDS)]
        median = statistics.median(taken)
        kept = "kept" if median < PROMISE_SECONDS else "NOT KEPT"
        print(
            f"Hex {name:<6} least {min(taken):5.2f} s   median {median:5.2f} s   most {max(taken):5.2f} s   "
            f"< {PROMISE_SECONDS:.0f} s: {kept}"
        )


def seconds_to_first_page(folder: Path, base_url: str) -> float:
    """One start with an empty ledger."""
    for left in folder.glob("*.db*"):
        left.unlink()
    began = time.perf_counter()
    with Exporter(folder, base_url) as exporter:
        host, port = exporter.listening().split(":")
        client = http.client.HTTPConnection(host, int(port), timeout=60)
        client.request("GET", "/metrics")
        page = client.getresponse().read()
        seconds = time.perf_counter() - began
        client.close()
    assert b"\nhex_up{" in page
    return seconds


def simulated(*flags: str) -> Callable[[Path, ExitStack], str]:
    """A simulated workspace, started with these flags."""

    def start(folder: Path, running: ExitStack) -> str:
        return running.enter_context(Simulator(folder, *flags)).base_url

    return start


PLACES: dict[str, Callable[[Path, ExitStack], str]] = {
    "up": simulated(),
    "away": lambda folder, running: "http://127.0.0.1:9/api/v1",
    "slow": simulated("--fault", "slow,seconds=600"),
    "lying": simulated("--fault", "html"),
}

if __name__ == "__main__":
    main()
