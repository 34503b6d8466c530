"""Which run one in doubt became: matched, once, with the runs that Hex has started since. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from exporter.facts import UNKNOWN_TRIGGER, Run
from exporter.ledger import GatewayRun

SKEW_MS = 2_000
"""How much earlier than it was sent a run may have started, by another clock."""

WINDOW_MS = 10 * 60_000
"""A run starts at most so long after it was sent."""

_SETTLED_MS = 60_000
"""So long after the sending all runs have to be known before the only one that matches is taken for it."""

_LONGEST_MS = 60 * 60_000
"""After so long it is given up, where the project's runs are not read."""

_TRIGGERS = ("api", UNKNOWN_TRIGGER)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The run that an intent became, or (None) why that cannot be known. `was_not_started`: there is none in Hex."""

    run: Run | None
    why: str = ""
    was_not_started: bool = False


def window(intent: GatewayRun) -> tuple[int, int]:
    """The times between which the run of an intent must have started, the end not among them."""
    return intent.sent_ms - SKEW_MS, intent.sent_ms + WINDOW_MS


def verdict(
    intent: GatewayRun, runs: Iterable[Run], claimed: Collection[str], known_until_ms: int | None, now_ms: int
) -> Verdict | None:
    """The run that an intent became, or that it cannot be known; None while it is too early to say.

    `runs` are the project's runs within the window of the intent, of which those in `claimed` belong to others;
    every run that started before `known_until_ms` is among them.
    """
    since_ms, until_ms = window(intent)
    candidates = [
        run
        for run in runs
        if run.trigger in _TRIGGERS
        and run.run_id not in claimed
        and (run.start_ms is None or since_ms <= run.start_ms < until_ms)
    ]
    known_ms = known_until_ms or 0
    if len(candidates) == 1 and known_ms >= intent.sent_ms + _SETTLED_MS:
        return Verdict(candidates[0])
    if known_ms >= until_ms:
        why = f"{len(candidates)} runs match" if candidates else "no run matches"
        return Verdict(None, why, was_not_started=not candidates)
    if now_ms - intent.sent_ms > _LONGEST_MS:
        return Verdict(None, "the runs of the project are not known up to then")
    return None
