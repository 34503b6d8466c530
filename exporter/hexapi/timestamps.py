"""Points in time as Hex and HTTP write them, read into epoch milliseconds."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from functools import lru_cache

_ISO = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)[Tt ]"
    r"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r"(?:\s*(?P<zone>[Zz]|(?P<sign>[+-])(?P<zone_hours>\d\d):?(?P<zone_minutes>\d\d)?))?",
    re.ASCII,
)
_USUAL_LENGTH = 40
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_END_MS = (datetime(2200, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
_MILLISECONDS_FROM = 100_000_000_000
"""A number from here on is milliseconds: as seconds it would lie beyond the year 5000."""


def iso_ms(written: str) -> int | None:
    """Epoch milliseconds of an ISO 8601 date and time, None if it is not one.

    Any number of decimals, cut to milliseconds; without a zone it is UTC; a leap second is the second after it. Years
    before 1970 and from 2200 on are None: they stand for "never" where they are met.
    """
    # A page repeats most of the one before it; what is longer than Hex writes is not worth its memory.
    return _iso_ms(written) if len(written) <= _USUAL_LENGTH else _iso_ms.__wrapped__(written)


@lru_cache(maxsize=4096)
def _iso_ms(written: str) -> int | None:
    found = _ISO.fullmatch(written.strip())
    if found is None:
        return None
    fields = found.groupdict(default="0")
    zone = timedelta(hours=int(fields["zone_hours"]), minutes=int(fields["zone_minutes"]))
    seconds = int(fields["second"])
    try:
        moment = datetime(
            int(fields["year"]),
            int(fields["month"]),
            int(fields["day"]),
            int(fields["hour"]),
            int(fields["minute"]),
            min(seconds, 59),
            tzinfo=timezone(-zone if fields["sign"] == "-" else zone),
        )
    except ValueError:
        return None
    if seconds > 60:
        return None
    whole = (moment - _EPOCH) // timedelta(milliseconds=1) + (1000 if seconds == 60 else 0)
    return plausible_ms(whole + int(fields["fraction"].ljust(3, "0")[:3]))


def http_date_ms(written: str) -> int | None:
    """Epoch milliseconds of an HTTP date such as the header `Date` carries, None if it is not one."""
    try:
        moment = parsedate_to_datetime(written)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    zoned = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return plausible_ms((zoned - _EPOCH) // timedelta(milliseconds=1))


def server_now(headers: Mapping[str, str], now: float) -> float:
    """What time it was by the server's clock when it answered, in epoch seconds; `now` if it did not say."""
    written = next((value for name, value in headers.items() if name.lower() == "date"), "")
    server_ms = http_date_ms(written)
    return now if server_ms is None else server_ms / 1000


def epoch_ms(number: float) -> int | None:
    """Epoch milliseconds of a number that is epoch seconds or, if that large, already milliseconds."""
    return plausible_ms(int(number if number >= _MILLISECONDS_FROM else number * 1000))


def plausible_ms(moment_ms: int) -> int | None:
    """`moment_ms` if it lies from 1970 to 2199, else None."""
    return moment_ms if 0 <= moment_ms < _END_MS else None
