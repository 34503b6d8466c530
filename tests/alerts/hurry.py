"""Rules in fast motion: the same rules with every duration divided, so that a test need not wait for hours."""

import re
from collections.abc import Callable
from fractions import Fraction

UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000, "y": 31_536_000_000}

_DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
_KEYS = re.compile(rf"(?m)^(\s*(?:- )?(?:interval|for|keep_firing_for|query_offset): *)({_DURATION})\b")
_RANGES = re.compile(rf"(\[|:|\boffset )({_DURATION})(?=[\]:]|\b)")
_SECONDS = re.compile(r"(?<=\* )(60|3600|86400)\b")
_EXPRESSIONS = re.compile(
    r"(?m)^(?P<indent> *)(?:- )?expr: *(?P<inline>[^|>\s].*)?(?P<block>(?:[|>]-?)?(?:\n(?P=indent) +.*)*)"
)


def hurried(rules: str, factor: int = 60) -> str:
    """The text of a rule file with every duration divided by `factor`; anything else stays as it is.

    Durations are the intervals and waits of groups and alerts, ranges and offsets in expressions, and seconds in
    expressions, which are written as products with 60, 3600 or 86400. Texts for people are left alone.
    """
    faster = _KEYS.sub(lambda found: found[1] + divided(found[2], factor), rules)
    return _EXPRESSIONS.sub(lambda found: _expression(found[0], factor), faster)


def divided(duration: str, factor: int) -> str:
    """A duration such as `1h30m` divided by `factor`, in whole milliseconds and at least one."""
    total_ms = sum(int(n) * UNITS_MS[unit] for n, unit in re.findall(r"(\d+)(ms|[smhdwy])", duration))
    return f"{max(1, total_ms // factor)}ms"


def _expression(text: str, factor: int) -> str:
    text = _RANGES.sub(lambda found: found[1] + divided(found[2], factor), text)
    return _SECONDS.sub(_seconds(factor), text)


def _seconds(factor: int) -> Callable[[re.Match[str]], str]:
    return lambda found: f"{float(Fraction(int(found[1]), factor)):g}"
