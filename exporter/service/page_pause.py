"""How long a page is served before the next is built."""

SHORTEST_PAUSE_SECONDS = 1.0
_PAUSE_PER_SECOND = 10
_LONGEST_WAIT_PAUSE_SECONDS = 10.0


def pause_seconds(worked: float, taken: float) -> float:
    """How long the next page waits after one that worked so long, and took so long with what it waited for.

    A database that was cut off for a minute while a page read it must not keep the page old for ten.
    """
    waited = min(_PAUSE_PER_SECOND * taken, _LONGEST_WAIT_PAUSE_SECONDS)
    return max(SHORTEST_PAUSE_SECONDS, _PAUSE_PER_SECOND * worked, waited)
