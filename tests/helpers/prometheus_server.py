"""A real Prometheus that scrapes an exporter every second, in a folder of its own."""

from collections.abc import Sequence
from pathlib import Path

import httpx

from helpers.running import ROOT, Running, wait_for

Samples = dict[tuple[str, ...], float]

RULES = ROOT / "alerts" / "rules"


class Prometheus(Running):
    """Scrapes these addresses, and evaluates the shipped rules every second if it `has_rules`."""

    def __init__(self, binary: Path, folder: Path, addresses: Sequence[str], *, has_rules: bool = False) -> None:
        folder.mkdir()
        for file in RULES.glob("*.yml") if has_rules else ():
            (folder / f"rules-{file.name}").write_text(file.read_text().replace("interval: 1m", "interval: 1s"))
        (folder / "prometheus.yml").write_text(
            f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
scrape_configs:
  - job_name: hex
    static_configs: [{{targets: [{", ".join(f'"{one}"' for one in addresses)}]}}]
rule_files: ["rules-*.yml"]
"""
        )
        flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0"]
        super().__init__([binary, *flags], folder / "prometheus.log")
        # The port that was chosen is said with the listener; 2.x and 3.x agree on how.
        self._url = "http://" + self.said(r'msg="Listening on".*? address=(127\.0\.0\.1:\d+)').group(1)
        wait_for(lambda: self.get("/-/ready").is_success)

    def get(self, path: str, **params: str) -> httpx.Response:
        return httpx.get(self._url + path, params=params, timeout=60, trust_env=False, verify=False)

    def query(self, expression: str, *labels: str) -> Samples:
        """The instant vector of an expression: values by those of the labels."""
        answer = self.get("/api/v1/query", query=expression).json()
        assert answer["status"] == "success", answer
        return {
            tuple(one["metric"].get(label, "") for label in labels): float(one["value"][1])
            for one in answer["data"]["result"]
        }

    def number(self, expression: str) -> float:
        """The value of an expression that gives one, NaN if it gives none."""
        return self.query(expression).get((), float("nan"))

    def complaints(self) -> list[str]:
        """What its log says at warning or above."""
        return [line for line in self.text.splitlines() if "level=warn" in line.lower() or "level=err" in line.lower()]
