"""The life of a run, from request to end: places, sending, polling, cancelling, recovery."""
