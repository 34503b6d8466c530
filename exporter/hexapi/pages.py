"""One page of an answer: bytes in, facts out."""

import json
from dataclasses import dataclass, field, replace
from typing import TypeVar

from exporter.errors import BadAnswerError
from exporter.hexapi.bounded_yaml import BadYamlError
from exporter.hexapi.endpoints import SHAPES, ApiRequest, Endpoint
from exporter.hexapi.field_readers import Json, mapping
from exporter.hexapi.item_parsing import Fact, past_ms, read_item, written_id
from exporter.hexapi.project_export import read_export

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, slots=True)
class BadItem:
    """One item that could not be read: `item_id` where one can be made out, `reason` safe to log.

    `place` is how many of the page that can be read come before it.
    """

    endpoint: Endpoint
    item_id: str | None
    reason: str
    place: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The answer to one request.

    `after` is the cursor of the next page; `has_more` says whether Hex has one. `sent_ms` is when the request left by
    the local clock, `server_ms` when the answer was made by Hex's clock, None if it did not say.
    """

    request: ApiRequest
    items: tuple[Fact, ...]
    bad: tuple[BadItem, ...] = ()
    after: str | None = None
    has_more: bool = False
    sent_ms: int
    server_ms: int | None = None

    @property
    def size(self) -> int:
        """How many items Hex sent, the unreadable ones included."""
        return len(self.items) + len(self.bad)

    @property
    def newest_ms(self) -> int | None:
        """The newest moment of which an item says that it is past; None where none does. Epoch milliseconds."""
        return max((moment for item in self.items for moment in past_ms(item) if moment is not None), default=None)

    def only(self, kind: type[_Kind]) -> tuple[_Kind, ...]:
        """The items of one kind of fact, for callers that know what they requested."""
        return tuple(item for item in self.items if isinstance(item, kind))


def read_page(request: ApiRequest, body: bytes, *, sent_ms: int, server_ms: int | None = None) -> Page:
    """The page that `body` holds; BadAnswerError if it is not the JSON that the API promises."""
    answer = _parse(request, body)
    if request.endpoint is Endpoint.EXPORT:
        return _read_export(request, answer, sent_ms, server_ms)
    shape = SHAPES[request.endpoint]
    found = answer.get(shape.array) if shape.array else [answer]
    if not isinstance(found, list):
        reason = f"a JSON object without the array `{shape.array}`"
        raise BadAnswerError(request.endpoint.value, reason, status=200, is_from_hex=False)

    items: list[Fact] = []
    bad: list[BadItem] = []
    for position, item in enumerate(found):
        outcome = _read(request, item, position)
        if isinstance(outcome, BadItem):
            bad.append(replace(outcome, place=len(items)))
        else:
            items.append(outcome)

    after = _cursor(request, answer)
    return Page(
        request=request,
        items=tuple(items),
        bad=tuple(bad),
        after=after,
        has_more=_has_next(answer, len(found)) if request.endpoint is Endpoint.RUNS else after is not None,
        sent_ms=sent_ms,
        server_ms=server_ms,
    )


def _read_export(request: ApiRequest, answer: Json, sent_ms: int, server_ms: int | None) -> Page:
    """The version in `content`; a file that cannot be read is a bad item, named by project and version."""
    content = answer.get("content")
    if not isinstance(content, str):
        reason = "a JSON object without the text `content`"
        raise BadAnswerError(request.endpoint.value, reason, status=200, is_from_hex=False)
    items: tuple[Fact, ...] = ()
    bad: tuple[BadItem, ...] = ()
    try:
        items = (read_export(content, request.version, request.project_id),)
    except BadYamlError as error:
        bad = (BadItem(request.endpoint, f"{request.project_id}/{request.version}", str(error)),)
    return Page(request=request, items=items, bad=bad, sent_ms=sent_ms, server_ms=server_ms)


def parse_json(body: bytes) -> object:
    """The JSON value in `body`, read as leniently as can be: wrong bytes, NaN and absurd integers cost one field.

    Raises ValueError when it is not JSON or nested beyond reason.
    """
    try:
        parsed: object = json.loads(
            body.decode("utf-8-sig", "replace"), parse_int=_integer, parse_constant=lambda _: None
        )
    except RecursionError:
        raise ValueError("nested beyond reason") from None
    return parsed


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= 20 else None


def _parse(request: ApiRequest, body: bytes) -> Json:
    try:
        answer = parse_json(body)
    except ValueError:
        reason = f"{_look(body)} instead of JSON"
        raise BadAnswerError(request.endpoint.value, reason, status=200, is_from_hex=False) from None
    if not isinstance(answer, dict):
        reason = "JSON whose top level is not an object"
        raise BadAnswerError(request.endpoint.value, reason, status=200, is_from_hex=False)
    return answer


def _look(body: bytes) -> str:
    start = body[:200].lstrip()
    if not start:
        return "an empty body"
    return "HTML" if start.startswith(b"<") else "a body that cannot be parsed"


def _read(request: ApiRequest, item: object, position: int) -> Fact | BadItem:
    if not isinstance(item, dict):
        return BadItem(request.endpoint, None, f"item {position} of the page is not an object")
    fact = read_item(item, request)
    if fact is not None:
        return fact
    return BadItem(request.endpoint, written_id(item, request), f"item {position} of the page has no usable id")


def _cursor(request: ApiRequest, answer: Json) -> str | None:
    """The cursor of the next page; a number is taken for its digits.

    What cannot be a cursor yet is not nothing says that there is more but not where: BadAnswerError, so that half a
    listing is not taken for the whole.
    """
    after = mapping(answer.get("pagination")).get("after")
    if not after:
        return None
    if isinstance(after, str):
        return after
    if isinstance(after, int) and not isinstance(after, bool):
        return str(after)
    raise BadAnswerError(request.endpoint.value, "a `pagination.after` that is neither a string nor null", status=200)


def _has_next(answer: Json, received: int) -> bool:
    if "nextPage" in answer:
        return bool(answer["nextPage"])
    return received >= SHAPES[Endpoint.RUNS].limit
