"""Faults on request: what can be wrong with an answer, how often, and where."""

from collections.abc import Iterable, Iterator, Sequence
from random import Random

import msgspec

STATUS_KINDS = ("400", "401", "403", "404", "422", "429", "500", "502", "503", "504")
"""The answer is this status instead."""

BODY_KINDS = ("html", "empty", "garbage")
"""The answer is 200 with something else in it."""

WIRE_KINDS = ("truncation", "drip", "slow", "huge", "reset")
"""The right answer, sent wrongly: half of it, byte by byte, late, padded, or broken off."""

LISTING_KINDS = ("loop", "shift", "missing_pagination", "nulls", "bad_item", "unordered")
"""A page that is not as it should be."""

KINDS = (*STATUS_KINDS, *BODY_KINDS, *WIRE_KINDS, *LISTING_KINDS)


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault: what (`kind`), where (`endpoint`, `project_id`; None everywhere), and how often.

    `count` None has no end; `probability` is the chance that a request that matches gets it. `retry_after` goes with
    429 (None: no header; with `as_date` an HTTP date). `seconds` is the delay of `slow`, and of each byte of `drip`;
    `size_bytes` the padding of `huge`.
    """

    kind: str
    endpoint: str | None = None
    project_id: str | None = None
    count: int | None = None
    probability: float = 1.0
    retry_after: float | None = None
    as_date: bool = False
    seconds: float = 1.0
    size_bytes: int = 32 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is not a kind of fault; write one of {', '.join(KINDS)}")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability {self.probability} is not valid; write a number from 0 to 1")
        if self.count is not None and self.count < 1:
            raise ValueError(f"count {self.count} is not valid; write at least 1")

    def matches(self, endpoint: str, project_id: str | None) -> bool:
        """Whether a request is one that this fault is meant for."""
        return self.endpoint in (None, endpoint) and self.project_id in (None, project_id)


class Faults:
    """The faults in force. Of those that fit a request, each is drawn on its own."""

    def __init__(self, faults: Iterable[Fault] = (), seed: int = 1) -> None:
        self._dice = Random(seed)
        self._left: list[tuple[Fault, int | None]] = []
        for fault in faults:
            self.add(fault)

    def __iter__(self) -> Iterator[Fault]:
        return iter([fault for fault, _ in self._left])

    def add(self, fault: Fault) -> None:
        """Put a fault in force."""
        self._left.append((fault, fault.count))

    def clear(self) -> None:
        """End all faults."""
        self._left.clear()

    def draw(self, endpoint: str, project_id: str | None) -> Sequence[Fault]:
        """The faults that this request gets; each drawn one is used up by one."""
        if not self._left:
            return ()
        drawn, left = [], []
        for fault, count in self._left:
            hit = fault.matches(endpoint, project_id) and self._dice.random() < fault.probability
            if hit:
                drawn.append(fault)
            if not hit or count is None:
                left.append((fault, count))
            elif count > 1:
                left.append((fault, count - 1))
        self._left = left
        return drawn

    def listed(self) -> list[dict[str, object]]:
        """The faults in force as JSON, with what is left of each."""
        return [{**msgspec.to_builtins(fault), "count": count} for fault, count in self._left]


def parse_fault(text: str) -> Fault:
    """A fault from a flag: `KIND`, then options, for example `429,endpoint=runs,count=5,retry_after=30`.

    ValueError if it cannot be understood.
    """
    kind, *options = text.split(",")
    given: dict[str, str] = {"kind": kind}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise ValueError(f"{option!r} in the fault {text!r} is not valid; write NAME=VALUE")
        given[name] = value
    try:
        return msgspec.convert(given, Fault, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(f"fault {text!r}: {error}") from None
