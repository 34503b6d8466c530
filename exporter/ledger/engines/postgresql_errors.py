"""What PostgreSQL's errors mean for whoever runs the exporter: one sentence each, with what to do."""

import re

_BY_STATE = {
    "08004": "target_session_attrs in storage.url wants a server that only reads: set it to read-write",
    "08001": "start the database, or correct the host and the port in storage.url",
    "08": "the connection was lost: nothing was half written, and it continues when the database is back",
    "25006": "the server only reads, as a standby does: point storage.url at the primary, "
    "with several hosts by target_session_attrs=read-write",
    "25P03": "this program stood still in the middle of a transaction, which is undone whole: give it more CPU",
    "28": "the login of {user} was refused: correct the user and the password in storage.url, or pg_hba.conf",
    "3D000": "there is no such database: create it with CREATE DATABASE, or correct storage.url",
    "3F000": "there is no such schema: name one in storage.url by ?options=-csearch_path%3DNAME",
    "40": "another transaction was in the way: this one is undone whole, and the next attempt writes it",
    "42501": "{user} lacks a right: grant it CREATE and USAGE on {schema}, or let it own the tables there",
    "53100": "the database's disk is full: free space there; nothing was half written",
    "53300": "the database has no connection left: raise max_connections or its pooler's limits; "
    "each exporter takes at most 5",
    "53": "the database lacks resources: give it more memory or disk",
    "55P03": "a row stayed locked for too long: look in pg_stat_activity for who holds it",
    "57014": "a statement took too long and was ended: look at the database's load and disks",
    "57": "the database is being stopped or started: it continues when that is over",
}
"""Advice by an SQLSTATE, or by its class, the first two letters."""

AWAY = ("08", "25006", "25P03", "40", "53", "55P03", "57")
"""States, or their classes, that end without a change of the exporter's settings: waiting helps."""

_CONNECTING = (
    (r"password authentication failed|no password supplied|no pg_hba.conf entry|role .* does not exist", "28P01"),
    (r"database .* does not exist|no such database", "3D000"),
    (r"too many clients|remaining connection slots|too many connections|no more connections allowed", "53300"),
    (r"is (starting up|shutting down|not yet accepting|in recovery)", "57P03"),
    (r"session is not read-only|not in hot standby", "08004"),
    (r"session is read-only|in hot standby|target_session_attrs", "25006"),
)
"""libpq gives no code for a connection that was refused, only words."""


def sentence_of(error: BaseException, *, user: str, schema: str | None) -> str:
    """What the server or libpq said, and what to do about it, without its details, which hold values of rows."""
    said, state = _said(error), state_of(error)
    advice = next((_BY_STATE[state[:length]] for length in (5, 2) if state[:length] in _BY_STATE), None)
    if advice is None:
        return said
    return f"{said}: {advice.format(user=user, schema=f'schema {schema}' if schema else 'the schema')}"


def state_of(error: BaseException) -> str:
    """The SQLSTATE of an error, by libpq's words where it has none; empty if there is nothing to go by."""
    return getattr(error, "sqlstate", None) or connecting_state(error)


def connecting_state(error: BaseException) -> str:
    """The SQLSTATE that an error without one would have; 08001 for any other connection that failed."""
    text = str(error)
    for pattern, state in _CONNECTING:
        if re.search(pattern, text):
            return state
    if re.search(r"closed the connection unexpectedly|terminating connection|connection is lost", text):
        return "08006"
    return "08001" if type(error).__name__ in ("OperationalError", "ConnectionTimeout") else ""


def _said(error: BaseException) -> str:
    diagnosis = getattr(error, "diag", None)
    primary = getattr(diagnosis, "message_primary", None)
    if primary:
        return str(primary)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return re.sub(r"^connection (failed|is bad): ", "", lines[0]) if lines else type(error).__name__
