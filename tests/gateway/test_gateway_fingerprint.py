"""Fingerprints: the same for the same request however it is written, and for no other."""

import hashlib
import json
from decimal import Decimal
from typing import Any

import pytest
from helpers.sizes import size
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import Match, Policy, Sample
from exporter.gateway.cache.fingerprint import fingerprint, request_digest
from exporter.gateway.cache.run_request import RunRequest, parse_run

TRIAL = [(b"x-hex-trial", b"1")]
SAMPLE = Policy(match=Match(title="x"), sample=Sample(header="X-Hex-Trial", parameter="rows", value=1000))


def request(body: Any) -> RunRequest:
    return parse_run(body if isinstance(body, bytes) else json.dumps(body).encode(), [])


def digest(body: Any, project_id: str = "p", version: str = "1") -> str:
    return request_digest(project_id, version, request(body))


def test_it_is_the_same_in_every_process() -> None:
    """Runs in the ledger are found again after a restart and an upgrade."""
    made = fingerprint(request_digest("p", "7", request({"inputParams": {"a": [1, True, "é", None]}})), "state")

    requested = hashlib.sha256(rb'["request","p","7",false,{"inputParams":{"a":[1e0,true,"\u00e9",null]}}]').hexdigest()
    assert made == hashlib.sha256(f'["fingerprint","{requested}","state"]'.encode()).hexdigest()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"inputParams":{"a":1,"b":2}}', b'{ "inputParams" : {"b":2.0,"a":1e0} }'),
        (b'{"viewId":"v","inputParams":{"a":0}}', b'{"inputParams":{"a":-0.0},"viewId":"v"}'),
        (b'{"inputParams":{"a":1' + b"0" * 400 + b"}}", b'{"inputParams":{"a":1e400}}'),
        (b"", b'{"updateCache":false}'),
        (b"{}", b'{"useCachedSqlResults":true,"dryRun":false}'),
        (b'{"updateCache":true}', b'{"useCachedSqlResults":false,"updatePublishedResults":true}'),
    ],
)
def test_the_form_of_a_body_does_not_matter(one: bytes, other: bytes) -> None:
    assert digest(one) == digest(other)


def test_everything_that_changes_the_result_changes_the_fingerprint() -> None:
    bodies: list[Any] = [
        {},
        {"inputParams": {"a": 1}},
        {"inputParams": {"a": True}},
        {"inputParams": {"a": "1"}},
        {"inputParams": {"a": [1]}},
        {"inputParams": {"A": 1}},
        {"inputParams": {"a": 1, "b": 1}},
        {"inputParams": {"a": None}},
        {"inputParams": None},
        {"inputParams": {"a": "e\u0301"}},
        {"inputParams": {"a": "\u00e9"}},
        {"viewId": "a"},
        {"viewId": "b"},
        {"updatePublishedResults": True},
        {"useCachedSqlResults": False},
        {"updateCache": True},
        {"dryRun": True},
        {"notifications": [{"type": "ALL"}]},
        {"unknown": {}},
    ]
    digests = [
        digest(body, project, version) for body in bodies for project in ("p", "q") for version in ("1", "draft")
    ]

    assert len(set(digests)) == len(digests)


def test_a_trial_never_answers_for_a_full_run_nor_a_full_run_for_a_trial() -> None:
    full = request({"inputParams": {"rows": 1000}})
    trial = request({}).under(SAMPLE, TRIAL)

    assert trial.body == full.body
    assert request_digest("p", "1", trial) != request_digest("p", "1", full)
    assert request_digest("p", "1", trial) != digest({})


def test_the_policys_defaults_count_as_if_the_caller_had_said_them() -> None:
    policy = Policy(update_published_results=True)

    assert request_digest("p", "1", request({}).under(policy, [])) == digest({"updatePublishedResults": True})


def test_the_state_of_the_source_is_part_of_it_and_none_is_a_state_of_its_own() -> None:
    made = {fingerprint(digest({}), state) for state in (None, "", "null", "None", "a", "b")}

    assert len(made) == 6


PARTS = st.text(st.characters(), max_size=3) | st.sampled_from(['"', '","', "1", "p", "[", "\\"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2, width=16) | PARTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PARTS, inner, max_size=2),
    max_leaves=5,
)
REQUESTED = st.tuples(PARTS, PARTS, st.dictionaries(PARTS, VALUES, max_size=2))


@pytest.mark.slow
@given(one=REQUESTED, other=REQUESTED)
@settings(max_examples=size(100, 500), deadline=None)
def test_no_two_requests_share_one(one: tuple[str, str, Any], other: tuple[str, str, Any]) -> None:
    digests, meanings = zip(
        *(
            (digest({"inputParams": params}, project, version), (project, version, _typed(params)))
            for project, version, params in (one, other)
        ),
        strict=True,
    )

    assert (digests[0] == digests[1]) == (meanings[0] == meanings[1])


@pytest.mark.slow
@given(params=st.dictionaries(PARTS, VALUES, max_size=4), data=st.data())
@settings(max_examples=size(50, 300), deadline=None)
def test_the_order_of_keys_does_not_matter(params: dict[str, Any], data: st.DataObject) -> None:
    shuffled = dict(data.draw(st.permutations(list(params.items()))))

    assert digest({"viewId": "v", "inputParams": params}) == digest({"inputParams": shuffled, "viewId": "v"})


def _typed(value: Any) -> Any:
    """The value with types that Python distinguishes where JSON does."""
    if isinstance(value, dict):
        return {key: _typed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_typed(inner) for inner in value]
    return (
        ("number", Decimal(value))
        if isinstance(value, int | float) and not isinstance(value, bool)
        else (str(type(value)), value)
    )
