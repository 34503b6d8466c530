"""Building the page against joining the same bytes by hand; the promise is at most 1.5 times.

Prints, for 10,000 and 100,000 series: the building of all four bodies against a join of each sample line by f-string
for each format and the same gzip (what the promise is about), both without gzip, and the builder's first page,
when no label was written before. The least of several rounds counts: the rest is the machine's other work.
"""

import gzip
import time
from collections.abc import Callable
from unittest import mock

from exporter.metrics import METRICS, Family, PageBuilder
from exporter.metrics.page import GZIP_LEVEL

_METRIC = METRICS["hex_runs_total"]
_HELP = f"# HELP {_METRIC.name} {_METRIC.help}\n# TYPE {_METRIC.name} counter\n"
_OPENMETRICS_HELP = _HELP.replace("_total ", " ")
_ROUNDS = 15

Sample = tuple[tuple[str, ...], float]


def samples(count: int) -> list[Sample]:
    """As many counters of runs, as a workspace with many projects has them."""
    statuses = ("completed", "errored", "killed", "unable_to_allocate_kernel")
    return [
        (("default", f"{number // 4:08x}-0000-4000-8000-000000000000", "scheduled", statuses[number % 4]), number)
        for number in range(count)
    ]


def lines_by_hand(counters: list[Sample]) -> str:
    """Every sample line, with nothing checked, escaped or sorted."""
    return "".join(
        [
            f'hex_runs_total{{workspace="{workspace}",project_id="{project_id}",trigger="{trigger}",'
            f'status="{status}"}} {value}\n'
            for (workspace, project_id, trigger, status), value in counters
        ]
    )


def join(counters: list[Sample]) -> tuple[bytes, bytes]:
    """Both formats by hand."""
    text = (_HELP + lines_by_hand(counters)).encode()
    openmetrics = (_OPENMETRICS_HELP + lines_by_hand(counters) + "# EOF\n").encode()
    return text, openmetrics


def join_and_compress(counters: list[Sample]) -> tuple[bytes, ...]:
    """All four bodies by hand."""
    text, openmetrics = join(counters)
    return (text, openmetrics, gzip.compress(text, GZIP_LEVEL), gzip.compress(openmetrics, GZIP_LEVEL))


def least_ms(action: Callable[[], object], rounds: int = _ROUNDS) -> float:
    """The shortest of several tries, in milliseconds."""
    taken: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return min(taken) * 1000


def compare(count: int) -> None:
    """Print one row per comparison."""
    counters = samples(count)
    families = [Family(_METRIC, counters)]
    builder = PageBuilder()
    page = builder.build(families)
    assert (page.text, page.openmetrics) == join(counters), "the page differs from what was joined by hand"

    def report(what: str, built_ms: float, joined_ms: float) -> None:
        ratio = built_ms / joined_ms
        print(f"{count:>7,} series, {what:<28} page {built_ms:7.1f} ms   by hand {joined_ms:7.1f} ms   {ratio:.2f}x")

    report("four bodies", least_ms(lambda: builder.build(families)), least_ms(lambda: join_and_compress(counters)))
    with mock.patch.object(gzip, "compress", return_value=b""):
        by_hand_ms = least_ms(lambda: join(counters))
        report("both formats, no gzip", least_ms(lambda: builder.build(families)), by_hand_ms)
        first_ms = least_ms(lambda: PageBuilder().build(families), rounds=5)
        report("first page, no gzip", first_ms, by_hand_ms)
        one_ms = least_ms(lambda: (_HELP + lines_by_hand(counters)).encode())
        report("against one format by hand", least_ms(lambda: builder.build(families)), one_ms)


if __name__ == "__main__":
    for series in (10_000, 100_000):
        compare(series)
