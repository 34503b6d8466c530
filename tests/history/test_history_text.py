from itertools import groupby
from typing import Any

import msgspec
import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from exporter.config import Prices
from exporter.history import Written, history
from exporter.metrics import METRICS

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def some_weeks(historian: Any) -> str:
    """Everything that has a past, of 15 days: two projects and `other`."""
    start_ms = historian.contact_ms - 15 * DAY_MS
    runs = [
        historian.run(f"{project_id}-{hour}", start_ms + hour * HOUR_MS, 90_000 + hour, project_id=project_id)
        for project_id in ("p1", 'p"2\\', "p3")
        for hour in range(0, 15 * 24, 5)
    ]
    historian.configure(price_lists=(Prices(run_micro_usd=50_000),))
    historian.learn(runs, members=2)
    return historian.text(days=3)


class TestText:
    @pytest.mark.slow
    def test_is_openmetrics_to_another_reader(self, historian: Any) -> None:
        families = {family.name: family for family in read(some_weeks(historian))}

        assert families["hex_runs"].type == "counter"
        assert families["hex_budget_used"].type == "gauge"

    @pytest.mark.slow
    def test_says_nothing_that_a_scrape_does_not(self, historian: Any) -> None:
        """Every family is in the catalogue with the same kind, every series has its labels and those of the target."""
        for family in read(some_weeks(historian)):
            name = family.name + ("_total" if family.type == "counter" else "")
            assert METRICS[name].kind == family.type
            for sample in family.samples:
                assert sample.labels.keys() == {*METRICS[name].labels, "job", "instance"}

    @pytest.mark.slow
    def test_each_series_is_written_in_one_piece_and_in_time_order(self, historian: Any) -> None:
        """Prometheus drops a sample that is older than the one before it, without a word."""
        lines = [line for line in some_weeks(historian).splitlines() if not line.startswith("#")]
        times: dict[str, int] = {}
        for line in lines:
            series, _, seconds = line.rsplit(" ", 2)
            assert int(seconds) > times.get(series, 0), series
            times[series] = int(seconds)

        names = [line.partition("{")[0].removesuffix("_bucket") for line in lines if "_sum{" not in line]
        names = [name for name, _ in groupby(names) if not name.endswith("_count")]
        assert len(names) - len(set(names)) <= names.count("hex_run_duration_seconds")

    def test_ends_with_the_end_mark_and_has_each_type_once(self, historian: Any) -> None:
        text = some_weeks(historian)

        assert text.endswith("\n# EOF\n")
        types = [line for line in text.splitlines() if line.startswith("# TYPE")]
        assert len(types) == len(set(types)) > 15

    def test_leaves_out_series_that_never_left_0(self, historian: Any) -> None:
        historian.configure(budgets=(msgspec.structs.replace(historian.config.budgets[0], name="empty"),))
        historian.learn([historian.run("r1", historian.contact_ms - DAY_MS)])

        samples = historian.samples()

        assert list(samples["hex_runs_total"]) == [("p1", "scheduled", "completed")]
        assert ("empty", "runs", "7d") not in samples.get("hex_budget_window_previous_used", {})
        assert "hex_cost_week_usd" not in samples

    def test_leaves_out_what_only_today_can_tell(self, historian: Any) -> None:
        samples = parsed_names(some_weeks(historian))

        assert not {name for name in samples if name.startswith(("hex_seat", "hex_connection", "hex_api", "hex_up"))}
        assert not samples & {"hex_project_app_views", "hex_unviewed_runs_total", "hex_missed_schedules_total"}

    @pytest.mark.slow
    def test_comes_in_pieces_of_one_series(self, historian: Any) -> None:
        """So that what is in memory does not grow with the number of projects."""
        some_weeks(historian)
        count = Written()
        pieces = list(history([historian.past()], job="j", instance="i", count=count))

        assert all(len({line.rsplit(" ", 2)[0] for line in piece.splitlines()}) <= 12 for piece in pieces)
        assert count.samples >= sum(piece.count("\n") for piece in pieces) - 30
        assert count.series > len(pieces) / 2


def read(text: str) -> list[Metric]:
    """What prometheus-client's parser reads. It loses all but the first instant of a histogram; Prometheus does not."""
    lines = [line for line in text.splitlines(keepends=True) if "hex_run_duration_seconds" not in line]
    return list(text_string_to_metric_families("".join(lines)))


def parsed_names(text: str) -> set[str]:
    return {line.partition("{")[0] for line in text.splitlines() if not line.startswith("#")}
