"""Whole listings: all or nothing, whatever ends the reading."""

import httpx
import pytest
from helpers.following import go

HOUR = 3600


def page(*ids: str, after: str | None = None) -> httpx.Response:
    values = [{"id": one, "title": one, "lastPublishedAt": None} for one in ids]
    return httpx.Response(200, json={"values": values, "pagination": {"after": after}})


def looping(request: httpx.Request) -> httpx.Response:
    """A cursor that leads to itself: the pages never end."""
    return page("a", after="c1") if request.url.params.get("after") is None else page("b", after="c1")


def nothing_new(request: httpx.Request) -> httpx.Response:
    """The same page under ever new cursors."""
    number = int((request.url.params.get("after") or "c0").removeprefix("c"))
    return page("a", after=f"c{number + 1}")


@pytest.mark.slow
@pytest.mark.parametrize("answer", [looping, nothing_new], ids=lambda one: one.__name__)
def test_a_listing_that_was_not_read_to_its_end_changes_nothing(hand_made, follow, answer):
    for project_id in ("a", "b", "c"):
        hand_made.add_project(project_id)
    following = follow(hand_made.transport)
    go(following, HOUR / 2)
    hand_made.answers["projects"] = answer

    go(following, HOUR)

    assert {one.project.project_id for one in following.known.projects()} == {"a", "b", "c"}
    assert not following.known.collectors()["projects"].success


@pytest.mark.parametrize("answer", [looping, nothing_new], ids=lambda one: one.__name__)
def test_half_of_a_first_listing_is_not_published(hand_made, follow, answer):
    hand_made.answers["projects"] = answer
    following = follow(hand_made.transport)

    go(following, HOUR / 2)

    assert following.known.projects() == ()
    assert not following.known.collectors()["projects"].success


def test_threads_are_as_old_as_their_first_page(hand_made, follow):
    """The last page comes minutes after the first: what a thread grew by meanwhile belongs to the next look."""

    def answer(request: httpx.Request) -> httpx.Response:
        after = request.url.params.get("after")
        number = 0 if after is None else int(after)
        threads = [{"id": f"t{number}", "createdAt": "2026-01-01T00:00:00Z", "creditsUsed": 1}]
        return httpx.Response(
            200, json={"threads": threads, "pagination": {"after": str(number + 1) if number < 40 else None}}
        )

    hand_made.answers["threads"] = answer
    following = follow(hand_made.transport)
    go(following, HOUR)

    sent = [at for at, path in hand_made.requests if path == "threads"]
    listing = following.known.listing("threads")
    assert len(listing.items) == 41
    age = min(abs(listing.at_ms / 1000 - at) for at in sent[::41])
    assert age < 5 < sent[40] - sent[0]
