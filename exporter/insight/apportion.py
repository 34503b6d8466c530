"""Sharing an amount out so that the parts add up to it exactly."""

from collections.abc import Sequence


def apportioned(amount: int, weights: Sequence[int]) -> list[int]:
    """The amount in whole parts, in proportion to weights none of which is negative; in equal parts if all are 0.

    Each part is off by less than one, and all together are the amount. Raises ValueError without anybody to share.
    """
    if not weights:
        raise ValueError("found no weights, expected one for each part")
    whole = sum(weights)
    if not whole:
        return apportioned(amount, [1] * len(weights))
    parts: list[int] = []
    passed = given = 0
    for weight in weights:
        passed += weight
        upto = amount * passed // whole
        parts.append(upto - given)
        given = upto
    return parts
