"""The plain values that settings are made of: one function a sort, each giving its reader."""

import glob
import os
import re
import ssl
import stat
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from exporter.config.error_wording import guess, invalid, printable
from exporter.config.problems import UnfitError
from exporter.config.readers import Scalar
from exporter.facts import FINDING_KINDS, finding_kind_of
from exporter.redaction import looks_like_token

T = TypeVar("T")

_TRUTHS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_MOST_DIGITS = 18
_MOST_PER_USD = 1_000_000  # no currency has ever been worth so little for long without a reform
_LONGEST_SECONDS = 36_500 * 86_400.0
_LARGEST_FACTOR = 1000  # a bill beyond a thousand times the list shows a mistake, not a price
_FIRST_YEAR = 1970  # timestamps begin there, and some tools take no earlier one

_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")
_WHOLE = re.compile(r"[+-]?(0|[1-9][0-9_]*)")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_DOLLARS = re.compile(r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?")
_DURATION = re.compile(r"([0-9]{1,12})([smhd])")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def truth() -> Scalar[bool]:
    """`true` or `false`, and YAML's other words for them."""

    def parse(text: str, tag: str) -> bool:
        if tag != "bool" or text.lower() not in _TRUTHS:
            raise ValueError
        return _TRUTHS[text.lower()]

    return Scalar("true or false", parse)


def truth_or_auto() -> Scalar[bool | None]:
    """`true`, `false`, or `auto`, which is None."""

    def parse(text: str, tag: str) -> bool | None:
        return None if (text, tag) == ("auto", "str") else truth().parse(text, tag)

    return Scalar("auto, true or false", parse)


def integer(minimum: int, maximum: int) -> Scalar[int]:
    """A whole number in decimal digits; YAML's other bases are not taken, a leading 0 would mean octal."""

    def parse(text: str, tag: str) -> int:
        if tag != "int" or len(text) > 20 or not _WHOLE.fullmatch(text):
            raise ValueError
        number = int(text.replace("_", ""))
        if not minimum <= number <= maximum:
            raise ValueError
        return number

    return Scalar(f"a whole number from {minimum:,} to {maximum:,}", parse)


def share() -> Scalar[float]:
    """A part of a whole that is not nothing."""

    return amount(1)


def amount(maximum: float) -> Scalar[float]:
    """A number that is more than nothing."""

    def parse(text: str, tag: str) -> float:
        if tag not in ("int", "float") or len(text) > 60 or not _NUMBER.fullmatch(text):
            raise ValueError
        if not 0 < float(text) <= maximum:
            raise ValueError
        return float(text)

    return Scalar(f"a number above 0 and at most {maximum:,.0f}", parse)


def dollars() -> Scalar[int]:
    """An amount of money, as whole millionths of a dollar: sums of them are exact."""

    def parse(text: str, tag: str) -> int:
        if tag not in ("int", "float") or not _DOLLARS.fullmatch(text):
            raise ValueError
        return int(Decimal(text) * 1_000_000)

    return Scalar("an amount in dollars such as 28 or 0.05, to a millionth at the finest", parse)


def factor() -> Scalar[int]:
    """What something is multiplied with, as whole millionths: sums stay exact."""

    def parse(text: str, tag: str) -> int:
        if tag not in ("int", "float") or not _DOLLARS.fullmatch(text) or not 0 < Decimal(text) <= _LARGEST_FACTOR:
            raise ValueError
        return int(Decimal(text) * 1_000_000)

    return Scalar(f"a factor such as 1.25, above 0 and at most {_LARGEST_FACTOR}, to a millionth at the finest", parse)


def exchange_rate() -> Scalar[int]:
    """How much of a currency a dollar is worth, in whole millionths of it."""

    def parse(text: str, tag: str) -> int:
        if tag not in ("int", "float") or not _DOLLARS.fullmatch(text) or not 0 < Decimal(text) <= _MOST_PER_USD:
            raise ValueError
        return int(Decimal(text) * 1_000_000)

    return Scalar(f"what a dollar is worth, such as 0.92, above 0 and at most {_MOST_PER_USD:,}", parse)


def currency_code() -> Scalar[str]:
    """A currency's code of three letters, in upper case."""

    def parse(text: str, tag: str) -> str:
        if tag != "str" or not _CURRENCY.fullmatch(text):
            raise ValueError
        return text.upper()

    return Scalar("a currency code of ISO 4217 such as EUR", parse)


def duration() -> Scalar[float]:
    """A number with its unit, as seconds."""

    def parse(text: str, tag: str) -> float:
        written = _DURATION.fullmatch(text)
        if tag != "str" or written is None:
            raise ValueError
        seconds = int(written[1]) * _UNIT_SECONDS[written[2]]
        if not 0 < seconds <= _LONGEST_SECONDS:
            raise UnfitError(f'"{printable(text)}" is out of range; write a duration from 1s to 36500d')
        return seconds

    return Scalar("a duration such as 90s, 15m, 24h or 400d", parse)


def duration_or_none() -> Scalar[float]:
    """A number with its unit, as seconds; `0s` is none."""

    def parse(text: str, tag: str) -> float:
        return 0.0 if (text, tag) == ("0s", "str") else duration().parse(text, tag)

    return Scalar("0s, or a duration such as 90s, 15m, 24h or 400d", parse)


def duration_or_off() -> Scalar[float | None]:
    """A number with its unit, as seconds; `false` is None."""

    def parse(text: str, tag: str) -> float | None:
        if tag == "bool" and not truth().parse(text, tag):
            return None
        return duration().parse(text, tag)

    return Scalar("false, or a duration such as 2s or 10s", parse)


def text() -> Scalar[str]:
    """Text that is not blank, without control characters."""

    def parse(text: str, tag: str) -> str:
        if tag in ("int", "float", "bool", "timestamp"):
            raise UnfitError(f"{printable(text)} is not text; put it in quotes")
        if tag != "str" or not text.strip():
            raise ValueError
        if _UNSEEN.search(text):
            raise UnfitError(f'"{printable(text)}" has control characters; remove them')
        return text

    return Scalar("text that is not blank", parse)


def sha256() -> Scalar[str]:
    """A SHA-256 in hexadecimal, in lower case."""

    def parse(text: str, tag: str) -> str:
        if not _SHA256.fullmatch(text):
            raise ValueError
        return text.lower()

    return Scalar("a SHA-256 of 64 hexadecimal digits", parse)


def statement() -> Scalar[str]:
    """A query in SQL, over as many lines as it takes."""

    def parse(text: str, tag: str) -> str:
        if tag != "str" or not text.strip() or _UNSEEN.search(re.sub(r"[\t\n\r]", " ", text)):
            raise ValueError
        return text.strip()

    return Scalar("a query in SQL", parse)


def path(folder: Path) -> Scalar[str]:
    """A file's path; a relative one is taken from the folder."""

    def parse(written: str, tag: str) -> str:
        if looks_like_token(written):
            raise UnfitError("this is a token; write the path of the file that has it")
        return str(folder / text().parse(written, tag))

    return Scalar("the path of a file", parse)


def authorities(folder: Path) -> Scalar[str]:
    """The path of a file of certificates in PEM, which is read to see that it is one."""
    expected = "name a file of certificates in PEM"

    def parse(written: str, tag: str) -> str:
        file = path(folder).parse(written, tag)
        try:
            if not stat.S_ISREG(os.stat(file).st_mode):
                raise UnfitError(f"{printable(file)} is not a file; {expected}")
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
        except ssl.SSLError:
            raise UnfitError(
                f"{printable(file)} has no certificate; {expected} (-----BEGIN CERTIFICATE-----)"
            ) from None
        except OSError as error:
            raise UnfitError(f"{printable(file)} cannot be read ({error.strerror}); {expected}") from None
        return file

    return Scalar("the path of a file of certificates in PEM", parse)


def path_pattern(folder: Path) -> Scalar[str]:
    """A file's path or a glob of paths; a relative one is taken from the folder, whatever signs that has in it."""

    def parse(written: str, tag: str) -> str:
        pattern = path(folder).parse(written, tag)
        return pattern if Path(written).is_absolute() else str(Path(glob.escape(str(folder))) / written)

    return Scalar("a path, or a glob such as /data/*.csv", parse)


def value() -> Scalar[int | float | str | bool]:
    """A number, a truth value or text, as the API of Hex takes them for an input."""

    def parse(written: str, tag: str) -> int | float | str | bool:
        if tag == "bool":
            return truth().parse(written, tag)
        if tag == "int" and _WHOLE.fullmatch(written) and len(written) <= _MOST_DIGITS:
            return int(written.replace("_", ""))
        if tag == "float" and _NUMBER.fullmatch(written) and isfinite(float(written)):
            return float(written)
        return text().parse(written, tag)

    return Scalar("a number, true, false or text", parse)


def variable() -> Scalar[str]:
    """The name of an environment variable."""

    def parse(text: str, tag: str) -> str:
        if looks_like_token(text):
            raise UnfitError("this is a token; write the name of the environment variable that has it")
        if tag != "str" or not _VARIABLE.fullmatch(text):
            raise ValueError
        return text

    return Scalar("the name of an environment variable", parse, is_shown=False)


def choice(values: Mapping[str, T]) -> Scalar[T]:
    """One of the words, upper and lower case alike, for the value that it stands for."""
    expected = f"one of {', '.join(values)}"

    def parse(text: str, tag: str) -> T:
        if tag != "str":
            raise ValueError
        if text.lower() not in values:
            raise UnfitError(invalid(f'"{printable(text)}"', expected) + guess(text, values))
        return values[text.lower()]

    return Scalar(expected, parse)


def finding_kind() -> Scalar[str]:
    """A kind of finding, as the label has it or as tables print it."""
    labels = choice({kind: kind for kind in FINDING_KINDS})

    def parse(text: str, tag: str) -> str:
        return labels.parse(finding_kind_of(text) or text, tag)

    return Scalar(labels.expected, parse)


def time_zone() -> Scalar[str]:
    """The name of a zone in the IANA database."""
    expected = "an IANA time zone such as Europe/Zurich"

    def parse(text: str, tag: str) -> str:
        if tag != "str":
            raise ValueError
        try:
            ZoneInfo(text)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            near = guess(text, available_timezones())
            raise UnfitError(invalid(f'"{printable(text)}"', expected) + near) from None
        return text

    return Scalar(expected, parse)


def day() -> Scalar[date]:
    """A calendar day."""

    def parse(text: str, tag: str) -> date:
        if tag not in ("timestamp", "str") or not _DAY.fullmatch(text):
            raise ValueError
        day = date.fromisoformat(text)
        if day.year < _FIRST_YEAR:
            raise UnfitError(f"{text} is before {_FIRST_YEAR}; write a day such as 2026-10-01")
        return day

    return Scalar("a day such as 2026-10-01", parse)
