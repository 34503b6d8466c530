"""Reading run histories: whatever the order, the overlap and the size of the pages."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.facts import Run
from exporter.hexapi import ApiRequest, Endpoint, Page
from exporter.ledger import ORDER_MARGIN_MS, RunProgress
from exporter.polling.history_reading import ALL_KNOWN_MS, HeadRead, extend_back, older_page

MINUTE_MS = 60_000
SENT = 1_000_000_000


def run(number: int, start_ms: int | None, status: str = "completed") -> Run:
    return Run(run_id=f"r{number}", project_id="p", status=status, start_ms=start_ms)


def history(count: int) -> list[Run]:
    """So many runs an hour apart, the newest first."""
    return [run(count - position, SENT - (position + 1) * 60 * MINUTE_MS) for position in range(count)]


def page_of(runs: list[Run], ask: ApiRequest, limit: int = 100) -> Page:
    shown = runs[ask.offset : ask.offset + limit]
    return Page(request=ask, items=tuple(shown), has_more=ask.offset + limit < len(runs), sent_ms=SENT)


def read(runs: list[Run], progress: RunProgress, active=(), limit: int = 100) -> tuple[HeadRead, set[str], int]:
    reading = HeadRead("p", progress, active)
    seen: set[str] = set()
    pages = 0
    while reading.next is not None:
        page = page_of(runs, reading.next, limit)
        seen |= {one.run_id for one in page.only(Run)}
        reading.add(page, SENT)
        pages += 1
        assert pages < 1000
    return reading, seen, pages


def test_first_contact_reads_the_newest_page_alone():
    reading, _, pages = read(history(250), RunProgress())

    progress = reading.progress()
    assert pages == 1
    assert progress.known_until_ms == SENT
    assert progress.known_from_ms == history(250)[99].start_ms + 1


def test_short_history_is_all_known_at_once():
    reading, _, _ = read(history(7), RunProgress())

    assert reading.progress().known_from_ms == ALL_KNOWN_MS


def test_project_without_runs_is_all_known():
    reading, _, _ = read([], RunProgress())

    assert reading.progress().known_from_ms == ALL_KNOWN_MS
    assert reading.progress().known_until_ms == SENT


def test_the_past_goes_on_behind_the_newest_page_where_all_that_was_known_has_been_deleted():
    known = RunProgress(known_until_ms=SENT - 1, known_from_ms=SENT - 30 * MINUTE_MS)

    reading, _, _ = read(history(250), known)

    assert reading.progress().known_from_ms == history(250)[99].start_ms + 1


def test_an_empty_page_behind_the_end_does_not_say_that_all_is_known():
    known = RunProgress(known_until_ms=SENT, known_from_ms=SENT - 90 * MINUTE_MS)

    assert extend_back(known, page_of(history(50), older_page("p", 60))) is None


def test_read_goes_on_until_it_joins_what_is_known():
    known = RunProgress(known_until_ms=SENT - 150 * 60 * MINUTE_MS, known_from_ms=1)

    reading, seen, pages = read(history(1000), known)

    assert pages == 2
    assert seen >= {one.run_id for one in history(1000)[:151]}
    assert reading.progress().known_from_ms == 1


def test_active_run_far_down_is_followed():
    known = RunProgress(known_until_ms=SENT - MINUTE_MS, known_from_ms=0)
    stuck = history(500)[320].run_id

    _, seen, pages = read(history(500), known, active={stuck})

    assert stuck in seen
    assert pages == 4


def test_active_run_that_is_no_longer_listed_is_gone_once_the_end_was_read():
    known = RunProgress(known_until_ms=SENT - MINUTE_MS, known_from_ms=0)

    reading, _, _ = read(history(150), known, active={"vanished"})

    assert reading.gone_run_ids == {"vanished"}


def test_listing_that_does_not_fall_is_read_to_its_end():
    ascending = list(reversed(history(350)))

    reading, seen, _ = read(ascending, RunProgress())

    assert len(seen) == 350
    assert reading.progress().known_from_ms == ALL_KNOWN_MS
    assert reading.progress().disorder_ms == 349 * 60 * MINUTE_MS


def test_once_it_is_known_how_far_the_disorder_reaches_a_read_goes_that_far_and_no_further():
    runs = history(500)
    runs = [one for pair in zip(runs[1::2], runs[::2], strict=True) for one in pair]
    first, _, pages = read(runs, RunProgress())
    assert pages == 6
    assert first.progress().disorder_ms == 60 * MINUTE_MS

    known = replace(first.progress(), known_until_ms=SENT - 20 * 60 * MINUTE_MS)
    again, seen, pages = read(runs, known)

    assert pages == 1
    assert seen >= {one.run_id for one in history(500)[:20]}
    assert not again.progress().is_unordered


def test_a_read_that_is_cut_off_claims_only_what_it_saw_without_a_gap():
    known = RunProgress(known_until_ms=SENT - 290 * 60 * MINUTE_MS, known_from_ms=0)
    reading = HeadRead("p", known, {"active"})
    reading.add(page_of(history(300), reading.next), SENT)

    assert reading.cut_off()

    assert reading.progress().known_until_ms == SENT
    assert reading.progress().known_from_ms == history(300)[99].start_ms + 1
    assert reading.gone_run_ids == {"active"}


def test_a_read_that_has_joined_what_is_known_loses_nothing_when_it_is_cut_off():
    known = RunProgress(known_until_ms=SENT - 20 * 60 * MINUTE_MS, known_from_ms=0)
    reading = HeadRead("p", known, {"active"})
    reading.add(page_of(history(300), reading.next), SENT)

    assert reading.cut_off()
    assert reading.progress().known_from_ms == 0


def test_nothing_follows_from_a_read_whose_order_cannot_be_trusted_when_it_is_cut_off():
    reading = HeadRead("p", RunProgress(), ())
    reading.add(page_of(list(reversed(history(300))), reading.next), SENT)

    assert not reading.cut_off()
    assert reading.flaw is not None


def test_run_that_waited_for_its_kernel_does_not_count_as_disorder():
    runs = history(250)
    runs[5] = replace(runs[5], start_ms=(runs[4].start_ms or 0) + ORDER_MARGIN_MS)

    _, _, pages = read(runs, RunProgress())

    assert pages == 1


def test_server_that_ignores_the_offset_ends():
    reading = HeadRead("p", RunProgress(known_until_ms=1, known_from_ms=0), ())
    pages = 0
    while reading.next is not None:
        page = Page(request=reading.next, items=tuple(history(100)), has_more=True, sent_ms=SENT)
        reading.add(page, SENT)
        pages += 1

    assert pages < 6


def test_runs_that_vanish_between_two_pages_hide_no_others():
    runs = history(300)
    known = RunProgress(known_until_ms=SENT - 290 * 60 * MINUTE_MS, known_from_ms=0)
    reading = HeadRead("p", known, ())
    seen: set[str] = set()
    first = True
    while reading.next is not None:
        page = page_of(runs, reading.next)
        seen |= {one.run_id for one in page.only(Run)}
        reading.add(page, SENT)
        if first:
            del runs[:5]
            first = False

    assert seen >= {one.run_id for one in runs}


@settings(max_examples=100, deadline=None)
@given(
    count=st.integers(0, 120),
    limit=st.integers(10, 30),
    known=st.integers(0, 120),
    arrivals=st.lists(st.integers(0, 3), max_size=30),
)
def test_no_run_that_was_there_at_the_start_is_missed_while_new_ones_arrive(count, limit, known, arrivals):
    runs = history(count)
    progress = RunProgress(known_until_ms=SENT - known * 60 * MINUTE_MS, known_from_ms=0)
    wanted = {one.run_id for one in runs if (one.start_ms or 0) >= (progress.known_until_ms or 0)}
    reading = HeadRead("p", progress, ())
    seen: set[str] = set()
    for step in range(500):
        if reading.next is None:
            break
        page = page_of(runs, reading.next, limit)
        seen |= {one.run_id for one in page.only(Run)}
        reading.add(page, SENT)
        for new in range(arrivals[step] if step < len(arrivals) else 0):
            runs.insert(0, run(100_000 + step * 10 + new, SENT + step * MINUTE_MS))

    assert reading.next is None
    assert wanted <= seen


def test_older_page_overlaps_what_is_known():
    assert older_page("p", 100) == ApiRequest(Endpoint.RUNS, "p", offset=97)
    assert older_page("p", 1) == ApiRequest(Endpoint.RUNS, "p", offset=0)


def test_older_page_joins_and_the_last_one_makes_all_known():
    runs = history(250)
    progress = read(runs, RunProgress())[0].progress()

    progress = extend_back(progress, page_of(runs, older_page("p", 100)))
    assert progress.known_from_ms == runs[196].start_ms + 1
    progress = extend_back(progress, page_of(runs, older_page("p", 197)))
    assert progress.known_from_ms == ALL_KNOWN_MS


def test_older_page_that_does_not_touch_what_is_known_is_not_joined():
    runs = history(400)
    progress = read(runs, RunProgress())[0].progress()

    assert extend_back(progress, page_of(runs, older_page("p", 200))) is None


def test_older_page_that_begins_in_the_millisecond_of_the_oldest_run_may_have_left_others_out_and_is_not_joined():
    """Nine runs started at once, three are known, and the page begins behind the sixth: those between are not known."""
    at_once = [run(number, SENT - 90 * MINUTE_MS) for number in range(9)]
    progress = RunProgress(known_from_ms=SENT - 90 * MINUTE_MS + 1)
    for behind in ([], history(300)[2:]):
        page = page_of([*at_once, *behind], ApiRequest(endpoint=Endpoint.RUNS, project_id="p", offset=6))

        joined = extend_back(progress, page)

        assert joined == replace(progress, is_unordered=True)


def test_older_page_in_disorder_makes_the_project_unordered():
    runs = history(250)
    progress = read(runs, RunProgress())[0].progress()
    runs[120:200] = reversed(runs[120:200])

    assert extend_back(progress, page_of(runs, older_page("p", 100))).is_unordered


def test_a_deep_read_goes_four_hours_behind_what_is_known():
    runs = [run(1000 - number, SENT - number * MINUTE_MS) for number in range(1000)]
    known = RunProgress(known_until_ms=SENT - MINUTE_MS, known_from_ms=0)

    _, shallow, pages = read(runs, known)
    deep = HeadRead("p", known, (), is_deep=True)
    while deep.next is not None:
        deep.add(page_of(runs, deep.next), SENT)

    assert (pages, len(shallow)) == (1, 100)
    assert len(deep._seen) > 4 * 60
    assert deep.progress() == replace(known, known_until_ms=SENT, last_read_ms=SENT)


def test_a_deep_read_leaves_the_past_that_is_not_known_to_those_who_read_it():
    runs = [run(1000 - number, SENT - number * MINUTE_MS) for number in range(1000)]
    known = RunProgress(known_until_ms=SENT - MINUTE_MS, known_from_ms=SENT - 90 * MINUTE_MS)

    deep = HeadRead("p", known, (), is_deep=True)
    deep.add(page_of(runs, deep.next), SENT)

    assert deep.next is None
    assert deep.progress().known_from_ms == runs[99].start_ms + 1
