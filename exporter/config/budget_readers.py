"""Values that only budgets have: thresholds, and patterns of triggers."""

from exporter.config.error_wording import guess, printable
from exporter.config.match import matches_glob
from exporter.config.problems import UnfitError
from exporter.config.readers import Scalar
from exporter.config.scalars import amount, text
from exporter.facts import TRIGGERS, UNKNOWN_TRIGGER

_MOST_RATIO = 10
"""Ten times the limit: above it a percentage was meant, because no alert of such a threshold would ever fire."""


def threshold() -> Scalar[float]:
    """A part of a limit at which a severity begins."""
    number = amount(1e12)

    def parse(text: str, tag: str) -> float:
        ratio = number.parse(text, tag)
        if ratio > _MOST_RATIO:
            raise UnfitError(f"{ratio:g} would be {100 * ratio:,.0f} % of the limit; write ratios, 0.5 for 50 %")
        return ratio

    return Scalar(f"a ratio above 0 and at most {_MOST_RATIO}, such as 0.8 for 80 %", parse)


def trigger_pattern() -> Scalar[str]:
    """A pattern that matches at least one trigger that runs have."""
    any_text, known = text(), (*TRIGGERS, UNKNOWN_TRIGGER)

    def parse(pattern: str, tag: str) -> str:
        pattern = any_text.parse(pattern, tag)
        if not any(matches_glob(pattern, trigger) for trigger in known):
            raise UnfitError(
                f'"{printable(pattern)}" matches no trigger; write one of {", ".join(known)}{guess(pattern, known)}'
            )
        return pattern

    return Scalar("a pattern of a trigger, such as scheduled", parse)
