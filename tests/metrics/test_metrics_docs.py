"""docs/metrics.md says what the catalogue says."""

from pathlib import Path

from exporter.metrics import CATALOGUE
from exporter.metrics.docs import metrics_page

WRITTEN = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_document_is_the_one_that_the_catalogue_gives() -> None:
    hint = "run `make docs` and commit what it writes"

    assert WRITTEN.read_text(encoding="utf-8") == metrics_page(), hint


def test_every_metric_has_its_row() -> None:
    rows = [line for line in metrics_page().splitlines() if line.startswith("| `")]

    assert [row.split("`")[1] for row in rows] == [metric.name for metric in CATALOGUE]
    assert all(row.count("|") == 5 for row in rows)
