"""What a wrong file is refused with, word for word."""

import pytest

from exporter.config import Labels, Match, Team, Workspace
from exporter.errors import ConfigError

TOP = (
    "workspaces, storage, collect, week, budgets, teams, prices, compute, seats, labels, limits, sources, gateway, "
    "audit, ignore"
)
WHOLE = "a whole number from 1 to 1,000,000"
DURATION = "a duration such as 90s, 15m, 24h or 400d"
ZONE = "an IANA time zone such as Europe/Zurich"


class TestKeys:
    def test_an_unknown_key_is_told_with_the_nearest_known_one(self, mistakes):
        assert mistakes("limits: {}\nworkspace: []") == [
            f'hex.yml:2: found the unknown key "workspace", expected one of {TOP}; did you mean workspaces?'
        ]

    def test_an_unknown_key_that_resembles_none_is_told_without_a_guess(self, mistakes):
        assert mistakes("seats:\n  zzz: 1") == [
            'hex.yml:2: seats: found the unknown key "zzz", expected one of inactive_after, reviewed_on'
        ]

    @pytest.mark.parametrize("key", ["zzz", "on", "1", "2026-10-01", "1.5", "''"])
    def test_keys_that_are_no_settings_are_refused(self, mistakes, key):
        assert mistakes(f"{key}: 1") == [
            f'hex.yml:1: found the unknown key "{key.strip(chr(39))}", expected one of {TOP}'
        ]

    def test_a_key_given_twice_is_refused_with_both_lines(self, mistakes):
        assert mistakes("week: {}\nlimits: {}\nweek: {}") == [
            'hex.yml:3: found the key "week" again, expected it once; the first is in line 1'
        ]

    def test_a_key_given_twice_is_read_once(self, mistakes):
        assert mistakes("limits: {projects_with_series: 0}\nlimits: {projects_with_series: -1}") == [
            f"hex.yml:1: limits.projects_with_series: found 0, expected {WHOLE}",
            'hex.yml:2: found the key "limits" again, expected it once; the first is in line 1',
        ]

    def test_a_key_that_is_no_text_is_refused(self, mistakes):
        assert mistakes("? [a]\n: 1\n? {b: c}\n: 2") == [
            f"hex.yml:1: found a list as a key, expected one of {TOP}",
            f"hex.yml:3: found a mapping as a key, expected one of {TOP}",
        ]

    def test_the_merge_key_is_refused(self, mistakes):
        assert mistakes("collect:\n  <<: {runs: true}") == [
            "hex.yml:2: collect: found the merge key <<, expected the keys themselves"
        ]

    def test_a_huge_key_is_cut(self, mistakes):
        (mistake,) = mistakes(f"? {'k' * 100_000}\n: 1")

        assert len(mistake) < 250

    def test_a_key_that_a_terminal_cannot_show_is_escaped(self, mistakes):
        assert mistakes('"\\e[31m\\ud800": 1') == [
            f'hex.yml:1: found the unknown key "\\x1b[31m\\ud800", expected one of {TOP}'
        ]


class TestShapes:
    @pytest.mark.parametrize(
        ("text", "found"),
        [("- a", "a list"), ("hello", "text"), ("5", "a number"), ("yes", "a truth value"), ("2026-10-01", "a date"),
         ("1.5", "a number"), ("!thing {}", "the tag !thing"), ("!!set {a}", "the tag tag:yaml.org,2002:set")],
    )  # fmt: skip
    def test_the_top_is_a_mapping(self, mistakes, text, found):
        assert mistakes(text) == [f"hex.yml:1: found {found}, expected a mapping of {TOP}"]

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (
                "workspaces: {name: a}",
                "hex.yml:1: workspaces: found a mapping, expected a list of at least one mapping",
            ),
            ("workspaces: a", "hex.yml:1: workspaces: found text, expected a list of at least one mapping"),
            ("workspaces: []", "hex.yml:1: workspaces: found an empty list, expected a list of at least one mapping"),
            ("week: 5", "hex.yml:1: week: found a number, expected a mapping or a list of mappings"),
            ("teams: {}", "hex.yml:1: teams: found a mapping, expected a list of mappings"),
            ("teams: !x []", "hex.yml:1: teams: found the tag !x, expected a list of mappings"),
            ("teams: [~]", "hex.yml:1: teams[0]: found nothing, expected a mapping of name, match"),
            (
                "limits: [1]",
                "hex.yml:1: limits: found a list, expected a mapping of projects_with_series, connection_runs",
            ),
            ("storage: x.db", "hex.yml:1: storage: found text, expected a mapping of url, keep_runs"),
        ],
    )
    def test_mappings_and_lists_stand_where_they_belong(self, mistakes, text, expected):
        assert mistakes(text) == [expected]


class TestNumbers:
    @pytest.mark.parametrize(
        "written",
        ["0", "-1", "1000001", "9" * 5_000, "0x1F", "010", "0b1", "1:30", "1.0", "1e3", ".nan", ".inf", "yes", "true",
         "thirty", '"30"', "2026-10-01", "!!int abc", "!!int ''", "0b_"],
    )  # fmt: skip
    def test_a_count_is_a_decimal_whole_number_in_bounds(self, mistakes, written):
        (mistake,) = mistakes(f"limits: {{projects_with_series: {written}}}")

        assert mistake.startswith("hex.yml:1: limits.projects_with_series: found ")
        assert mistake.endswith(f", expected {WHOLE}")

    @pytest.mark.parametrize("key", ["per_minute", "per_hour"])
    def test_a_truth_value_is_no_number(self, mistakes, key):
        assert mistakes(f"workspaces:\n- rate_limit:\n    {key}: yes") == [
            f"hex.yml:3: workspaces[0].rate_limit.{key}: found yes, expected {WHOLE}"
        ]

    @pytest.mark.parametrize(
        "written",
        ["0", "0.0", "-0.5", "1.01", "50", ".nan", ".inf", "-.inf", "1:30.5", "1.0e-999", "yes", '"half"', '"0.5"'],
    )
    def test_a_share_is_above_0_and_at_most_1(self, mistakes, written):
        assert mistakes(f"workspaces: [{{rate_limit: {{share: {written}}}}}]") == [
            f"hex.yml:1: workspaces[0].rate_limit.share: found {written}, expected a number above 0 and at most 1"
        ]


class TestDurations:
    @pytest.mark.parametrize(
        ("written", "found"),
        [("90", "90"), ("1.5", "1.5"), ("forever", '"forever"'), ("5 m", '"5 m"'), ("-5m", '"-5m"'),
         ("1h30m", '"1h30m"'), ("1w", '"1w"'), ("٣m", '"٣m"'), ("yes", "yes"), ("[1d]", "a list"),
         ("!x 1d", "the tag !x")],
    )  # fmt: skip
    def test_are_a_whole_number_and_a_unit(self, mistakes, written, found):
        assert mistakes(f"storage: {{keep_runs: {written}}}") == [
            f"hex.yml:1: storage.keep_runs: found {found}, expected {DURATION}"
        ]

    @pytest.mark.parametrize("written", ["0s", "0d", "36501d", "999999999999d"])
    def test_are_positive_and_bounded(self, mistakes, written):
        assert mistakes(f"seats: {{inactive_after: {written}}}") == [
            f'hex.yml:1: seats.inactive_after: found "{written}", expected a duration from 1s to 36500d'
        ]


class TestText:
    @pytest.mark.parametrize("written", ["5", "1.5", "yes", "2026-10-01"])
    def test_a_name_that_yaml_reads_as_something_else_wants_quotes(self, mistakes, written):
        assert mistakes(f"workspaces: [{{name: {written}}}]") == [
            f"hex.yml:1: workspaces[0].name: found {written}, expected text; put it in quotes"
        ]

    @pytest.mark.parametrize(
        ("written", "found"),
        [("''", '""'), ("'  '", '"  "'), ("[a]", "a list"), ("{a: b}", "a mapping"), ("!x a", "the tag !x")],
    )
    def test_a_name_is_text_that_is_not_blank(self, mistakes, written, found):
        assert mistakes(f"workspaces: [{{name: {written}}}]") == [
            f"hex.yml:1: workspaces[0].name: found {found}, expected text that is not blank"
        ]

    @pytest.mark.parametrize("escape", ["\\n", "\\0", "\\x7f", "\\ud800"])
    def test_control_characters_and_lone_surrogates_are_refused(self, mistakes, escape):
        (mistake,) = mistakes(f'workspaces: [{{name: "a{escape}"}}]')

        assert mistake.endswith(", expected text without control characters")
        assert mistake.isprintable()

    def test_a_second_workspace_of_a_name_is_refused(self, mistakes):
        text = "workspaces:\n- {name: acme, token_env: A}\n- {name: labs, token_env: B}\n- {name: acme, token_env: C}"

        assert mistakes(text) == [
            'hex.yml:4: workspaces[2]: found a second workspace "acme", expected a name of its own; '
            "the first is in line 2"
        ]

    def test_two_workspaces_without_a_name_share_the_default_one(self, mistakes):
        assert mistakes("workspaces:\n- {token_env: A}\n- {token_env: B}") == [
            'hex.yml:3: workspaces[1]: found a second workspace "default", expected a name of its own; '
            "the first is in line 2"
        ]

    def test_a_choice_is_one_of_its_words(self, mistakes):
        assert mistakes("labels: {owner: emial}\nweek:\n  starts: mondy") == [
            'hex.yml:1: labels.owner: found "emial", expected one of email, hash, none; did you mean email?',
            'hex.yml:3: week.starts: found "mondy", expected one of monday, tuesday, wednesday, thursday, friday, '
            "saturday, sunday; did you mean monday?",
        ]

    @pytest.mark.parametrize("written", ["1", "yes"])
    def test_a_choice_is_no_number_and_no_truth_value(self, mistakes, written):
        assert mistakes(f"labels: {{owner: {written}}}") == [
            f"hex.yml:1: labels.owner: found {written}, expected one of email, hash, none"
        ]

    def test_hashed_owners_need_a_key(self, mistakes):
        assert mistakes("labels:\n  owner: hash") == [
            "hex.yml:2: labels: found owner: hash without a key, expected hash_key_file beside it"
        ]

    def test_a_key_that_was_given_wrongly_is_not_called_missing_too(self, mistakes):
        assert mistakes("labels: {owner: hash, hash_key_file: 5}") == [
            "hex.yml:1: labels.hash_key_file: found 5, expected text; put it in quotes"
        ]

    @pytest.mark.parametrize(
        "written", ["2026-13-01", "2026-10-1", "tomorrow", "20261001", "2026-10-01T10:00:00Z", "yes"]
    )
    def test_a_day_is_a_day(self, mistakes, written):
        (mistake,) = mistakes(f"seats: {{reviewed_on: {written}}}")

        assert mistake.startswith("hex.yml:1: seats.reviewed_on: found ")
        assert mistake.endswith(", expected a day such as 2026-10-01")

    @pytest.mark.parametrize(
        ("written", "found"), [("maybe", '"maybe"'), ("1", "1"), ('"yes"', '"yes"'), ("!!bool x", "x")]
    )
    def test_a_switch_is_a_truth_value(self, mistakes, written, found):
        assert mistakes(f"collect: {{runs: {written}, queried_tables: {written}}}") == [
            f"hex.yml:1: collect.runs: found {found}, expected true or false",
            f"hex.yml:1: collect.queried_tables: found {found}, expected auto, true or false",
        ]


class TestTimeZones:
    def test_an_unknown_one_is_told_with_the_nearest(self, mistakes):
        assert mistakes("week: {timezone: europe/zürich}") == [
            f'hex.yml:1: week.timezone: found "europe/zürich", expected {ZONE}; did you mean Europe/Zurich?'
        ]

    @pytest.mark.parametrize(
        "written", ["+02:00", "../../etc/passwd", "/etc/passwd", "Europe", '"\\0"', '"\\ud800"', "''", f"{'x' * 300}"]
    )
    def test_what_is_no_zone_is_refused(self, mistakes, written):
        (mistake,) = mistakes(f"week: {{timezone: {written}}}")

        assert f", expected {ZONE}" in mistake

    def test_a_number_is_no_zone(self, mistakes):
        assert mistakes("week: {timezone: 2}") == [f"hex.yml:1: week.timezone: found 2, expected {ZONE}"]


class TestTeams:
    def test_have_a_name_and_a_match(self, mistakes):
        assert mistakes("teams:\n- {}\n- name: a\n- match: {title: b}") == [
            "hex.yml:2: teams[0]: found no name and no match, expected a mapping of name, match",
            "hex.yml:3: teams[1]: found no match, expected a mapping of name, match",
            "hex.yml:4: teams[2]: found no name, expected a mapping of name, match",
        ]

    def test_a_name_given_wrongly_is_not_called_missing_too(self, mistakes):
        assert mistakes("teams: [{name: 5, match: {title: b}}]") == [
            "hex.yml:1: teams[0].name: found 5, expected text; put it in quotes"
        ]

    def test_a_match_without_patterns_is_refused(self, mistakes):
        assert mistakes("teams: [{name: a, match: {}}]") == [
            "hex.yml:1: teams[0]: found a match without patterns, expected one of workspace, project_id, title, owner, "
            "group, category, project_status, collection"
        ]


class TestTokens:
    def test_are_named_in_one_place(self, mistakes):
        assert mistakes("workspaces:\n- {token_file: a, token_env: B}") == [
            "hex.yml:2: workspaces[0]: found both token_file and token_env, expected one of them"
        ]

    def test_several_workspaces_name_a_token_each(self, mistakes):
        assert mistakes("workspaces:\n- {name: a, token_env: A}\n- {name: b}") == [
            "hex.yml:3: workspaces[1]: found no token_file and no token_env, expected one, "
            "as there are several workspaces"
        ]

    @pytest.mark.parametrize("written", ["9LIVES", "MY-TOKEN", "'A B'", "'A=b'", "''"])
    def test_a_variable_has_the_name_of_a_variable(self, mistakes, written):
        assert mistakes(f"workspaces: [{{token_env: {written}}}]") == [
            "hex.yml:1: workspaces[0].token_env: found text, expected the name of an environment variable"
        ]

    def test_a_token_in_the_place_of_its_name_is_refused(self, mistakes):
        assert mistakes("workspaces:\n- token_env: hxtw_0123abcd\n- token_file: hxtp_0123abcd") == [
            "hex.yml:2: workspaces[0].token_env: found a token, "
            "expected the name of the environment variable that has it",
            "hex.yml:3: workspaces[1].token_file: found a token, expected the path of the file that has it",
            'hex.yml:3: workspaces[1]: found a second workspace "default", expected a name of its own; '
            "the first is in line 2",
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
            "storage: {url: 'postgresql://user:SECRET@host/db'}",
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
        assert mistakes("limit: {}", environ={"HEX_BASE_URL": "http://hex.example"}) == [
            "HEX_BASE_URL: found http:// to the host hex.example, expected https://; "
            "plain http is for loopback hosts only",
            f'hex.yml:1: found the unknown key "limit", expected one of {TOP}; did you mean limits?',
        ]

    def test_problems_are_data_too(self, load):
        with pytest.raises(ConfigError) as caught:
            load("seats: 1")

        (problem,) = caught.value.problems
        assert problem.location == "hex.yml:1"
        assert problem.message == "seats: found a number, expected a mapping of inactive_after, reviewed_on"


class TestRecords:
    """What is impossible in a file is impossible in code."""

    def test_check_themselves(self):
        with pytest.raises(ValueError, match="both token_file and token_env"):
            Workspace(token_file="a", token_env="B")
        with pytest.raises(ValueError, match="without a key"):
            Labels(owner="hash")
        with pytest.raises(ValueError, match="without patterns"):
            Team(name="a", match=Match())
