"""Run when the data changed: what is due of each trigger, kept in the ledger before the gateway gets the request."""

from exporter.triggers.decision import OUTCOMES, Event, Rule, RunAnswer, Seen, Step, answered, is_quiet, step
from exporter.triggers.trigger_runner import LOOK_SECONDS, Ask, RunRequest, TriggerRunner

__all__ = [
    "LOOK_SECONDS",
    "OUTCOMES",
    "Ask",
    "Event",
    "Rule",
    "RunAnswer",
    "RunRequest",
    "Seen",
    "Step",
    "TriggerRunner",
    "answered",
    "is_quiet",
    "step",
]
