"""Memory that was freed goes back to the machine, so that what a page needs while it is built is not kept."""

import ctypes

# The numbers of <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

# What glibc starts with. It raises both to the size of the largest block that was freed, a page of megabytes; a size
# that is set stays.
_BLOCK_BYTES = 128 * 1024


def return_freed_memory() -> None:
    """Have glibc give freed blocks back, for this whole process; with another C library nothing changes.

    All threads share one arena: Python allocates under its own lock, so that more would win nothing, and each keeps
    what was freed in it.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_M_ARENA_MAX, 1)
    mallopt(_M_MMAP_THRESHOLD, _BLOCK_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _BLOCK_BYTES)
