"""What a wrong file is refused for, and in which line. The sentences are in `test_config_messages.py`."""

import pytest

from exporter.config import Labels, Match, Team, Workspace
from exporter.errors import ConfigError


class TestKeys:
    def test_an_unknown_key_is_told_with_the_nearest_known_one(self, places):
        assert places("limits: {}\nworkspace: []") == ["2:"]

    def test_an_unknown_key_that_resembles_none_is_told_without_a_guess(self, places):
        assert places("seats:\n  zzz: 1") == ["2: seats"]

    @pytest.mark.parametrize("key", ["zzz", "on", "1", "2026-10-01", "1.5", "''"])
    def test_keys_that_are_no_settings_are_refused(self, places, key):
        assert places(f"{key}: 1") == ["1:"]

    def test_a_key_given_twice_is_refused_with_both_lines(self, places):
        assert places("week: {}\nlimits: {}\nweek: {}") == ["3:"]

    def test_a_key_given_twice_is_read_once(self, places):
        assert places("limits: {projects_with_series: 0}\nlimits: {projects_with_series: -1}") == [
            "1: limits.projects_with_series",
            "2:",
        ]

    def test_a_key_that_is_no_text_is_refused(self, places):
        assert places("? [a]\n: 1\n? {b: c}\n: 2") == ["1:", "3:"]

    def test_the_merge_key_is_refused(self, places):
        assert places("collect:\n  <<: {runs: true}") == ["2: collect"]

    def test_a_huge_key_is_cut(self, mistakes):
        (mistake,) = mistakes(f"? {'k' * 100_000}\n: 1")

        assert 10 < mistake.count("k") < 100

    def test_a_key_that_a_terminal_cannot_show_is_escaped(self, mistakes):
        (mistake,) = mistakes('"\\e[31m\\ud800": 1')

        assert '"\\x1b[31m\\ud800"' in mistake


class TestShapes:
    @pytest.mark.parametrize(
        ("text", "found"),
        [("- a", "a list"), ("hello", "text"), ("5", "a number"), ("yes", "a truth value"), ("2026-10-01", "a date"),
         ("1.5", "a number"), ("!thing {}", "the tag !thing"), ("!!set {a}", "the tag tag:yaml.org,2002:set")],
    )  # fmt: skip
    def test_the_top_is_a_mapping(self, mistakes, text, found):
        (mistake,) = mistakes(text)

        assert mistake.startswith(f"hex.yml:1: {found} is not valid; ")

    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ("workspaces: {name: a}", "workspaces"),
            ("workspaces: a", "workspaces"),
            ("workspaces: []", "workspaces"),
            ("week: 5", "week"),
            ("teams: {}", "teams"),
            ("teams: !x []", "teams"),
            ("teams: [~]", "teams[0]"),
            ("limits: [1]", "limits"),
            ("storage: x.db", "storage"),
        ],
    )
    def test_mappings_and_lists_stand_where_they_belong(self, places, text, key):
        assert places(text) == [f"1: {key}"]


class TestNumbers:
    @pytest.mark.parametrize(
        "written",
        ["0", "-1", "1000001", "9" * 5_000, "0x1F", "010", "0b1", "1:30", "1.0", "1e3", ".nan", ".inf", "yes", "true",
         "thirty", '"30"', "2026-10-01", "!!int abc", "!!int ''", "0b_"],
    )  # fmt: skip
    def test_a_count_is_a_decimal_whole_number_in_bounds(self, places, written):
        assert places(f"limits: {{projects_with_series: {written}}}") == ["1: limits.projects_with_series"]

    @pytest.mark.parametrize("key", ["per_minute", "per_hour"])
    def test_a_truth_value_is_no_number(self, places, key):
        assert places(f"workspaces:\n- rate_limit:\n    {key}: yes") == [f"3: workspaces[0].rate_limit.{key}"]

    @pytest.mark.parametrize(
        "written",
        ["0", "0.0", "-0.5", "1.01", "50", ".nan", ".inf", "-.inf", "1:30.5", "1.0e-999", "yes", '"half"', '"0.5"'],
    )
    def test_a_share_is_above_0_and_at_most_1(self, places, written):
        assert places(f"workspaces: [{{rate_limit: {{share: {written}}}}}]") == ["1: workspaces[0].rate_limit.share"]


class TestDurations:
    @pytest.mark.parametrize(
        ("written", "found"),
        [("90", "90"), ("1.5", "1.5"), ("forever", '"forever"'), ("5 m", '"5 m"'), ("-5m", '"-5m"'),
         ("1h30m", '"1h30m"'), ("1w", '"1w"'), ("٣m", '"٣m"'), ("yes", "yes"), ("[1d]", "a list"),
         ("!x 1d", "the tag !x")],
    )  # fmt: skip
    def test_are_a_whole_number_and_a_unit(self, mistakes, written, found):
        for mistake in mistakes(f"storage: {{keep_runs: {written}}}"):
            assert f": {found} is not valid; " in mistake

    @pytest.mark.parametrize("written", ["0s", "0d", "36501d", "999999999999d"])
    def test_are_positive_and_bounded(self, places, written):
        assert places(f"seats: {{inactive_after: {written}}}") == ["1: seats.inactive_after"]


class TestText:
    @pytest.mark.parametrize("written", ["5", "1.5", "yes", "2026-10-01"])
    def test_a_name_that_yaml_reads_as_something_else_wants_quotes(self, places, written):
        assert places(f"workspaces: [{{name: {written}}}]") == ["1: workspaces[0].name"]

    @pytest.mark.parametrize(
        ("written", "found"),
        [("''", '""'), ("'  '", '"  "'), ("[a]", "a list"), ("{a: b}", "a mapping"), ("!x a", "the tag !x")],
    )
    def test_a_name_is_text_that_is_not_blank(self, mistakes, written, found):
        for mistake in mistakes(f"workspaces: [{{name: {written}}}]"):
            assert f": {found} is not valid; " in mistake

    @pytest.mark.parametrize("escape", ["\\n", "\\0", "\\x7f", "\\ud800"])
    def test_control_characters_and_lone_surrogates_are_refused(self, mistakes, escape):
        (mistake,) = mistakes(f'workspaces: [{{name: "a{escape}"}}]')

        assert mistake.startswith("hex.yml:1: workspaces[0].name: ")
        assert mistake.isprintable()

    def test_a_second_workspace_of_a_name_is_refused(self, places):
        text = "workspaces:\n- {name: acme, token_env: A}\n- {name: labs, token_env: B}\n- {name: acme, token_env: C}"

        assert places(text) == ["4: workspaces[2]"]

    def test_two_workspaces_without_a_name_share_the_default_one(self, places):
        assert places("workspaces:\n- {token_env: A}\n- {token_env: B}") == ["3: workspaces[1]"]

    def test_a_choice_is_one_of_its_words(self, places):
        assert places("labels: {owner: emial}\nweek:\n  starts: mondy") == ["1: labels.owner", "3: week.starts"]

    @pytest.mark.parametrize("written", ["1", "yes"])
    def test_a_choice_is_no_number_and_no_truth_value(self, places, written):
        assert places(f"labels: {{owner: {written}}}") == ["1: labels.owner"]

    def test_hashed_owners_need_a_key(self, places):
        assert places("labels:\n  owner: hash") == ["2: labels"]

    def test_a_key_that_was_given_wrongly_is_not_called_missing_too(self, places):
        assert places("labels: {owner: hash, hash_key_file: 5}") == ["1: labels.hash_key_file"]

    @pytest.mark.parametrize(
        "written", ["2026-13-01", "2026-10-1", "tomorrow", "20261001", "2026-10-01T10:00:00Z", "yes"]
    )
    def test_a_day_is_a_day(self, places, written):
        assert places(f"seats: {{reviewed_on: {written}}}") == ["1: seats.reviewed_on"]

    @pytest.mark.parametrize(
        ("written", "found"), [("maybe", '"maybe"'), ("1", "1"), ('"yes"', '"yes"'), ("!!bool x", "x")]
    )
    def test_a_switch_is_a_truth_value(self, mistakes, written, found):
        for mistake in mistakes(f"collect: {{runs: {written}, queried_tables: {written}}}"):
            assert f": {found} is not valid; " in mistake


class TestTimeZones:
    def test_an_unknown_one_is_told_with_the_nearest(self, places):
        assert places("week: {timezone: europe/zürich}") == ["1: week.timezone"]

    @pytest.mark.parametrize(
        "written", ["+02:00", "../../etc/passwd", "/etc/passwd", "Europe", '"\\0"', '"\\ud800"', "''", f"{'x' * 300}"]
    )
    def test_what_is_no_zone_is_refused(self, places, written):
        assert places(f"week: {{timezone: {written}}}") == ["1: week.timezone"]

    def test_a_number_is_no_zone(self, places):
        assert places("week: {timezone: 2}") == ["1: week.timezone"]


class TestTeams:
    def test_have_a_name_and_a_match(self, places):
        assert places("teams:\n- {}\n- name: a\n- match: {title: b}") == ["2: teams[0]", "3: teams[1]", "4: teams[2]"]

    def test_a_name_given_wrongly_is_not_called_missing_too(self, places):
        assert places("teams: [{name: 5, match: {title: b}}]") == ["1: teams[0].name"]

    def test_a_match_without_patterns_is_refused(self, places):
        assert places("teams: [{name: a, match: {}}]") == ["1: teams[0]"]


class TestTokens:
    def test_are_named_in_one_place(self, places):
        assert places("workspaces:\n- {token_file: a, token_env: B}") == ["2: workspaces[0]"]

    def test_several_workspaces_name_a_token_each(self, places):
        assert places("workspaces:\n- {name: a, token_env: A}\n- {name: b}") == ["3: workspaces[1]"]

    @pytest.mark.parametrize("written", ["9LIVES", "MY-TOKEN", "'A B'", "'A=b'", "''"])
    def test_a_variable_has_the_name_of_a_variable(self, places, written):
        assert places(f"workspaces: [{{token_env: {written}}}]") == ["1: workspaces[0].token_env"]

    def test_a_token_in_the_place_of_its_name_is_refused(self, places):
        assert places("workspaces:\n- token_env: hxtw_0123abcd\n- token_file: hxtp_0123abcd") == [
            "2: workspaces[0].token_env",
            "3: workspaces[1].token_file",
            "3: workspaces[1]",
        ]

    @pytest.mark.parametrize(
        "text",
        [
            "workspaces: [{token: SECRET}]",
            "SECRET: 1",
            "? SECRET",
            "workspaces: SECRET",
            "workspaces: [SECRET]",
            "workspaces: [{name: [SECRET], rate_limit: SECRET}]",
            "workspaces: [{rate_limit: {share: SECRET, per_hour: SECRET}}]",
            "workspaces: [{base_url: SECRET}]",
            "workspaces: [{base_url: 'https://SECRET@app.hex.tech'}]",
            "workspaces: [{base_url: 'https://app.hex.tech?token=SECRET'}]",
            "workspaces: [{token_env: ' SECRET'}]",
            "storage: {url: 'postgresql://user:SECRET @host/db'}",
            "storage: {url: 'mysql://user:SECRET@host/db'}",
            "storage: {keep_runs: SECRET}",
            "collect: {runs: SECRET, queried_tables: SECRET}",
            "week: {timezone: SECRET, starts: SECRET}",
            "a: *SECRET",
            "a: &SECRET &SECRET b",
            "a: 'SECRET",
            "a: !SECRET b",
            "SECRET: 1\nSECRET: 2",
            "SECRET",
            "a: b: SECRET",
        ],
    )
    def test_no_message_repeats_a_token(self, mistakes, text):
        secret = "hxtw_" + "0123456789abcdef" * 6

        assert "0123456789" not in "".join(mistakes(text.replace("SECRET", secret)))


class TestAllAtOnce:
    def test_every_mistake_is_told_in_the_order_of_lines(self, mistakes):
        text = """\
limits: {projects_with_series: none}
workspaces:
  - base_url: http://hex.example
    rate_limit: {per_minut: 1, share: 2}
  - base_url: https://eu.hex.tech
    name: 7
storage: {keep_runs: long}
week:
  - {starts: someday}
  - 5
"""

        lines = [mistake.split(": ")[0] for mistake in mistakes(text)]

        assert lines == [f"hex.yml:{line}" for line in (1, 3, 3, 4, 4, 5, 5, 6, 7, 9, 10)]

    def test_a_wrong_variable_is_told_with_the_mistakes_of_the_file(self, mistakes):
        found = mistakes("limit: {}", environ={"HEX_BASE_URL": "http://hex.example"})

        assert [mistake.split(": ")[0] for mistake in found] == [
            "HEX_BASE_URL",
            "hex.yml:1",
        ]

    def test_problems_are_data_too(self, load):
        with pytest.raises(ConfigError) as caught:
            load("seats: 1")

        (problem,) = caught.value.problems
        assert problem.location == "hex.yml:1"
        assert problem.message == "seats: a number is not valid; write a mapping of inactive_after, reviewed_on"


class TestRecords:
    """What is impossible in a file is impossible in code."""

    def test_check_themselves(self):
        with pytest.raises(ValueError, match="both token_file and token_env"):
            Workspace(token_file="a", token_env="B")
        with pytest.raises(ValueError, match="needs a key"):
            Labels(owner="hash")
        with pytest.raises(ValueError, match="no pattern"):
            Team(name="a", match=Match())
