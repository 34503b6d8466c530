"""Building the page against joining the same bytes by hand.

The promise is at most 0.3 times after one change, and 1.5 times for the first page of a process. By hand is a join of
each sample line by f-string for each format, and gzip of both. The least of several rounds counts: the rest is the
machine's other work.
"""

import gzip
import time
from collections.abc import Callable

from exporter.metrics import METRICS, Family, PageBuilder

_METRIC = METRICS["hex_runs_total"]
_HELP = f"# HELP {_METRIC.name} {_METRIC.help}\n# TYPE {_METRIC.name} counter\n"
_OPENMETRICS_HELP = _HELP.replace("_total ", " ")
_ROUNDS = 15
_GZIP_LEVEL = 1  # as the page has it

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
    return (text, openmetrics, gzip.compress(text, _GZIP_LEVEL), gzip.compress(openmetrics, _GZIP_LEVEL))


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
    builder = PageBuilder()
    page = builder.build([Family(_METRIC, counters)])
    assert (page.text, page.openmetrics) == join(counters), "the page differs from what was joined by hand"
    by_hand_ms = least_ms(lambda: join_and_compress(counters))

    def build_after_changes(step: int) -> None:
        for place in range(0, count, step):
            labels, value = counters[place]
            counters[place] = (labels, value + 1)
        builder.build([Family(_METRIC, counters)])

    def report(what: str, built_ms: float, promise: str = "") -> None:
        ratio = built_ms / by_hand_ms
        row = f"{count:>7,} series, {what:<20} page {built_ms:6.1f} ms  by hand {by_hand_ms:6.1f} ms"
        print(f"{row}  {ratio:.2f}x{promise}")

    report("after one change", least_ms(lambda: build_after_changes(count)), "   <= 0.3x at 100,000 series")
    report("every value changed", least_ms(lambda: build_after_changes(1)))
    report("the first page", least_ms(lambda: PageBuilder().build([Family(_METRIC, counters)]), 5), "   <= 1.5x")


if __name__ == "__main__":
    for series in (10_000, 100_000):
        compare(series)
