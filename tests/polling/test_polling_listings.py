"""Whole listings: all or nothing, whatever ends the reading."""

import asyncio

import httpx
import pytest

HOUR = 3600


def go(following, seconds: float) -> None:
    asyncio.run(following.run_for(seconds))


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
