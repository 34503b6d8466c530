"""Both ways in which Hex cuts a listing into pages: cursors everywhere, limit and offset for runs."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import TypeVar
from urllib.parse import urlencode

from exporter.simulator.query import Query
from exporter.simulator.refusals import RefusalError

Item = TypeVar("Item")

DEFAULT_LIMIT = 25
MOST = 100
"""The largest page, except of users and groups."""

MOST_PEOPLE = 500


def cursor_page(
    items: Sequence[Item],
    identify: Callable[[Item], str],
    render: Callable[[Item], dict[str, object]],
    query: Query,
    kinds: frozenset[str] = frozenset(),
    *,
    most: int = MOST,
    name: str = "values",
) -> dict[str, object]:
    """One page of a listing with cursors; `kinds` are the faults in force."""
    limit = query.number("limit", DEFAULT_LIMIT, 1, most)
    after, before = query.text("after"), query.text("before")
    if after and before:
        raise RefusalError(400, "Give after or before, not both")

    start = 0
    if after:
        start = _position(after, items, identify) + 1
    elif before:
        end = _position(before, items, identify)
        start, limit = max(0, end - limit), min(limit, end)
    if after and "shift" in kinds:
        # What one new item at the front does to the pages behind it.
        start = max(0, start - 1)

    page = items[start : start + limit]
    following = _cursor(start + len(page) - 1, identify(page[-1])) if start + limit < len(items) and page else None
    preceding = _cursor(start, identify(page[0])) if start > 0 and page else None
    if "loop" in kinds and page:
        following = after or following or _cursor(start + len(page) - 1, identify(page[-1]))
    return {name: [render(item) for item in page], "pagination": {"after": following, "before": preceding}}


def offset_page(
    items: Iterable[Item],
    render: Callable[[Item], dict[str, object]],
    query: Query,
    address: str,
    kinds: frozenset[str] = frozenset(),
) -> dict[str, object]:
    """One page of a listing with limit and offset; `address` is the listing's own URL without a query."""
    limit = query.number("limit", DEFAULT_LIMIT, 1, MOST)
    offset = query.number("offset", 0, 0)
    first = max(0, offset - 1) if "shift" in kinds else offset
    page = list(islice(items, first, first + limit + 1))

    filters = {name: value for name in ("statusFilter", "runTriggerFilter") if (value := query.text(name))}

    def link(at: int) -> str:
        return f"{address}?{urlencode({'limit': limit, 'offset': at, **filters})}"

    following = link(offset + limit) if len(page) > limit else None
    if "loop" in kinds:
        following = link(offset)
    return {
        "runs": [render(item) for item in page[:limit]],
        "nextPage": following,
        "previousPage": link(max(0, offset - limit)) if offset else None,
    }


def _cursor(position: int, item_id: str) -> str:
    return urlsafe_b64encode(f"{position}:{item_id}".encode()).decode().rstrip("=")


def _position(cursor: str, items: Sequence[Item], identify: Callable[[Item], str]) -> int:
    try:
        text = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        position, item_id = int(text.partition(":")[0]), text.partition(":")[2]
    except ValueError:
        raise RefusalError(400, "Invalid cursor") from None
    if 0 <= position < len(items) and identify(items[position]) == item_id:
        return position
    found = next((index for index, item in enumerate(items) if identify(item) == item_id), None)
    if found is None:
        raise RefusalError(400, "Invalid cursor")
    return found
