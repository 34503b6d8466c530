"""The page: both formats, the same figures, ready and never wrong by a quote."""

import gzip
import math
import pickle
import threading
from typing import Any

import pytest
from helpers.sizes import size
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.metrics import Distribution, Family, Metric, Page, PageBuilder, Publisher, build_page
from exporter.metrics.labels import safe_label

INFO = Metric("hex_project_info", "gauge", "What it is.", ("workspace", "title"))
RUNS = Metric("hex_runs_total", "counter", "Runs that ended.", ("workspace", "project_id"))
UP = Metric("hex_up", "gauge", "Whether.")
SECONDS = Metric("hex_wait_seconds", "histogram", "How long.", ("workspace",), (0.5, 1.0, 60.0))


def text(*families: Family) -> str:
    return build_page(families).text.decode()


def openmetrics(*families: Family) -> str:
    return build_page(families).openmetrics.decode()


class TestFormats:
    def test_a_gauge_reads_the_same_in_both(self) -> None:
        family = Family(INFO, [(("acme", "Orders"), 1)])
        lines = (
            "# HELP hex_project_info What it is.\n"
            "# TYPE hex_project_info gauge\n"
            'hex_project_info{workspace="acme",title="Orders"} 1\n'
        )

        assert text(family) == lines
        assert openmetrics(family) == lines + "# EOF\n"

    def test_a_counters_family_has_no_total_in_openmetrics(self) -> None:
        family = Family(RUNS, [(("acme", "p1"), 7)])
        sample = 'hex_runs_total{workspace="acme",project_id="p1"} 7\n'

        assert text(family) == ("# HELP hex_runs_total Runs that ended.\n# TYPE hex_runs_total counter\n" + sample)
        assert openmetrics(family) == (
            "# HELP hex_runs Runs that ended.\n# TYPE hex_runs counter\n" + sample + "# EOF\n"
        )

    def test_help_is_escaped_as_each_format_wants_it(self) -> None:
        quoted = Metric("hex_up", "gauge", 'Says "yes",\nor C:\\no.')

        assert '# HELP hex_up Says "yes",\\nor C:\\\\no.\n' in text(Family(quoted, [((), 1)]))
        assert '# HELP hex_up Says \\"yes\\",\\nor C:\\\\no.\n' in openmetrics(Family(quoted, [((), 1)]))

    def test_a_histogram_has_the_same_bounds_in_both(self) -> None:
        family = Family(SECONDS, [(("acme",), Distribution((1, 3, 4, 6), 301.5))])
        samples = (
            'hex_wait_seconds_bucket{workspace="acme",le="0.5"} 1\n'
            'hex_wait_seconds_bucket{workspace="acme",le="1.0"} 3\n'
            'hex_wait_seconds_bucket{workspace="acme",le="60.0"} 4\n'
            'hex_wait_seconds_bucket{workspace="acme",le="+Inf"} 6\n'
            'hex_wait_seconds_sum{workspace="acme"} 301.5\n'
            'hex_wait_seconds_count{workspace="acme"} 6\n'
        )

        assert samples in text(family)
        assert samples in openmetrics(family)

    def test_a_histogram_without_labels_has_only_le(self) -> None:
        bare = Metric("hex_wait_seconds", "histogram", "How long.", (), (1.0,))

        assert text(Family(bare, [((), Distribution((1, 2), 5))])).splitlines()[2:] == [
            'hex_wait_seconds_bucket{le="1.0"} 1',
            'hex_wait_seconds_bucket{le="+Inf"} 2',
            "hex_wait_seconds_sum 5",
            "hex_wait_seconds_count 2",
        ]

    @pytest.mark.parametrize(
        ("value", "written"),
        [
            (0, "0"),
            (2**62, "4611686018427387904"),
            (1795000000.25, "1795000000.25"),
            (1e22, "1e+22"),
            (-0.5, "-0.5"),
            (True, "1"),
            (math.nan, "NaN"),
            (math.inf, "+Inf"),
            (-math.inf, "-Inf"),
        ],
    )
    def test_values_are_written_exactly(self, value: float, written: str) -> None:
        assert text(Family(UP, [((), value)])).splitlines()[-1] == f"hex_up {written}"

    def test_a_value_that_is_no_number_leaves_the_others_alone(self) -> None:
        family = Family(INFO, [(("acme", "a"), math.nan), (("acme", "b"), 3), (("acme", "nan"), 0.5)])

        assert [line.rsplit(" ", 1)[1] for line in text(family).splitlines()[2:]] == ["NaN", "3", "0.5"]


class TestFamilies:
    def test_metrics_and_samples_have_one_order_whatever_came_first(self) -> None:
        families = [Family(UP, [((), 1)]), Family(RUNS, [(("acme", "b"), 1), (("acme", "a"), 2)])]
        turned = [Family(RUNS, [(("acme", "a"), 2), (("acme", "b"), 1)]), Family(UP, [((), 1)])]

        assert build_page(families) == build_page(turned)
        assert text(*families).index("hex_runs_total") < text(*families).index("hex_up")
        assert text(*families).index('"a"') < text(*families).index('"b"')

    def test_families_of_one_metric_are_one(self) -> None:
        page = text(Family(RUNS, [(("acme", "a"), 1)]), Family(UP, [((), 1)]), Family(RUNS, [(("beta", "a"), 2)]))

        assert page.count("# TYPE hex_runs_total") == 1
        assert 'workspace="beta"' in page

    def test_building_leaves_the_families_as_they_were(self) -> None:
        samples = [(("acme", "b"), 1), (("acme", "a"), 2)]
        build_page([Family(RUNS, samples)])

        assert samples == [(("acme", "b"), 1), (("acme", "a"), 2)]

    def test_a_metric_without_samples_is_left_out(self) -> None:
        assert text(Family(RUNS, []), Family(UP, [((), 1)])).count("# TYPE") == 1

    def test_no_families_are_a_page_too(self) -> None:
        assert build_page([]) == Page()
        assert list(parse_openmetrics(Page().openmetrics.decode())) == []

    def test_the_first_of_equal_series_is_kept_and_the_rest_counted(self) -> None:
        page = build_page([Family(RUNS, [(("acme", "a"), 1), (("acme", "b"), 5), (("acme", "a"), 2)])])

        assert page.text.decode().splitlines()[2:] == [
            'hex_runs_total{workspace="acme",project_id="a"} 1',
            'hex_runs_total{workspace="acme",project_id="b"} 5',
        ]
        assert (page.series, page.duplicates) == (2, 1)

    def test_series_that_only_become_equal_by_being_made_safe_are_not_exposed_twice(self) -> None:
        """Two long titles with one beginning are one label value."""
        page = build_page([Family(INFO, [(("acme", "x" * 300 + "1"), 1), (("acme", "x" * 300 + "2"), 1)])])

        assert (page.series, page.duplicates) == (1, 1)

    def test_equal_histograms_are_not_exposed_twice(self) -> None:
        twice = [(("acme",), Distribution((1, 1, 1, 1), 0.5)), (("acme",), Distribution((2, 2, 2, 2), 1.0))]
        page = build_page([Family(SECONDS, twice)])

        assert (page.series, page.duplicates) == (6, 1)
        assert 'hex_wait_seconds_count{workspace="acme"} 1\n' in page.text.decode()

    def test_a_hostile_title_costs_only_itself(self) -> None:
        page = text(Family(INFO, [(("acme", "\ud800\x00"), 1), (("acme", "Orders"), 1)]))

        assert [sample.labels["title"] for family in parse_text(page) for sample in family.samples] == [
            "Orders",
            "\ufffd\ufffd",
        ]


class TestBodies:
    def test_the_four_bodies_are_two_contents(self) -> None:
        page = build_page([Family(RUNS, [(("acme", "a"), 1)])])

        assert page.body(openmetrics=False, gzip=False) == page.text
        assert page.body(openmetrics=True, gzip=False) == page.openmetrics
        assert gzip.decompress(page.body(openmetrics=False, gzip=True)) == page.text
        assert gzip.decompress(page.body(openmetrics=True, gzip=True)) == page.openmetrics

    def test_the_same_families_give_the_same_bytes(self) -> None:
        """An unchanged page has unchanged bytes, compressed ones included: nothing in it depends on the hour."""
        families = [Family(RUNS, [(("acme", "a"), 1)])]

        assert build_page(families) == build_page(families)

    def test_bodies_are_ready_made(self) -> None:
        page = build_page([Family(UP, [((), 1)])])

        assert page.body(True, True) is page.body(True, True)


class TestBuilder:
    def test_a_builder_gives_what_a_fresh_one_would(self) -> None:
        builder = PageBuilder()
        for value in range(3):
            family = Family(INFO, [(("acme", f"title {number}"), value) for number in range(value, 9)])

            assert builder.build([family]) == build_page([family])

    def test_a_change_renews_the_lines_around_it_and_nothing_else(self) -> None:
        """Each part of a page that is the same object as before was neither written nor compressed again."""
        builder = PageBuilder()
        samples = [(("acme", f"p{number:04}"), number) for number in range(5_000)]
        before = builder.build([Family(RUNS, samples)])
        samples[2_500] = (samples[2_500][0], 7_000)
        after = builder.build([Family(RUNS, samples)])

        changed = [new for new, old in zip(after.text_parts, before.text_parts, strict=True) if new is not old]
        assert after == build_page([Family(RUNS, samples)])
        assert sum(b'project_id="p2500"} 7000\n' in part for part in changed) == 1
        assert sum(map(len, changed)) < after.size() / 5

    def test_what_it_remembers_is_bounded_by_the_page(self) -> None:
        builder = PageBuilder()
        for build in range(50):
            builder.build([Family(INFO, [(("acme", f"{build} {number}"), 1) for number in range(10)])])
        builder.build([Family(UP, [((), 1)])])

        assert b"acme" not in pickle.dumps(vars(builder))

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_whatever_changes_a_builder_gives_what_a_fresh_one_would(self, data: st.DataObject) -> None:
        """Values that are equal but not written the same, labels that come, go and change places, and none at all."""
        titles = st.lists(st.sampled_from(["a", "b", "c", "\x00", "\x01"]), max_size=5)
        numbers = st.sampled_from([0, 0.0, -0.0, 1, 1.0, True, math.nan, math.inf])
        builder = PageBuilder()
        for _ in range(4):
            gauges = [(("acme", title), data.draw(numbers)) for title in data.draw(titles)]
            totals = [((title,), Distribution((1, 2, 3, 4), data.draw(numbers))) for title in data.draw(titles)]
            families = [Family(INFO, gauges), Family(SECONDS, totals)]
            page = builder.build(families)

            assert page == build_page(families)
            assert gzip.decompress(page.text_gzip) == page.text


class TestPublisher:
    def test_there_is_a_page_before_the_first(self) -> None:
        assert Publisher().page.body(openmetrics=True, gzip=False) == b"# EOF\n"

    def test_a_reader_sees_one_whole_page_or_the_next(self) -> None:
        """While pages are swapped, every page that is seen is one that was published."""
        publisher = Publisher()
        pages = [build_page([Family(UP, [((), number)])]) for number in range(50)]
        seen: list[Page] = []
        is_over = threading.Event()

        def read() -> None:
            while not is_over.is_set():
                seen.append(publisher.page)

        reader = threading.Thread(target=read)
        reader.start()
        for page in pages * 20:
            publisher.publish(page)
        is_over.set()
        reader.join()

        published = {id(page) for page in pages}
        assert all(id(page) in published or page == Page() for page in seen)
        assert publisher.page is pages[-1]


values = st.integers(-(2**53), 2**53) | st.floats()
label_text = st.text(st.characters() | st.sampled_from('"\\\n\x00\ud800{}=,# '), max_size=220)


def parsed(families: Any) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, sample.labels["workspace"], sample.labels["title"]): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.mark.slow
@settings(max_examples=size(50, 500), deadline=None)
@given(st.dictionaries(st.tuples(label_text, label_text), values, max_size=6))
def test_what_is_rendered_parses_back_to_itself(samples: dict[tuple[str, str], float]) -> None:
    """Whatever the labels and values, both formats give back the safe labels and the exact values."""
    expected: dict[tuple[str, ...], float] = {}
    for (workspace, title), value in samples.items():
        expected.setdefault(("hex_project_info", safe_label(workspace), safe_label(title)), float(value))
    page = build_page([Family(INFO, list(samples.items()))])

    for found in (parsed(parse_text(page.text.decode())), parsed(parse_openmetrics(page.openmetrics.decode()))):
        assert found.keys() == expected.keys()
        for key, value in found.items():
            assert value == expected[key] or (math.isnan(value) and math.isnan(expected[key]))
    assert page.series == len(expected)
    assert page.series + page.duplicates == len(samples)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 10**9), min_size=4, max_size=4).map(sorted),
    st.floats(0, 1e12),
    label_text,
)
def test_a_histogram_parses_back_to_itself(buckets: list[int], total: float, workspace: str) -> None:
    page = build_page([Family(SECONDS, [((workspace,), Distribution(tuple(buckets), total))])])

    for families in (parse_text(page.text.decode()), parse_openmetrics(page.openmetrics.decode())):
        (family,) = families
        assert family.type == "histogram"
        assert {sample.labels["workspace"] for sample in family.samples} == {safe_label(workspace)}
        assert [sample.value for sample in family.samples if sample.name.endswith("_bucket")] == buckets
        assert [sample.value for sample in family.samples if sample.name.endswith("_sum")] == [total]
        assert [sample.value for sample in family.samples if sample.name.endswith("_count")] == [buckets[-1]]
