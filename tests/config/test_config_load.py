"""What a right file, or none, is loaded as."""

from datetime import date

import msgspec
import pytest

from exporter.config import (
    Collect,
    Config,
    Labels,
    Match,
    RateLimit,
    Seats,
    SeriesLimits,
    Storage,
    Team,
    Week,
    Workspace,
)

DEFAULT = Config(
    workspaces=(Workspace(name="default", base_url="https://app.hex.tech/api/v1", token_env="HEX_API_TOKEN"),),
    storage=Storage(url="sqlite:////state/ledger.db"),
)


class TestDefaults:
    def test_are_those_of_the_contract(self):
        assert RateLimit() == RateLimit(per_minute=30, per_hour=1800, share=0.5)
        assert DEFAULT.storage.keep_runs_seconds == 400 * 86_400
        assert Collect() == Collect(
            projects=True,
            runs=True,
            users=True,
            connections=True,
            groups=True,
            threads=True,
            queried_tables=None,
            exports=True,
            max_age_seconds=6 * 3_600,
        )
        assert DEFAULT.weeks == (Week(timezone="UTC", starts=0, workspace="*"),)
        assert DEFAULT.teams == ()
        assert Seats() == Seats(inactive_after_seconds=90 * 86_400, reviewed_on=None)
        assert Labels() == Labels(owner="email", hash_key_file=None)
        assert SeriesLimits() == SeriesLimits(projects_with_series=500)

    @pytest.mark.parametrize(
        "text",
        [
            None,
            "",
            b"",
            "# only a comment\n",
            "---\n",
            "--- ~\n...\n",
            "{}",
            "storage:\nweek: ~\nworkspaces:\nlabels: {owner: }\n",
            "\ufeff{}",
            b"\xef\xbb\xbf{}",
        ],
    )
    def test_stand_where_the_file_is_absent_or_says_nothing(self, load, text):
        assert load(text) == DEFAULT

    def test_without_workspaces_the_default_one_is_polled_whatever_else_is_set(self, load):
        assert load("limits: {projects_with_series: 7}") == msgspec.structs.replace(
            DEFAULT, limits=SeriesLimits(projects_with_series=7)
        )


class TestEnvironment:
    def test_the_base_url_variable_is_for_workspaces_that_give_none(self, load):
        environ = {"HEX_BASE_URL": "http://localhost:8000/"}

        config = load("workspaces: [{name: a, token_env: A}, {name: b, token_env: B, base_url: https://eu.hex.tech}]",
                      environ=environ)  # fmt: skip

        assert [workspace.base_url for workspace in config.workspaces] == [
            "http://localhost:8000/api/v1",
            "https://eu.hex.tech/api/v1",
        ]
        assert load(None, environ=environ).workspaces[0].base_url == "http://localhost:8000/api/v1"

    def test_an_empty_base_url_variable_is_none(self, load):
        assert load(None, environ={"HEX_BASE_URL": ""}) == DEFAULT

    def test_a_lone_workspace_without_a_token_setting_uses_the_token_variable(self, load):
        assert load("workspaces: [{name: acme}]").workspaces[0].token_env == "HEX_API_TOKEN"

    def test_a_token_file_takes_the_place_of_the_token_variable(self, load):
        workspace = load("workspaces: [{token_file: /run/token}]").workspaces[0]

        assert (workspace.token_file, workspace.token_env) == ("/run/token", None)

    def test_the_token_itself_is_not_read(self, load):
        config = load(None, environ={"HEX_API_TOKEN": "hxtw_0123456789abcdef"})

        assert "hxtw_" not in repr(config)


class TestPaths:
    def test_relative_ones_are_taken_from_the_folder_of_the_file(self, load):
        config = load(
            """
            workspaces: [{token_file: secrets/token}]
            storage: {url: "sqlite:///ledger.db"}
            labels: {owner: hash, hash_key_file: key}
            """,
            source="/etc/hex/hex.yml",
        )

        assert config.workspaces[0].token_file == "/etc/hex/secrets/token"
        assert config.storage.url == "sqlite:////etc/hex/ledger.db"
        assert config.labels.hash_key_file == "/etc/hex/key"

    def test_absolute_ones_stay(self, load):
        config = load(
            'workspaces: [{token_file: /run/token}]\nstorage: {url: "sqlite:////srv/ledger.db"}',
            source="/etc/hex/hex.yml",
        )

        assert config.workspaces[0].token_file == "/run/token"
        assert config.storage.url == "sqlite:////srv/ledger.db"


class TestValues:
    @pytest.mark.parametrize(
        ("written", "seconds"),
        [("1s", 1), ("90s", 90), ("15m", 900), ("24h", 86_400), ("400d", 34_560_000), ("36500d", 3_153_600_000)],
    )
    def test_durations_become_seconds(self, load, written, seconds):
        assert load(f"storage: {{keep_runs: {written}}}").storage.keep_runs_seconds == seconds

    @pytest.mark.parametrize(
        ("written", "share"), [("1", 1.0), ("1.0", 1.0), ("0.5", 0.5), (".25", 0.25), ("1.0e-3", 0.001)]
    )
    def test_shares(self, load, written, share):
        text = f"workspaces: [{{rate_limit: {{share: {written}}}}}]"

        assert load(text).workspaces[0].rate_limit.share == share

    @pytest.mark.parametrize(("written", "number"), [("1", 1), ("+5", 5), ("1_000", 1_000), ("1000000", 1_000_000)])
    def test_whole_numbers(self, load, written, number):
        text = f"limits: {{projects_with_series: {written}}}"

        assert load(text).limits.projects_with_series == number

    @pytest.mark.parametrize(
        ("written", "truth"), [("true", True), ("Yes", True), ("ON", True), ("no", False), ("off", False)]
    )
    def test_truth_values(self, load, written, truth):
        assert load(f"collect: {{runs: {written}}}").collect.runs is truth

    @pytest.mark.parametrize(("written", "requested"), [("auto", None), ("true", True), ("false", False)])
    def test_queried_tables_may_be_auto(self, load, written, requested):
        assert load(f"collect: {{queried_tables: {written}}}").collect.queried_tables is requested

    @pytest.mark.parametrize("written", ["2026-10-01", "'2026-10-01'"])
    def test_days(self, load, written):
        assert load(f"seats: {{reviewed_on: {written}}}").seats.reviewed_on == date(2026, 10, 1)

    @pytest.mark.parametrize(
        ("written", "starts"),
        [
            ("monday", 0),
            ("Tuesday", 1),
            ("wednesday", 2),
            ("thursday", 3),
            ("friday", 4),
            ("saturday", 5),
            ("SUNDAY", 6),
        ],
    )
    def test_weekdays_count_from_monday(self, load, written, starts):
        assert load(f"week: {{starts: {written}}}").week("any").starts == starts

    @pytest.mark.parametrize("owner", ["email", "none"])
    def test_owner_labels(self, load, owner):
        assert load(f"labels: {{owner: {owner}}}").labels.owner == owner

    def test_each_listing_can_be_switched_off_alone(self, load):
        for listing in ("projects", "runs", "users", "connections", "groups", "threads"):
            assert load(f"collect: {{{listing}: false}}").collect == Collect(**{listing: False})

    def test_text_may_be_any_script(self, load):
        assert load("workspaces: [{name: Zürich 東京 👩‍🔬}]").workspaces[0].name == "Zürich 東京 👩‍🔬"

    def test_text_is_quoted_where_yaml_would_read_a_number(self, load):
        teams = load('teams: [{name: "007", match: {project_id: "1e5"}}]').teams

        assert teams == (Team(name="007", match=Match(project_id="1e5")),)


class TestWeek:
    def test_one_mapping_is_for_every_workspace(self, load):
        config = load("week: {timezone: Europe/Zurich, starts: sunday}")

        assert config.week("acme") == Week(timezone="Europe/Zurich", starts=6)

    def test_the_first_entry_whose_glob_fits_counts(self, load):
        config = load(
            """
            workspaces: [{name: EU-west, token_env: A}, {name: us, token_env: B}]
            week:
              - {workspace: eu-*, timezone: Europe/Zurich}
              - {workspace: "*", timezone: Asia/Tokyo}
              - {workspace: us, timezone: America/New_York}
            """
        )

        assert config.week("EU-west").timezone == "Europe/Zurich"
        assert config.week("us").timezone == "Asia/Tokyo"

    @pytest.mark.parametrize("text", ["week: [{workspace: default, timezone: Asia/Tokyo}]", "week: []"])
    def test_a_workspace_that_no_entry_fits_has_the_default_week(self, load, text):
        assert load(text).week("us") == Week()


class TestYaml:
    def test_anchors_and_aliases_stand_for_what_they_name(self, load):
        config = load(
            """
            workspaces:
              - {name: a, token_env: A, rate_limit: &slow {per_minute: 6}}
              - {name: b, token_env: B, rate_limit: *slow}
            """
        )

        assert config.workspaces[1].rate_limit == RateLimit(per_minute=6)

    def test_one_team_may_have_several_matches(self, load):
        teams = load("teams: [{name: a, match: {group: x}}, {name: a, match: {group: y}}]").teams

        assert [team.name for team in teams] == ["a", "a"]

    def test_the_loaded_records_cannot_be_changed(self, load):
        with pytest.raises(AttributeError):
            load(None).storage.url = "sqlite:///elsewhere.db"  # type: ignore[misc]
