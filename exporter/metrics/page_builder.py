"""Builds the page that `/metrics` serves: what did not change since the last page is not written again.

The samples of a metric are written in chunks, in the order of their labels. As long as a metric has the same labels,
only the chunks in which a value changed are written and compressed again.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from exporter.metrics.catalogue import Metric
from exporter.metrics.gzip_blocks import BlockCompressor, joined
from exporter.metrics.labels import all_written
from exporter.metrics.page import END, Distribution, Family, Page, Sample

_CHUNK_SAMPLES = 512
"""About 60 KB of lines: small enough to be written for one change, large enough to compress well."""


@dataclass(frozen=True, slots=True)
class _Written:
    """The samples of a metric as they were written last.

    `labels` has those of every sample as they were given; `order` the places in it of those that are on the page, in
    the order of their lines, and `values` their values in that order.
    """

    labels: list[tuple[str, ...]]
    order: list[int]
    values: list[float] | list[Distribution]
    chunks: tuple[bytes, ...]


class PageBuilder:
    """Builds pages, and remembers the last one. For one thread at a time."""

    def __init__(self) -> None:
        self._last: dict[str, _Written] = {}
        self._compressor = BlockCompressor()

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
        now: dict[str, _Written] = {}
        for name, (metric, samples) in sorted(merged.items()):
            if not samples:
                continue
            now[name] = written = _write(metric, samples, self._last.get(name))
            text += (_text_header(metric), *written.chunks)
            openmetrics += (_openmetrics_header(metric), *written.chunks)
            series += len(written.order) * _lines_per_sample(metric)
            duplicates += len(samples) - len(written.order)
        openmetrics.append(END)
        self._last = now

        text_blocks, openmetrics_blocks = joined(text), joined(openmetrics)
        text_gzip, openmetrics_gzip = self._compressor.compress(text_blocks, openmetrics_blocks)
        return Page(text_blocks, openmetrics_blocks, text_gzip, openmetrics_gzip, series, duplicates)


def build_page(families: Iterable[Family]) -> Page:
    """The page of these families, by a builder that remembers nothing: for one page only."""
    return PageBuilder().build(families)


def _write(metric: Metric, samples: list[Sample], last: _Written | None) -> _Written:
    """The samples as they are now, with each chunk of the last time that still holds."""
    labels = [one for one, _ in samples]
    given = [value for _, value in samples]
    heads: list[str] = []
    if last is not None and last.labels == labels:
        labels, order = last.labels, last.order  # not the new ones: what is kept for long stays where it is in memory
    else:
        last, heads = None, _heads(metric, labels)
        order = _order(heads)
    values = cast("list[float] | list[Distribution]", [given[place] for place in order])
    chunks = []
    for number, start in enumerate(range(0, len(order), _CHUNK_SAMPLES)):
        end = start + _CHUNK_SAMPLES
        places = order[start:end]
        if last is None:
            lines = _lines(metric, [heads[place] for place in places], values[start:end])
        elif _are_same(metric, values[start:end], last.values[start:end]):
            chunks.append(last.chunks[number])
            continue
        else:
            lines = _lines(metric, _heads(metric, [labels[place] for place in places]), values[start:end])
        chunks.append("".join(lines).encode())
    return _Written(labels, order, values, tuple(chunks))


def _heads(metric: Metric, labels: list[tuple[str, ...]]) -> list[str]:
    """What stands before the value of each sample."""
    template = _template(metric)
    heads: list[str] = []
    for start in range(0, len(labels), _CHUNK_SAMPLES):
        heads += all_written(template, labels[start : start + _CHUNK_SAMPLES])
    return heads


def _order(heads: list[str]) -> list[int]:
    """The places of the samples in the order of their lines; of those that are written alike, only the first."""
    places = range(len(heads))
    if len(set(heads)) < len(heads):
        first = dict(zip(reversed(heads), reversed(places), strict=True))
        return sorted(first.values(), key=heads.__getitem__)
    return sorted(places, key=heads.__getitem__)


def _are_same(metric: Metric, values: Sequence[object], others: Sequence[object]) -> bool:
    """Whether they are written the same: 1 and 1.0 are not."""
    if metric.kind == "histogram":
        return list(map(repr, values)) == list(map(repr, others))
    return values == others and list(map(type, values)) == list(map(type, others))


def _template(metric: Metric) -> str:
    """What stands before the value of a sample; for a histogram, what its braces hold besides `le`."""
    pairs = ",".join(f'{label}="%s"' for label in metric.labels)
    if metric.kind == "histogram":
        return pairs + "," if pairs else ""
    return f"{metric.name}{{{pairs}}} " if pairs else f"{metric.name} "


def _lines(metric: Metric, heads: list[str], values: list[float] | list[Distribution]) -> Iterable[str]:
    # Family promises distributions for histograms and numbers for all else; asking each value costs a tenth.
    if metric.kind == "histogram":
        return map(partial(_histogram, metric), heads, cast("list[Distribution]", values))
    return _scalars(heads, cast("list[float]", values))


def _scalars(heads: list[str], values: list[float]) -> list[str]:
    # Adding 0 makes -0.0, which equals it, the same text, and a number of True. One sum shows whether any value needs
    # the format's own word for it, and costs less than a look at each.
    if math.isfinite(sum(values)):
        return [f"{head}{value + 0!r}\n" for head, value in zip(heads, values, strict=True)]
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
        return repr(value + 0)
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
