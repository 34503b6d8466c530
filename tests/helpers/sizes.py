"""How often a test repeats itself: seeds, steps, kill points."""

import os


def size(everyday: int, long: int) -> int:
    """The first in `./test`, the second in `./test --long`, which CI runs once a week.

    For repetition only: whatever behaves differently is tried at both sizes.
    """
    return long if os.environ.get("HEX_EXPORTER_LONG_TESTS") else everyday
