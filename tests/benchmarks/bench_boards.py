"""What each panel of each board costs a real Prometheus at 1,000 projects, 30 days and a scrape every 30 seconds.

No panel is to take more than 2 seconds or read more than 20 million samples; the board Runs is to load within 3 seconds
in all. What the queries read over time is written for the whole time at every scrape; what they read at its end, for
its last ten minutes. promtool makes the blocks, a week at a time: that takes minutes and a gigabyte below TMPDIR.
Both programs are those of Debian that `./test` has fetched. With a FOLDER the blocks stay there for the next time.

Beside the seconds stand those of Prometheus' processor time: on a machine that does other things they are what is left.
"""

import re
import statistics
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "dashboards"))

import promql_parser
from asking import DAY, filled, first_choice, step_of
from board_crowd import PROJECTS, crowd
from board_world import World
from boardbook import panels_of, read_boards
from helpers.history_server import Server, create_blocks, serving
from helpers.manual_clock import ManualClock
from helpers.programs import CACHE
from test_dashboards_cost import MANY

from exporter.metrics.catalogue import METRICS

SCRAPE = 30
WHOLE = 30 * DAY
AT_END = 600
BLOCK = 162 * 3600
"""What promtool takes in one block with a limit of 240 hours."""

CHANGE = 20
"""A value changes every so many scrapes."""

RANGES = (7, 30)
MOST_SERIES = 2000
TRIES = 3
SUITE = "sid"

Wanted = dict[str, dict[frozenset[str], int]]


def spans(boards: dict[str, Any], choice: dict[str, str]) -> Wanted:
    """For each metric that is read over time: of the series with which labels, and how many seconds back."""
    found: Wanted = defaultdict(dict)
    for board in boards.values():
        for panel in panels_of(board):
            for target in panel["targets"]:
                query = promql_parser.parse(filled(target["expr"], 3600, SCRAPE, "30d", **choice))
                for selector, window in selectors(query):
                    seconds = window if target.get("instant") else WHOLE
                    if seconds:
                        equal = [one for one in selector.matchers.matchers if str(one.op) == "MatchOp.Equal"]
                        labels = frozenset(f'{one.name}="{one.value}"' for one in equal if one.name != "budget")
                        before = found[selector.name].get(labels, 0)
                        found[selector.name][labels] = min(max(before, seconds + AT_END), WHOLE)
    return found


def span_of(head: str, wanted: Wanted) -> int:
    """How many seconds of a series are read."""
    of_metric = wanted.get(head.partition("{")[0], {})
    return max((one for labels, one in of_metric.items() if all(label in head for label in labels)), default=AT_END)


def selectors(node: Any, window: int = 0) -> Iterator[tuple[Any, int]]:
    """Every selector with the seconds before a moment that it reads."""
    kind = type(node).__name__
    if kind in {"MatrixSelector", "SubqueryExpr"}:
        window += round(node.range.total_seconds())
    inside = node.vector_selector if kind == "MatrixSelector" else None
    if kind == "VectorSelector":
        yield node, window + abs(round(node.offset.total_seconds() if node.offset else 0))
    children = [inside, *(getattr(node, name, None) for name in ("expr", "lhs", "rhs", "param"))]
    for child in (*children, *(getattr(node, "args", None) or ())):
        if child is not None and type(child).__module__.startswith("promql_parser"):
            yield from selectors(child, window)


def series_of(world: World, wanted: Wanted) -> dict[str, float]:
    """The last value of each series: those of the crowd, and made-up ones for what is queried and missing."""
    last: dict[str, float] = {}
    for line in world.texts[0].splitlines():
        if not line.startswith("#") and 'instance="localhost' in line:
            head, value, _ = line.rsplit(" ", 2)
            last[head] = float(value)
    there = {head.partition("{")[0] for head in last}
    for name in sorted(set(wanted) - there):
        bare = name.removesuffix("_bucket")
        metric = METRICS.get(bare) or METRICS.get(name)
        labels = [*(metric.labels if metric else ()), *(["le"] if name.endswith("_bucket") else [])]
        many = {label: MANY.get(label, 1) for label in labels} | {"workspace": 1}
        values: dict[str, list[str]] = {label: [f"{label}-{n}" for n in range(count)] for label, count in many.items()}
        values |= {"workspace": ["acme"], "project_id": list(world.choices["project"])}
        values["le"] = [*(str(bound) for bound in (metric.bounds if metric else ())), "+Inf"]
        heads = [""]
        for label in labels:
            heads = [f'{head},{label}="{value}"' for head in heads for value in values[label]]
        for head in heads[:MOST_SERIES]:
            last[f'{name}{{job="hex",instance="localhost:9891"{head}}}'] = 7.0
    return last


def blocks(last: dict[str, float], wanted: Wanted, end: int) -> Iterator[tuple[str, int]]:
    """The texts to import, one for each block, with how many samples each has."""
    ordered = sorted(last, key=lambda head: (head.partition("{")[0], head))
    begin = end - WHOLE
    for at in range(begin // BLOCK * BLOCK, end + 1, BLOCK):
        first, until = max(at, begin), min(at + BLOCK, end + 1)
        texts, samples = [], 0
        for head in ordered:
            since = max(first, end - span_of(head, wanted))
            if since < until:
                moments = range(end - (end - since) // SCRAPE * SCRAPE, until, SCRAPE)
                samples += len(moments)
                texts.append(_lines(head, last[head], moments, is_counter="_total{" in head or "_bucket{" in head))
        yield "".join([*texts, "# EOF\n"]), samples


def _lines(head: str, value: float, moments: range, *, is_counter: bool) -> str:
    parts = []
    for position in range(0, len(moments), CHANGE):
        some = moments[position : position + CHANGE]
        now = some[0] // (CHANGE * SCRAPE) % 1000 + value if is_counter else value
        parts.append("".join([f"{head} {now:.10g} {moment}\n" for moment in some]))
    return "".join(parts)


def processor_seconds(server: Server) -> float:
    """What Prometheus has used of the processors."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return float(re.findall(r"(?m)^process_cpu_seconds_total (.+)$", text)[0])


def ask(server: Server, panel: dict[str, Any], days: int, end: int, choice: dict[str, str]) -> tuple[float, int]:
    """The seconds that all queries of a panel take one after the other, and the samples that they read."""
    seconds, samples = 0.0, 0
    step = step_of(panel, days * DAY)
    for target in panel["targets"]:
        query = filled(target["expr"], step, SCRAPE, f"{days}d", **choice)
        moments: dict[str, object] = {"time": end}
        if not target.get("instant"):
            moments = {"start": (end - days * DAY) // step * step, "end": end // step * step, "step": step}
        began = time.perf_counter()
        answer = server.ask("query" if target.get("instant") else "query_range", query=query, stats="all", **moments)
        seconds += time.perf_counter() - began
        samples += answer["stats"]["samples"]["totalQueryableSamples"]
    return seconds, samples


def measure(server: Server, boards: dict[str, Any], world: World) -> None:
    """Print the slowest panels of each board, and how long a board takes as a browser asks: six at a time."""
    for uid, board in boards.items():
        choice = {"project": world.choices["project"][0]} | first_choice(board, world)
        for days in RANGES:
            costs = {}
            for panel in panels_of(board):
                before = processor_seconds(server)
                tries = [ask(server, panel, days, world.end, choice) for _ in range(TRIES)]
                used = (processor_seconds(server) - before) / TRIES
                costs[panel["title"]] = (statistics.median(one[0] for one in tries), used, tries[0][1])
            began = time.perf_counter()
            with ThreadPoolExecutor(6) as pool:
                list(pool.map(lambda panel: ask(server, panel, days, world.end, choice), panels_of(board)))  # noqa: B023
            whole = time.perf_counter() - began
            busy = sum(used for _, used, _ in costs.values())
            print(f"{uid} over {days} d: {len(costs)} panels in {whole:.2f} s, {busy:.2f} s of processor", flush=True)
            for title, (seconds, used, samples) in sorted(costs.items(), key=lambda one: -one[1][1])[:3]:
                print(f"    {seconds:6.3f} s, {used:6.3f} s of processor, {samples:>11,} samples: {title}")


def programs() -> tuple[Path, Path]:
    """Prometheus and promtool."""
    found = [sorted((CACHE / SUITE).glob(f"*/usr/bin/{name}")) for name in ("prometheus", "promtool")]
    if not all(found):
        sys.exit("Neither program is here: run ./test on Debian where apt reaches a mirror")
    return found[0][-1], found[1][-1]


def main() -> None:
    prometheus, promtool = programs()
    boards = read_boards()
    world = crowd(ManualClock())
    choice = {name: values[0] for name, values in world.choices.items()}
    wanted = spans(boards, choice)
    last = series_of(world, wanted)
    with tempfile.TemporaryDirectory(prefix="hex-boards-") as name:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else name)
        began, samples = time.perf_counter(), 0
        for text, count in blocks(last, wanted, world.end) if not (folder / "data").exists() else ():
            create_blocks(promtool, text, folder, seconds=900)
            (folder / "import.om").unlink()
            samples += count
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        print(
            f"{PROJECTS} projects: {len(last):,} series, {samples:,} samples, {size / 1e6:.0f} MB, "
            f"written in {time.perf_counter() - began:.0f} s"
        )
        with serving(prometheus, folder) as server:
            measure(server, boards, world)


if __name__ == "__main__":
    main()
