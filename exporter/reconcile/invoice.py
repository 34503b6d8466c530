"""An invoice as lines: what each charges, in millionths of a dollar, and for what."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

Part = Literal["seats", "compute", "ai_credits", "tax", "other"]
"""What a line is for: a component of Hex's bill, tax, or something that the ledger knows nothing of."""

PARTS: tuple[Part, ...] = ("seats", "compute", "ai_credits", "tax", "other")

_WORDS: tuple[tuple[Part, tuple[str, ...]], ...] = (
    ("tax", ("*sales tax*", "tax", "tax *", "* tax", "*vat*", "*mwst*", "*gst*")),
    ("ai_credits", ("*credits*", "*ai credit*", "*agent*", "*top-up*", "*top up*")),
    ("compute", ("*compute*", "*kernel*", "*gpu*", "*advanced*", "*4xl*", "*2xl*")),
    ("seats", ("*seat*", "*editor*", "*explorer*", "*author*", "*viewer*", "*license*", "*user*", "*plan*")),
)
"""What a description says a line is for; the first pattern that matches decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """One line; `number` is its line in the file. `micro_usd` is below 0 for a credit or a discount."""

    number: int
    description: str
    part: Part
    micro_usd: int
    quantity: str = ""

    @property
    def is_credit(self) -> bool:
        """Whether it takes something off."""
        return self.micro_usd < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """The lines of a file, and sentences on what was made of it."""

    lines: tuple[InvoiceLine, ...]
    remarks: tuple[str, ...] = ()

    def charged(self, part: Part) -> int:
        """What it charges for one part before credits, in millionths of a dollar."""
        return sum(line.micro_usd for line in self.lines if line.part == part and not line.is_credit)

    def billed(self, part: Part) -> int:
        """What it charges for one part, credits taken off, in millionths of a dollar."""
        return sum(line.micro_usd for line in self.lines if line.part == part)


def part_of(description: str, chosen: tuple[tuple[str, Part], ...]) -> Part:
    """What a line with this description is for, by the patterns that were chosen, else by its words."""
    text = description.lower()
    for pattern, part in (*((pattern.lower(), part) for pattern, part in chosen), *_usual()):
        if fnmatchcase(text, pattern):
            return part
    return "other"


def _usual() -> tuple[tuple[str, Part], ...]:
    return tuple((pattern, part) for part, patterns in _WORDS for pattern in patterns)
