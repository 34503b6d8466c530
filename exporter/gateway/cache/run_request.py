"""A run request: its body, with what the project's policy adds, and whether an earlier run may answer it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from exporter import strict_json
from exporter.config import Policy, Sample
from exporter.gateway.routing.headers import is_json
from exporter.gateway.upstream.reply import RawHeaders
from exporter.strict_json import JsonError, Number

BODY_LIMIT_BYTES = 1024 * 1024

_PUBLISHED = "updatePublishedResults"
_CACHED = "useCachedSqlResults"
_OLD = "updateCache"
_KNOWN = frozenset({"inputParams", "dryRun", _OLD, _PUBLISHED, _CACHED, "viewId", "notifications"})
_DEFAULTS: Mapping[str, object] = {
    "inputParams": {},
    "dryRun": False,
    _PUBLISHED: False,
    _CACHED: True,
    "notifications": [],
}
"""What Hex takes an absent field for."""

_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]*)", re.IGNORECASE)
_NO = frozenset({"", "0", "false", "no", "off"})


class RunRequestError(Exception):
    """The body is none of a run request; the message is a sentence for the caller."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request to run a project. `fields` is the JSON object to be sent, as `strict_json` reads it.

    `bypass` says why no other run may answer it, None if one may; it depends on the request only, not on policies.
    `is_sampled`: a trial, run with the policy's parameter. `query` is that of the address: a different query is a
    different request.
    """

    fields: Mapping[str, object]
    bypass: str | None = None
    is_sampled: bool = False
    query: str = ""

    @property
    def body(self) -> bytes:
        """What is sent to Hex, as `application/json`; an empty body of the caller is sent as `{}`."""
        return strict_json.written(dict(self.fields))

    @property
    def meaning(self) -> dict[str, object]:
        """The fields as Hex understands them: the old field as the two new ones, without those at their default."""
        known = dict(self.fields)
        if isinstance(known.get(_OLD), bool) and not {_PUBLISHED, _CACHED} & known.keys():
            updates = known.pop(_OLD)
            known |= {_PUBLISHED: updates, _CACHED: not updates}
        return {name: value for name, value in known.items() if not _is_default(name, value)}

    def under(self, policy: Policy, headers: RawHeaders) -> "RunRequest":
        """The request under its project's policy: defaults where the caller gave nothing, and sampled if it is a trial.

        A request that updates the published results is never a trial: Hex would ignore its parameters, and run whole.
        """
        fields = dict(self.fields)
        updates = _OLD in fields or _PUBLISHED in fields
        is_sampled = (
            policy.sample is not None
            and marks_trial(policy.sample, headers)
            and self.meaning.get(_PUBLISHED, False) is False
            and _OLD not in self.meaning
        )
        if policy.sample is not None and is_sampled:
            params = dict(_params(fields))
            params[policy.sample.parameter] = strict_json.plain(policy.sample.value)
            fields["inputParams"] = params
        if policy.update_published_results is not None and not updates and not is_sampled:
            fields[_PUBLISHED] = policy.update_published_results
        if policy.use_cached_sql_results is not None and _OLD not in fields and _CACHED not in fields:
            fields[_CACHED] = policy.use_cached_sql_results
        return replace(self, fields=fields, is_sampled=is_sampled)


def parse_run(body: bytes, headers: RawHeaders) -> RunRequest:
    """The run request that a body and its headers make.

    Raises RunRequestError for a body that is encoded, too large, or neither empty nor one JSON object with one reading.
    """
    given = [(name.lower(), value.decode("latin-1")) for name, value in headers]
    if len(body) > BODY_LIMIT_BYTES:
        raise RunRequestError(f"found a body of more than {BODY_LIMIT_BYTES} bytes; send at most that")
    fields: object = {}
    if body.strip(b" \t\r\n"):
        _check_type(given)
        try:
            fields = strict_json.read(body)
        except JsonError as error:
            raise RunRequestError(f"found in the body {error}; send one JSON object in UTF-8") from None
    if not isinstance(fields, dict):
        raise RunRequestError(f"found a JSON {_kind(fields)} as the body; send an object")
    params = fields.get("inputParams")
    if params is not None and not isinstance(params, dict):
        raise RunRequestError(f"found a JSON {_kind(params)} as inputParams; send an object")
    return RunRequest(fields, _bypass(fields, given))


def marks_trial(sample: Sample, headers: RawHeaders) -> bool:
    """Whether the sample's header marks a request as a trial; an empty value, `0`, `false` or `no` do not."""
    wanted = sample.header.lower().encode("latin-1")
    values = [value.decode("latin-1").strip().lower() for name, value in headers if name.lower() == wanted]
    return bool(values) and not any(value in _NO for value in values)


def _bypass(fields: Mapping[str, object], headers: list[tuple[bytes, str]]) -> str | None:
    """Why the request must run, whatever is known; a value that is no boolean where one belongs is not trusted."""
    unknown = fields.keys() - _KNOWN
    directives = {
        word.strip().lower() for name, value in headers if name == b"cache-control" for word in value.split(",")
    }
    wanted = directives & {"no-cache", "no-store", "max-age=0"}
    both = fields.keys() & {_PUBLISHED, _CACHED} if _OLD in fields else ()
    reasons = (
        ("unknown fields", bool(unknown)),
        (f"{_CACHED} is not true", fields.get(_CACHED, True) is not True),
        (f"{_OLD} is not false", fields.get(_OLD, False) is not False),
        (f"{_OLD} beside the fields that replace it", bool(both)),
        ("notifications", fields.get("notifications") not in (None, [])),
        ("dryRun", fields.get("dryRun", False) is not False),
        ("Cache-Control", bool(wanted)),
    )
    return next((reason for reason, holds in reasons if holds), None)


def _check_type(headers: list[tuple[bytes, str]]) -> None:
    """Refuse a body that Hex might read in another way than the gateway does."""
    encodings = [value.strip().lower() for name, value in headers if name == b"content-encoding"]
    if any(encoding not in {"", "identity"} for encoding in encodings):
        raise RunRequestError("found an encoded body; send it without Content-Encoding")
    types = [value for name, value in headers if name == b"content-type"]
    if len(types) > 1:
        raise RunRequestError(f"found {len(types)} Content-Type headers; send one")
    for value in types:
        charsets = {charset.lower() for charset in _CHARSET.findall(value)}
        if not is_json(value) or charsets - {"utf-8", "utf8"}:
            raise RunRequestError("found a body of another type; send JSON in UTF-8, as application/json")


def _params(fields: Mapping[str, object]) -> Mapping[str, object]:
    params = fields.get("inputParams")
    return params if isinstance(params, dict) else {}


def _is_default(name: str, value: object) -> bool:
    if name not in _DEFAULTS:
        return False
    default = _DEFAULTS[name]
    return value is default if isinstance(default, bool) else value == default


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case Number():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
