"""How the source of a project stands: what the gateway goes by."""

from dataclasses import replace

import pytest
from source_world import http_source

from exporter.config import Config, Storage, Workspace
from exporter.facts import Project
from exporter.ledger import SourceState
from exporter.sources import SourceStatus, source_status

NOW_MS = 1_795_000_000_000
SOURCE = http_source(title="a*", every=300)
CONFIG = Config(workspaces=(Workspace(name="w", token_env="T"),), storage=Storage(url="sqlite://"), sources=(SOURCE,))
PROJECT = Project(project_id="p", title="abc")
KEY = SOURCE.key("p")
STATE = SourceState(key=KEY, digest="d", since_ms=NOW_MS - 10, began_ms=NOW_MS - 20, finished_ms=NOW_MS - 10)


def standing(state, *, project=PROJECT, now_ms=NOW_MS):
    return source_status(CONFIG, "w", project, {} if state is None else {KEY: state}, now_ms)


def test_a_project_without_a_source_has_none():
    assert standing(STATE, project=Project(project_id="p", title="b")) == SourceStatus()


def test_a_source_that_was_never_probed_is_unknown():
    assert standing(None) == SourceStatus(source=SOURCE, key=KEY)


def test_a_state_that_was_just_seen_is_known_and_fresh():
    assert standing(STATE) == SourceStatus(source=SOURCE, key=KEY, state=STATE, is_known=True, is_fresh=True)


@pytest.mark.parametrize(("age_ms", "is_fresh"), [(0, True), (300_000, True), (300_001, False), (-1, False)])
def test_a_state_is_fresh_as_long_as_its_probe_began_within_the_interval(age_ms, is_fresh):
    found = standing(replace(STATE, began_ms=NOW_MS - age_ms))

    assert (found.is_known, found.is_fresh) == (True, is_fresh)


def test_after_a_failed_probe_nothing_is_known_though_the_state_is_remembered():
    failed = replace(STATE, failure="gone", failed_ms=NOW_MS)

    assert standing(failed) == SourceStatus(source=SOURCE, key=KEY, state=failed)


def test_a_source_that_only_ever_failed_is_unknown():
    failed = SourceState(key=KEY, failure="gone", failed_ms=NOW_MS)

    assert standing(failed) == SourceStatus(source=SOURCE, key=KEY, state=failed)
