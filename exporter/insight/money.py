"""Three kinds of money, never added up without their names: Hex's bill, other bills, and the owners' own estimates."""

from collections.abc import Mapping
from typing import Literal

Money = Literal["billed", "other", "estimate"]

MONEY: tuple[Money, ...] = ("billed", "other", "estimate")
"""Who asks for it: Hex, somebody else (the warehouse), no one: what the owners put into `prices` themselves."""

COMPONENTS: Mapping[str, Money] = {
    "seats": "billed",
    "compute": "billed",
    "ai_credits": "billed",
    "warehouse": "other",
    "own_estimate": "estimate",
}
"""What a week's cost is made of, and which kind of money each is."""


def money_of(costs: Mapping[str, int]) -> dict[Money, int]:
    """The costs of components by kind of money; a kind of which no component is known is left out."""
    sums: dict[Money, int] = {}
    for component, micro_usd in costs.items():
        kind = COMPONENTS[component]
        sums[kind] = sums.get(kind, 0) + micro_usd
    return sums
