"""docs/gateway.md, "What the gateway promises, and what it does not": each sentence, and the tests that hold it.

A sentence that is changed, or has no test any more, fails here: change the tests first.
"""

import asyncio
import re
from pathlib import Path

import pytest
from gateway_world import ALICE, World, bearer, cache, completed, file_source, play
from helpers.running import ROOT

from exporter.config import Policy
from exporter.ledger import KEEP_KEYS_MS
from exporter.simulator import Fault

pytestmark = pytest.mark.usefixtures("all_runs_complete")

SOURCE = file_source(every_seconds=300)

TESTS: dict[str, tuple[str, ...]] = {
    "An answer is never a result that a run started when the request came would not have given.": (
        "gateway/model: test_with_a_source_no_answer_is_older_than_its_data",
        "gateway/model: test_without_a_source_only_a_run_of_just_now_is_joined",
        "gateway/airflow_dag: test_a_dag_is_never_green_with_old_figures",
    ),
    "`X-Hex-Exporter-Reason` says why each request was answered as it was, `hex-exporter gateway log` lists the last "
    "10,000, and `hex-exporter gateway explain PROJECT_ID --input region=north` says what would happen now.": (
        "gateway/decisions: test_each_run_request_leaves_one_row_and_its_answer_says_the_same",
        "cli/gateway: test_the_log_has_a_line_for_each_run_request",
        "cli/gateway: test_explain_says_what_would_happen_and_what_it_cannot_see",
        "ledger/gateway_runs: test_the_latest_are_kept_in_order",
    ),
    "A hit or a join rests on a probe of the source that began after the request came; where none ends within two "
    "seconds (`on_request`), a run starts.": (
        "gateway/fresh_answers: test_a_trigger_right_after_a_load_runs",
        "gateway/fresh_answers: test_nor_is_a_run_joined_that_was_sent_before_the_load",
        "gateway/fresh_answers: test_a_probe_that_takes_too_long_or_fails_vouches_for_nothing",
    ),
    "With `on_request: false` a change since the last probe (`every`) is not seen.": (
        "gateway/fresh_answers: test_switched_off_the_last_probe_is_enough",
    ),
    "What changed and changed back between two probes is never seen.": (
        "gateway/promises: test_what_changed_and_changed_back_between_two_probes_is_not_seen",
        "gateway/hits: test_a_source_that_changed_and_changed_back_runs_again",
    ),
    "A project whose published version writes to a database when it runs (a WRITEBACK cell) runs at each request, and "
    "so does one whose cells are not known yet, or that imports a component, whose cells Hex does not show.": (
        "gateway/writeback: test_a_project_that_writes_or_may_write_runs_each_time",
        "gateway/writeback: test_what_a_component_does_is_not_seen_and_may_be_a_write",
        "gateway/writeback: test_one_of_which_nothing_was_read_runs_while_it_may_be_read",
        "gateway/writeback: test_in_any_order_of_events_no_writeback_project_is_answered_without_a_run_of_its_own",
    ),
    "Once exports are refused, one whose last version that was read writes runs on each time.": (
        "gateway/writeback: test_one_that_wrote_when_it_was_read_last_runs_while_its_new_version_cannot_be_read",
        "gateway/writeback: test_what_is_known_to_write_runs_also_where_versions_are_read_no_more",
    ),
    "With `writeback: skip_ok` writes are not looked for, nor where the token may not export projects and "
    "`exports.paths` is not set.": (
        "gateway/writeback: test_a_policy_may_let_writes_be_left_out",
        "gateway/writeback: test_one_of_which_nothing_was_read_runs_while_it_may_be_read",
        "gateway/writeback: test_one_of_which_no_file_came_runs_while_files_are_looked_for",
    ),
    "Where only files show them, a clone that is behind shows an older version.": (
        "gateway/writeback: test_what_a_file_says_is_confirmed_by_hex_where_it_can_be",
    ),
    "SQL and code that write (`insert`, `to_sql`) are not seen: give such projects `max_age: 0s` and `join: never`.": (
        "gateway/promises: test_with_max_age_0s_no_result_is_ever_given",
        "gateway/join_policies: test_always_and_never",
    ),
    "A run is joined only if Hex has shown within two seconds that it is running, to this caller or another.": (
        "gateway/fresh_answers: test_a_run_that_has_ended_unseen_is_not_joined",
        "gateway/fresh_answers: test_its_state_is_read_with_the_token_of_the_request_and_not_twice_in_two_seconds",
        "gateway/fresh_answers: test_where_hex_does_not_say_that_it_is_running_another_run_starts",
    ),
    "Without a source a request joins a run that was sent up to 30 s before (`join_window`): where a load may end in "
    "that time, write `join: never`.": (
        "gateway/join_policies: test_without_a_source_only_a_request_soon_after_the_start_joins",
        "gateway/join_policies: test_always_and_never",
    ),
    "Files that are written again with the same content while a run reads them give no hit and no join.": (
        "gateway/fresh_answers: test_a_file_that_was_written_while_the_run_read_it_gives_no_hit",
        "gateway/fresh_answers: test_nor_one_that_was_written_at_some_time_since",
    ),
    "Databases and addresses show only what they hold.": (
        "gateway/promises: test_a_source_without_stamps_shows_only_what_it_holds",
    ),
    "A new published version is seen within ten seconds.": (
        "gateway/hits: test_a_version_published_after_the_first_look_runs_again",
        "gateway/authorizer: test_a_new_version_is_seen_by_way_of_the_listing",
    ),
    "Where the rate limit leaves no room to look, within a minute.": (
        "gateway/promises: test_a_new_version_is_seen_within_a_minute_while_hex_cannot_be_asked",
    ),
    "No result crosses midnight in `week.timezone`.": (
        "gateway/days_and_clocks: test_a_hit_crosses_no_midnight_unless_the_policy_says_so",
        "gateway/days_and_clocks: test_midnight_is_that_of_the_week",
        "gateway/days_and_clocks: test_no_join_crosses_it_either",
    ),
    'With `day_changes: false` it may, and "today" in it is a different day.': (
        "gateway/days_and_clocks: test_a_hit_crosses_no_midnight_unless_the_policy_says_so",
    ),
    "Notebooks that depend on the hour need a shorter `max_age`.": (
        "gateway/hits: test_a_result_older_than_max_age_is_not_given",
        "gateway/promises: test_with_max_age_0s_no_result_is_ever_given",
    ),
    "Whatever steps the clock makes, no hit is older than a change that was seen.": (
        "gateway/days_and_clocks: test_a_step_back_and_forward_hides_no_change",
        "gateway/days_and_clocks: test_nor_where_the_source_is_unknown_by_then",
        "gateway/hits: test_a_clock_that_was_put_gives_no_request_an_older_result",
    ),
    "`min_interval` answers whatever has changed, `unchanged_for` whatever was not seen to: they are yours to "
    "promise.": (
        "gateway/policies: test_min_interval_answers_whatever_the_source_says",
        "gateway/policies: test_unchanged_for_stands_in_for_a_source",
        "gateway/days_and_clocks: test_nor_where_the_source_is_unknown_by_then",
    ),
    "A different `?query` is a different request, and `no-cache` always runs.": (
        "gateway/fresh_answers: test_the_run_of_a_request_with_a_query_answers_no_plain_one",
        "gateway/fresh_answers: test_it_is_no_result_of_a_plain_request",
        "gateway/joins: test_a_request_for_a_run_of_its_own_gets_one",
    ),
    "The result of a `no-cache` run answers later requests: it is as good as any.": (
        "gateway/joins: test_a_run_that_was_requested_with_no_cache_answers_later_requests",
    ),
    "After a crash the run that was being started is looked for, in its project's runs, before the same request starts "
    "another.": (
        "gateway/crash: test_a_run_that_hex_has_started_is_found_and_not_sent_again",
        "gateway/crash: test_a_request_that_waits_for_it_is_given_it",
        "gateway/crash: test_its_result_is_a_hit",
    ),
    "Where neither the exporter nor that caller sees the project's runs, it is given up.": (
        "gateway/crash: test_a_project_whose_runs_are_not_read_is_given_up_after_an_hour",
        "gateway/faults: test_without_a_listing_it_is_free_after_half_a_minute_and_retry_after_says_so",
    ),
    "The same `Idempotency-Key` of the same caller is given the same run for a day, also with `no-cache`, also after "
    "its end or a crash; while the first request is open, the second waits with it.": (
        "gateway/idempotency: test_the_same_run_is_given_while_it_runs_after_its_end_and_after_a_restart",
        "gateway/idempotency: test_no_cache_repeated_while_hex_is_slow_makes_one_run",
        "gateway/idempotency: test_two_at_once_share_one_run",
        "gateway/promises: test_an_idempotency_key_is_another_after_a_day",
    ),
    "With another request it is a 422; while its run is in doubt, a 409 with `Retry-After`.": (
        "gateway/idempotency: test_a_key_with_another_request_is_refused",
        "gateway/idempotency: test_a_key_whose_run_is_in_doubt_waits_and_gets_it",
    ),
    "Without a ledger on disk no run starts: 503.": (
        "gateway/ledger_failures: test_without_a_durable_ledger_no_run_starts",
        "gateway/hex_refusals: test_a_ledger_that_cannot_be_written_starts_nothing",
    ),
    "Reads are forwarded meanwhile.": ("gateway/ledger_failures: test_without_a_durable_ledger_no_run_starts",),
}


def sentences() -> list[str]:
    """The sentences of the section, without its headings."""
    text = (ROOT / "docs" / "gateway.md").read_text("utf-8")
    section = text.partition("## What the gateway promises, and what it does not\n")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    prose = " ".join(line for line in section.splitlines() if line and not line.startswith("|"))
    cells = [cell.strip() for line in table[2:] for cell in line.strip("|").split("|")]
    return [sentence for part in (prose, *cells) for sentence in re.split(r"(?<=\.) (?=[A-Z`])", part)]


def test_every_sentence_is_held_by_tests() -> None:
    assert sentences() == list(TESTS)


@pytest.mark.parametrize("named", sorted({one for tests in TESTS.values() for one in tests}))
def test_every_test_that_holds_one_is_there(named: str) -> None:
    where, _, name = named.partition(": ")
    room, _, concept = where.partition("/")
    path = Path(ROOT) / "tests" / room / f"test_{room}_{concept}.py"
    assert re.search(rf"def {name}\(", path.read_text("utf-8")), path


@pytest.mark.slow
def test_what_changed_and_changed_back_between_two_probes_is_not_seen() -> None:
    async def story(world: World, project: str) -> None:
        key = SOURCE.key(project)
        world.data[key] = "state-1"
        await world.look(key)
        await completed(world, project)
        world.data[key] = "state-2"
        await asyncio.sleep(1)
        world.data[key] = "state-1"
        assert cache(await world.run(project)) == "hit"

    play(story, sources=(SOURCE,), has_monitor=True)


def test_a_source_without_stamps_shows_only_what_it_holds() -> None:
    async def story(world: World, project: str) -> None:
        key = SOURCE.key(project)
        world.data[key] = "three rows"  # and no stamp of when they were written, as a query or an address gives none
        await world.look(key)
        await completed(world, project)
        await world.look(key)
        assert cache(await world.run(project)) == "hit"

    play(story, sources=(SOURCE,), has_monitor=True)


def test_a_new_version_is_seen_within_a_minute_while_hex_cannot_be_asked() -> None:
    async def story(world: World, project: str) -> None:
        world.probe(SOURCE, project, "state-1")
        await completed(world, project)
        assert cache(await world.run(project)) == "hit"
        published_ms = world.now_ms
        world.simulation.published_ms = lambda *_: published_ms  # type: ignore[method-assign]
        world.faults.add(Fault(kind="429", endpoint="users", count=1, retry_after=70))
        assert (await world.client.get("/api/v1/users", headers=bearer(ALICE))).status_code == 429
        await asyncio.sleep(30)
        assert cache(await world.run(project)) == "hit", "it is not seen yet"
        await asyncio.sleep(30)
        assert cache(await world.run(project)) == "miss"

    play(story, sources=(SOURCE,))


@pytest.mark.parametrize("has_source", [True, False])
def test_with_max_age_0s_no_result_is_ever_given(has_source: bool) -> None:
    async def story(world: World, project: str) -> None:
        if has_source:
            world.probe(SOURCE, project, "state-1")
        for runs in range(1, 4):
            assert cache(await completed(world, project)) == "miss"
            assert world.started(project) == runs
        # Not even one that was sent in this very millisecond, and has ended.
        world.simulation._run_seconds = 0.0
        answers = [await world.run(project) for _ in range(3)]
        assert {cache(one) for one in answers} <= {"miss", "joined"}

    policy = Policy(max_age_seconds=0)
    play(story, sources=(SOURCE,) if has_source else (), policies=(policy,), run_seconds=0.5)


@pytest.mark.slow
def test_an_idempotency_key_is_another_after_a_day() -> None:
    async def story(world: World, project: str) -> None:
        async def run() -> str:
            answer = await world.run(project, Idempotency_Key='"load-7"', Cache_Control="no-cache")
            assert answer.status_code == 201, answer.text
            return str(answer.json()["runId"])

        first = await run()
        await world.clock.skip(KEEP_KEYS_MS / 1000 - 60)
        assert await run() == first
        await asyncio.sleep(120)
        assert await run() != first

    play(story, run_seconds=2)
