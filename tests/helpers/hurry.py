"""A world in fast motion: its programs, and the rules that watch it, so that a test need not wait for hours.

In the world, time is `FastTime`: the simulated workspace and the exporter live in it, and every timestamp that they
tell is one of it. Prometheus and Alertmanager live in the machine's time; what they are to wait for is divided.

    python tests/helpers/hurry.py SINCE STARTS FACTOR simulate --listen 127.0.0.1:0

is `hex-exporter simulate --listen 127.0.0.1:0` in such a world.
"""

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}

_SHORTEST_PAUSE_SECONDS = 0.25

_DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
_KEYS = re.compile(rf"(?m)^(\s*(?:- )?(?:\w+_)?(?:interval|for|wait|timeout|offset): *)({_DURATION})\b")
_RANGES = re.compile(rf"(\[|:|\boffset )({_DURATION})(?=[\]:]|\b)")
_EXPRESSIONS = re.compile(
    r"(?m)^(?P<indent> *)(?:- )?expr: *(?P<inline>[^|>\s].*)?(?P<block>(?:[|>]-?)?(?:\n(?P=indent) +.*)*)"
)


@dataclass(frozen=True, slots=True)
class FastTime:
    """A time that runs `factor` times as fast as the machine's.

    `starts` is its instant when the machine's clock shows `since`; both are epoch seconds.
    """

    since: float
    starts: float
    factor: int = 60

    def now(self) -> float:
        """The instant of the world, epoch seconds."""
        return self.at(time.time())

    def at(self, machine: float) -> float:
        """The world's instant when the machine's clock shows this."""
        return self.starts + (machine - self.since) * self.factor

    @property
    def promql(self) -> str:
        """The instant of the world as an expression for Prometheus."""
        return f"({self.starts:.0f} + (time() - {self.since:.0f}) * {self.factor})"

    def command(self, *arguments: str) -> list[str]:
        """The words that start hex-exporter with these arguments in this world."""
        return [sys.executable, str(Path(__file__)), *map(str, astuple(self)), *arguments]


def hurried(text: str, fast: FastTime) -> str:
    """The text of a file of rules, of Prometheus or of Alertmanager, for a world in fast motion.

    Durations are divided: intervals and waits, ranges and offsets in expressions. `time()` becomes the world's, so that
    seconds in expressions, which are compared with the world's timestamps, stay. Durations in texts for people do too.
    """
    faster = _KEYS.sub(lambda found: found[1] + divided(found[2], fast.factor), text)
    faster = _EXPRESSIONS.sub(
        lambda found: _RANGES.sub(lambda span: span[1] + divided(span[2], fast.factor), found[0]), faster
    )
    return faster.replace("time()", fast.promql)


def divided(duration: str, factor: int) -> str:
    """A duration such as `1h30m` divided by `factor`, in whole milliseconds and at least one."""
    total_ms = sum(int(n) * UNITS_MS[unit] for n, unit in re.findall(r"(\d+)(ms|[smhdwy])", duration))
    return f"{max(1, total_ms // factor)}ms"


def _live_in(fast: FastTime) -> None:
    """Make this process one of the world; what waits for sockets stays in the machine's time."""
    import asyncio

    from exporter.clock import SystemClock

    now, monotonic = time.time, time.monotonic

    async def sleep(_: SystemClock, seconds: float) -> None:
        # A page for each scrape is enough: built after each second of the world, it would keep a processor busy.
        await asyncio.sleep(max(seconds / fast.factor, min(seconds, _SHORTEST_PAUSE_SECONDS), 0.0))

    time.time = lambda: fast.at(now())
    SystemClock.monotonic = lambda _: monotonic() * fast.factor  # type: ignore[method-assign]
    SystemClock.sleep = sleep  # type: ignore[method-assign]


def main(arguments: Sequence[str]) -> None:
    """Be hex-exporter in a faster time, by SINCE, STARTS, FACTOR and its own arguments."""
    from exporter.cli import main as hex_exporter

    since, starts, factor, *own = arguments
    _live_in(FastTime(float(since), float(starts), int(factor)))
    hex_exporter(own, prog_name="hex-exporter")


if __name__ == "__main__":
    main(sys.argv[1:])
