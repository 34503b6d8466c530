"""How long each client waits for an answer: what it says itself, else what is known of it."""

import re

from exporter.gateway.upstream.reply import RawHeaders

_PREFERRED = re.compile(rb"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,6})", re.IGNORECASE)

KNOWN_WAITS = ((b"hex-python-sdk/", 25.0),)
"""What the User-Agent of a client with a time-out begins with, and for how long it may be kept waiting: hex-toolkit
gives up after 30 s by default."""

_SHORTEST_SECONDS = 1.0
"""A client that says less is kept waiting for so long: to see whether its source has changed takes a moment, and no
run could ever be started for it."""

ANSWER_SECONDS = 2.0
"""What an answer of Hex may take beyond that: after it such a client gets an answer in any case."""


def client_wait(headers: RawHeaders) -> float | None:
    """Seconds for which a client waits at most, by `Prefer: wait=` (RFC 7240) or by what it is; None: for any time."""
    agent = b""
    for name, value in headers:
        lower = name.lower()
        if lower == b"prefer" and (found := _PREFERRED.search(value)):
            return max(_SHORTEST_SECONDS, float(found[1]))
        if lower == b"user-agent":
            agent = value.lower()
    return next((seconds for start, seconds in KNOWN_WAITS if agent.startswith(start)), None)
