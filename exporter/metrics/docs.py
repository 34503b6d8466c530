"""The documentation of every metric: `python -m exporter.metrics.docs > docs/metrics.md`."""

from exporter.metrics.catalogue import GROUPS, Group, Metric

_PREFACE = """\
# Metrics

Written by `make docs` from `exporter/metrics/catalogue.py`; a test compares. Edit the catalogue.

- The page is built when something has changed and served as it is: a scrape sends no request to Hex. How old a figure
  may be is shown by `hex_runs_complete_until_timestamp_seconds` and `hex_collector_last_success_timestamp_seconds`.
- Counters start at 0 with the ledger's first contact with the workspace, survive restarts and never fall. A series
  that could not be foreseen is shown as 0 for its first 90 seconds, so that `increase()` sees its first event.
- Gauges of weeks count runs by their start, history included. Gauges from a listing disappear when the listing is
  older than `collect.max_age`.
- `project_id="other"` adds up the projects without series of their own (`limits.projects_with_series`).
- Text in labels is made safe: control characters and lone surrogates become U+FFFD, and what is longer than 200
  characters ends in an ellipsis.
"""


def metrics_page() -> str:
    """The whole of docs/metrics.md."""
    return "\n".join((_PREFACE, *map(_section, GROUPS)))


def _section(group: Group) -> str:
    rows = "\n".join(map(_row, group.metrics))
    return f"## {group.title}\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n{rows}\n"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help.replace('|', '&#124;')} |"


if __name__ == "__main__":
    print(metrics_page(), end="")
