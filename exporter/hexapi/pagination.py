"""Several pages of one listing, read one after the other until there are no more: an end is always reached."""

from typing import TypeVar

from exporter.hexapi.endpoints import SHAPES, ApiRequest, Endpoint
from exporter.hexapi.item_parsing import Fact, key
from exporter.hexapi.pages import BadItem, Page

_Kind = TypeVar("_Kind")

_PAGES_LIMIT = 2000  # 200,000 items: beyond any workspace, and an end where cursors have none
_EMPTY_LIMIT = 10  # what a token may not see can leave some pages empty; a thousand items in a row are cursors for ever


class ListingWalk:
    """One reading of one listing, from its first page to its last.

    Fetch `next`, `add` the page, until `next` is None. Only a walk that `is_complete` has read the whole listing;
    otherwise `flaw` says in one phrase why it ended early. Not for use by several threads.
    """

    def __init__(self, endpoint: Endpoint, project_id: str | None = None) -> None:
        self.next: ApiRequest | None = ApiRequest(endpoint, project_id)
        self.flaw: str | None = None
        self.bad: tuple[BadItem, ...] = ()
        self._found: dict[tuple[str, ...], Fact] = {}
        self._cursors: set[str] = set()
        self._pages = 0
        self._empty_in_a_row = 0

    @property
    def is_complete(self) -> bool:
        """Whether the listing was read to its end."""
        return self.next is None and self.flaw is None

    @property
    def items(self) -> tuple[Fact, ...]:
        """What has been found, each thing once, as it was seen last, in the order of first sight."""
        return tuple(self._found.values())

    def only(self, kind: type[_Kind]) -> tuple[_Kind, ...]:
        """The items of one kind of fact, for callers that know what they requested."""
        return tuple(item for item in self._found.values() if isinstance(item, kind))

    def add(self, page: Page) -> None:
        """Take the answer to `next` in; ValueError if it answers something else."""
        if page.request != self.next:
            raise ValueError(f"the page of {page.request} was added where {self.next} was expected")
        known = len(self._found)
        self._found.update((key(item), item) for item in page.items)
        self.bad += page.bad
        self._pages += 1
        self._empty_in_a_row = 0 if page.size else self._empty_in_a_row + 1
        self.next = None
        if page.has_more:
            self.flaw = self._loop(page, is_new=len(self._found) > known or bool(page.bad) or not page.size)
            if self.flaw is None:
                self.next = self._following(page)

    def _loop(self, page: Page, *, is_new: bool) -> str | None:
        if page.after in self._cursors:
            return "a cursor came twice"
        if not is_new:
            return "a page brought nothing new, yet said that more follows"
        if self._empty_in_a_row >= _EMPTY_LIMIT:
            return f"{_EMPTY_LIMIT} empty pages in a row, yet the last said that more follows"
        if self._pages >= _PAGES_LIMIT:
            return f"more than {_PAGES_LIMIT} pages"
        return None

    def _following(self, page: Page) -> ApiRequest:
        if page.after is not None:
            self._cursors.add(page.after)
        endpoint = page.request.endpoint
        # An empty page leaves open how many it passed over: as many as it could have held.
        offset = page.request.offset + (page.size or SHAPES[endpoint].limit) if endpoint is Endpoint.RUNS else 0
        return ApiRequest(endpoint, page.request.project_id, page.after, offset)
