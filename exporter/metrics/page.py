"""The page that `/metrics` serves, ready in every form that a scraper may ask for.

Text 0.0.4 and OpenMetrics 1.0 share their sample lines; they differ in the headers of counters, in the escaping of
HELP and in the end mark.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from exporter.metrics.catalogue import Metric
from exporter.metrics.gzip_blocks import BlockCompressor

END = b"# EOF\n"
"""The end mark of OpenMetrics."""

_NO_TEXT_GZIP, _NO_OPENMETRICS_GZIP = BlockCompressor().compress((), (END,))


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
    openmetrics_parts: tuple[bytes, ...] = (END,)
    text_gzip: bytes = field(default=_NO_TEXT_GZIP, repr=False)
    openmetrics_gzip: bytes = field(default=_NO_OPENMETRICS_GZIP, repr=False)
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
