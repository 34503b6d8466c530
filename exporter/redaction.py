"""Text that others wrote, made safe to log and to store: secrets masked, one short printable line."""

import re
from collections.abc import Iterable

MASK = "***"

_TOKEN = r"hxt[a-z]?_\w*"  # noqa: S105 - what a Hex token looks like: `hxtp_` or `hxtw_` and hex digits
_TOKEN_AS_WRITTEN = re.compile(_TOKEN)
_TOKEN_IN_ANY_CASE = re.compile(_TOKEN, re.IGNORECASE)
_LONGEST = 200


def looks_like_token(text: str) -> bool:
    """Whether the text begins as a Hex token does. Capitals are none: `HXT_TOKEN` can be the name of a variable."""
    return _TOKEN_AS_WRITTEN.match(text) is not None


def mask_tokens(text: str) -> str:
    """The text with `***` in place of all that looks like a Hex token, in capitals too."""
    return _TOKEN_IN_ANY_CASE.sub(MASK, text)


def redact(text: str, secrets: Iterable[str] = (), *, longest: int = _LONGEST) -> str:
    """One printable line of at most `longest` characters without the secrets and what looks like a token."""
    # The longest first: a secret may be a part of another.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = mask_tokens(text)
    line = " ".join("".join(each if each.isprintable() else " " for each in text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
