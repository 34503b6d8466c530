"""The page that `/metrics` serves: rendered once per change, in every form that a scraper may ask for.

Text 0.0.4 and OpenMetrics 1.0 share their sample lines; they differ in the headers of counters, in the escaping of
HELP and in the end mark.
"""

import gzip
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from exporter.metrics.catalogue import Metric
from exporter.metrics.labels import written

GZIP_LEVEL = 1  # 9.5 % larger than the default level and eight times faster


@dataclass(frozen=True, slots=True)
class Distribution:
    """What a histogram has counted: observations up to each bound, the last one of all, and their sum."""

    buckets: tuple[int, ...]
    total: float


Sample = tuple[tuple[str, ...], float | Distribution]
"""Label values in the order of the metric's labels, and the value."""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric and its samples, in any order; a histogram's values are distributions."""

    metric: Metric
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class Page:
    """A ready answer in four forms. `duplicates` counts the samples left out because their labels were there already.

    `series` counts lines with a value. The two forms without gzip share their lines in memory: scrapers take gzip.
    """

    text_parts: tuple[bytes, ...] = ()
    openmetrics_parts: tuple[bytes, ...] = (b"# EOF\n",)
    text_gzip: bytes = field(default=gzip.compress(b"", GZIP_LEVEL, mtime=0), repr=False)
    openmetrics_gzip: bytes = field(default=gzip.compress(b"# EOF\n", GZIP_LEVEL, mtime=0), repr=False)
    series: int = 0
    duplicates: int = 0

    @property
    def text(self) -> bytes:
        """The page in Prometheus' text format."""
        return b"".join(self.text_parts)

    @property
    def openmetrics(self) -> bytes:
        """The page in the OpenMetrics format."""
        return b"".join(self.openmetrics_parts)

    def body(self, openmetrics: bool, gzip: bool) -> bytes:
        """The form that the scraper requests; at most parts are joined."""
        if openmetrics:
            return self.openmetrics_gzip if gzip else self.openmetrics
        return self.text_gzip if gzip else self.text

    def size(self) -> int:
        """The bytes of the text format without gzip."""
        return sum(map(len, self.text_parts))


class Publisher:
    """Holds the page being served. One thread publishes, any thread reads `page`: it is swapped whole."""

    def __init__(self) -> None:
        self.page = Page()

    def publish(self, page: Page) -> None:
        """Serve this page from now on."""
        self.page = page


class PageBuilder:
    """Builds pages, and remembers how the labels of the last ones were written. For one thread at a time."""

    def __init__(self) -> None:
        self._heads: dict[str, dict[tuple[str, ...], str]] = {}

    def build(self, families: Iterable[Family]) -> Page:
        """The page of these families: metrics by name, samples by their written labels, the first of equals only.

        Families of the same metric become one; a metric without a sample is left out.
        """
        merged: dict[str, tuple[Metric, list[Sample]]] = {}
        for family in families:
            merged.setdefault(family.metric.name, (family.metric, []))[1].extend(family.samples)

        text: list[bytes] = []
        openmetrics: list[bytes] = []
        series = duplicates = 0
        for _, (metric, samples) in sorted(merged.items()):
            if not samples:
                continue
            lines, surplus = self._samples(metric, samples)
            lines.sort()
            shared = "".join(lines).encode()
            text += (_text_header(metric), shared)
            openmetrics += (_openmetrics_header(metric), shared)
            series += len(lines) * _lines_per_sample(metric)
            duplicates += surplus
        openmetrics.append(b"# EOF\n")

        return _ready(tuple(text), tuple(openmetrics), series, duplicates)

    def _samples(self, metric: Metric, samples: list[Sample]) -> tuple[list[str], int]:
        """Each sample as its lines, and how many were left out because their labels were there already."""
        known = self._heads.setdefault(metric.name, {})
        if len(known) > 2 * len(samples):
            known.clear()
        template = _template(metric)

        def write(labels: tuple[str, ...]) -> str:
            head = known[labels] = written(template, labels)
            return head

        find = known.get
        heads = [find(labels) or write(labels) for labels, _ in samples]
        values = [value for _, value in samples]
        surplus = len(heads) - len(set(heads))
        if surplus:
            first = dict(zip(reversed(heads), reversed(values), strict=True))
            heads, values = list(first), list(first.values())
        # Family promises distributions for histograms and numbers for all else; asking each value costs a tenth.
        if metric.kind == "histogram":
            distributions = cast("list[Distribution]", values)
            return list(map(partial(_histogram, metric), heads, distributions)), surplus
        return _scalars(heads, cast("list[float]", values)), surplus


def build_page(families: Iterable[Family]) -> Page:
    """The page of these families, by a builder that remembers nothing: for one page only."""
    return PageBuilder().build(families)


def _template(metric: Metric) -> str:
    """What stands before the value of a sample; for a histogram, what its braces hold besides `le`."""
    pairs = ",".join(f'{label}="%s"' for label in metric.labels)
    if metric.kind == "histogram":
        return pairs + "," if pairs else ""
    return f"{metric.name}{{{pairs}}} " if pairs else f"{metric.name} "


def _scalars(heads: list[str], values: list[float]) -> list[str]:
    # One sum shows whether any value needs the format's own word for it, and costs less than a look at each.
    if math.isfinite(sum(values)):
        return [f"{head}{+value!r}\n" for head, value in zip(heads, values, strict=True)]
    return [f"{head}{_number(value)}\n" for head, value in zip(heads, values, strict=True)]


def _histogram(metric: Metric, pairs: str, value: Distribution) -> str:
    name = metric.name
    bounds = (*(repr(float(bound)) for bound in metric.bounds), "+Inf")
    lines = [
        f'{name}_bucket{{{pairs}le="{bound}"}} {count}\n' for bound, count in zip(bounds, value.buckets, strict=True)
    ]
    braces = f"{{{pairs[:-1]}}}" if pairs else ""
    lines.append(f"{name}_sum{braces} {_number(value.total)}\n{name}_count{braces} {value.buckets[-1]}\n")
    return "".join(lines)


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(+value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def _lines_per_sample(metric: Metric) -> int:
    return len(metric.bounds) + 3 if metric.kind == "histogram" else 1


def _text_header(metric: Metric) -> bytes:
    return _header(metric.name, metric.kind, _escaped_help(metric.help))


def _openmetrics_header(metric: Metric) -> bytes:
    name = metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name
    return _header(name, metric.kind, _escaped_help(metric.help).replace('"', '\\"'))


def _header(name: str, kind: str, help: str) -> bytes:
    return f"# HELP {name} {help}\n# TYPE {name} {kind}\n".encode()


def _escaped_help(help: str) -> str:
    return help.replace("\\", "\\\\").replace("\n", "\\n")


def _ready(text: tuple[bytes, ...], openmetrics: tuple[bytes, ...], series: int, duplicates: int) -> Page:
    return Page(
        text_parts=text,
        openmetrics_parts=openmetrics,
        text_gzip=_compressed(text),
        openmetrics_gzip=_compressed(openmetrics),
        series=series,
        duplicates=duplicates,
    )


def _compressed(parts: tuple[bytes, ...]) -> bytes:
    return gzip.compress(b"".join(parts), GZIP_LEVEL, mtime=0)
