"""Run requests: what is read, what a policy adds, and what no other run may answer."""

import json
from typing import Any

import pytest

from exporter.config import Match, Policy, Sample
from exporter.gateway.cache.run_request import BODY_LIMIT_BYTES, RunRequest, RunRequestError, parse_run

JSON = [(b"content-type", b"application/json")]
TRIAL = [(b"x-hex-trial", b"1")]
SAMPLE = Policy(
    match=Match(category="trials"), sample=Sample(header="X-Hex-Trial", parameter="sample_rows", value=1000)
)


def run(body: Any, headers: list[tuple[bytes, bytes]] = JSON) -> RunRequest:
    return parse_run(body if isinstance(body, bytes) else json.dumps(body).encode(), headers)


class TestBody:
    @pytest.mark.parametrize("body", [b"", b"  \r\n\t", b"{}", b" {} "])
    def test_nothing_said_is_an_empty_object(self, body: bytes) -> None:
        request = run(body)

        assert request.body == b"{}"
        assert request.bypass is None

    def test_what_was_said_is_sent_with_its_numbers_and_order(self) -> None:
        body = b'{"viewId":"v","inputParams":{"b":1.50,"a":1e400,"c":"\\u00e9"}}'

        assert run(body).body == body

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"[]",
            b"null",
            b"3",
            b'"x"',
            b"true",
            b"not json",
            b"a=b",
            b"\xef\xbb\xbf{}",
            b'{"a":NaN}',
            b'{"inputParams":{"a":1,"a":2}}',
            b'{"a":"\xff"}',
            b"[" * 100_000,
            b'{"inputParams":' + b'{"a":' * 100 + b"1" + b"}" * 101,
            b'{"inputParams":[]}',
            b'{"inputParams":"x"}',
            b'{"inputParams":false}',
            b"\x00",
            "{}".encode("utf-16"),
        ],
    )
    def test_what_is_no_object_with_one_reading_is_refused(self, body: bytes) -> None:
        with pytest.raises(RunRequestError, match="; send ") as refused:
            run(body)

        assert str(refused.value).startswith("found ")
        assert str(refused.value).isprintable()

    def test_a_mebibyte_is_read_and_a_byte_more_is_not(self) -> None:
        empty = len(b'{"viewId":""}')
        assert len(run({"viewId": "a" * (BODY_LIMIT_BYTES - empty - 1)}).body) == BODY_LIMIT_BYTES - 1
        with pytest.raises(RunRequestError, match="found a body of more than 1048576 bytes"):
            run(b" " * (BODY_LIMIT_BYTES + 1))

    @pytest.mark.parametrize(
        "headers",
        [
            [(b"content-encoding", b"gzip"), *JSON],
            [(b"content-type", b"text/plain")],
            [(b"content-type", b"application/x-www-form-urlencoded")],
            [(b"content-type", b"application/json; charset=utf-16")],
            [(b"content-type", b'application/json;x=y; Charset = "ISO-8859-1"')],
            [(b"content-type", b"multipart/form-data; boundary=application/json")],
            [*JSON, (b"Content-Type", b"application/json")],
        ],
    )
    def test_a_body_that_hex_might_read_otherwise_is_refused(self, headers: list[tuple[bytes, bytes]]) -> None:
        with pytest.raises(RunRequestError):
            run(b"{}", headers)

    @pytest.mark.parametrize(
        "headers",
        [
            [],
            [(b"Content-Type", b"application/json;charset=UTF-8")],
            [(b"content-type", b"Application/JSON"), (b"content-encoding", b"identity")],
            [(b"content-type", b"application/merge-patch+json")],
        ],
    )
    def test_json_by_its_type_or_without_one_is_read(self, headers: list[tuple[bytes, bytes]]) -> None:
        assert run(b'{"viewId":"v"}', headers).fields == {"viewId": "v"}

    def test_without_a_body_the_type_does_not_matter(self) -> None:
        assert run(b"", [(b"content-type", b"text/plain")]).fields == {}


class TestBypass:
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"inputParams": {"a": 1}},
            {"viewId": "v"},
            {"useCachedSqlResults": True},
            {"updatePublishedResults": True},
            {"updatePublishedResults": False},
            {"updateCache": False},
            {"dryRun": False},
            {"notifications": []},
        ],
    )
    def test_an_ordinary_request_can_be_answered_by_another_run(self, body: Any) -> None:
        assert run(body).bypass is None

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ({"useCachedSqlResults": False}, "useCachedSqlResults is not true"),
            ({"useCachedSqlResults": 0}, "useCachedSqlResults is not true"),
            ({"useCachedSqlResults": "false"}, "useCachedSqlResults is not true"),
            ({"useCachedSqlResults": None}, "useCachedSqlResults is not true"),
            ({"updateCache": True}, "updateCache is not false"),
            ({"updateCache": 1}, "updateCache is not false"),
            ({"updateCache": False, "updatePublishedResults": True}, "updateCache beside the fields that replace it"),
            ({"notifications": [{"type": "ALL"}]}, "notifications"),
            ({"notifications": {}}, "notifications"),
            ({"dryRun": True}, "dryRun"),
            ({"dryRun": "yes"}, "dryRun"),
            ({"inputparams": {}}, "unknown fields"),
            ({"": 1}, "unknown fields"),
        ],
    )
    def test_one_that_wants_something_of_its_own_runs(self, body: Any, reason: str) -> None:
        assert run(body).bypass == reason

    @pytest.mark.parametrize(
        ("value", "is_bypass"),
        [
            (b"no-cache", True),
            (b"No-Cache", True),
            (b"private, no-store", True),
            (b"max-age=0", True),
            (b"max-age=60", False),
            (b"no-transform", False),
            (b"x-no-cache", False),
            (b"", False),
        ],
    )
    def test_cache_control_leads_to_it(self, value: bytes, is_bypass: bool) -> None:
        assert (run({}, [*JSON, (b"Cache-Control", value)]).bypass == "Cache-Control") is is_bypass


class TestMeaning:
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"updateCache": False},
            {"updatePublishedResults": False, "useCachedSqlResults": True},
            {"inputParams": {}, "notifications": [], "dryRun": False},
        ],
    )
    def test_the_defaults_mean_nothing(self, body: Any) -> None:
        assert run(body).meaning == {}

    def test_the_old_field_means_the_two_new_ones(self) -> None:
        new = run({"updatePublishedResults": True, "useCachedSqlResults": False})

        assert run({"updateCache": True}).meaning == new.meaning
        assert new.meaning == {"updatePublishedResults": True, "useCachedSqlResults": False}
        assert run({"updateCache": True}).body == b'{"updateCache":true}'

    @pytest.mark.parametrize(
        "body",
        [
            {"updatePublishedResults": 0},
            {"useCachedSqlResults": 1},
            {"inputParams": None},
            {"viewId": None},
            {"updateCache": "false"},
            {"updateCache": False, "useCachedSqlResults": False},
        ],
    )
    def test_what_hex_may_read_otherwise_is_taken_as_it_came(self, body: Any) -> None:
        assert run(run(body).body).meaning == run(body).meaning != {}


class TestPolicy:
    def test_without_a_word_of_it_nothing_changes(self) -> None:
        request = run({"viewId": "v"})

        assert request.under(Policy(), JSON) == request

    def test_its_defaults_hold_where_the_caller_said_nothing(self) -> None:
        policy = Policy(update_published_results=True, use_cached_sql_results=False)

        assert json.loads(run({}).under(policy, JSON).body) == {
            "updatePublishedResults": True,
            "useCachedSqlResults": False,
        }
        said: dict[str, Any] = {"updatePublishedResults": False, "useCachedSqlResults": True}
        assert json.loads(run(said).under(policy, JSON).body) == said

    @pytest.mark.parametrize("old", [True, False])
    def test_the_old_field_says_both(self, old: bool) -> None:
        policy = Policy(update_published_results=not old, use_cached_sql_results=old)

        assert json.loads(run({"updateCache": old}).under(policy, JSON).body) == {"updateCache": old}

    def test_null_is_something_said(self) -> None:
        policy = Policy(update_published_results=True)

        assert json.loads(run({"updatePublishedResults": None}).under(policy, JSON).body) == {
            "updatePublishedResults": None
        }

    def test_a_default_of_the_policy_is_no_wish_of_the_caller(self) -> None:
        assert run({}).under(Policy(use_cached_sql_results=False), JSON).bypass is None
        assert run({"dryRun": True}).under(Policy(), JSON).bypass == "dryRun"


class TestSample:
    def test_a_trial_runs_with_the_parameter(self) -> None:
        request = run({"inputParams": {"day": "x", "sample_rows": 5}, "viewId": "v"}).under(SAMPLE, JSON + TRIAL)

        assert request.is_sampled
        assert json.loads(request.body) == {"inputParams": {"day": "x", "sample_rows": 1000}, "viewId": "v"}

    @pytest.mark.parametrize("body", [{}, {"inputParams": None}, {"inputParams": {}}])
    def test_it_needs_no_parameters_of_its_own(self, body: Any) -> None:
        assert json.loads(run(body).under(SAMPLE, TRIAL).body) == {"inputParams": {"sample_rows": 1000}}

    @pytest.mark.parametrize("value", [1.5, "1000", True, False])
    def test_the_value_is_sent_in_its_type(self, value: Any) -> None:
        sample = Sample(header="X-Hex-Trial", parameter="rows", value=value)
        request = run({}).under(Policy(match=Match(title="x"), sample=sample), TRIAL)

        assert json.loads(request.body)["inputParams"] == {"rows": value}

    @pytest.mark.parametrize(
        "headers",
        [
            [],
            [(b"x-hex-other", b"1")],
            [(b"x-hex-trial", b"")],
            [(b"x-hex-trial", b"false")],
            [(b"x-hex-trial", b" No ")],
            [(b"x-hex-trial", b"1"), (b"x-hex-trial", b"0")],
        ],
    )
    def test_without_the_mark_a_run_is_whole(self, headers: list[tuple[bytes, bytes]]) -> None:
        request = run({}).under(SAMPLE, headers)

        assert not request.is_sampled
        assert request.body == b"{}"

    def test_the_mark_means_nothing_where_no_policy_names_it(self) -> None:
        assert not run({}).under(Policy(), TRIAL).is_sampled

    @pytest.mark.parametrize("body", [{"updatePublishedResults": True}, {"updateCache": True}])
    def test_a_request_that_updates_the_published_results_is_no_trial(self, body: Any) -> None:
        """Hex would ignore its parameters and run whole."""
        request = run(body).under(SAMPLE, TRIAL)

        assert not request.is_sampled
        assert json.loads(request.body) == body

    def test_a_trial_never_updates_the_published_results_by_default(self) -> None:
        policy = Policy(match=SAMPLE.match, sample=SAMPLE.sample, update_published_results=True)

        assert "updatePublishedResults" not in json.loads(run({}).under(policy, TRIAL).body)
        assert json.loads(run({}).under(policy, JSON).body) == {"updatePublishedResults": True}

    def test_the_callers_own_request_is_not_changed(self) -> None:
        request = run({"inputParams": {"sample_rows": 5}})
        request.under(SAMPLE, TRIAL)

        assert json.loads(request.body) == {"inputParams": {"sample_rows": 5}}
