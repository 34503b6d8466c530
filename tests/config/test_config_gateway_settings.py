"""The gateway in a file: where it may listen, for which workspace it is, what its policies may say."""

import pytest

from exporter.config import Config, Gateway, Match, Policy, Sample, Storage, Workspace
from exporter.config.urls import host_and_port, is_public, normal_public_url
from exporter.errors import ConfigError
from exporter.facts import Project

TWO = "workspaces: [{name: acme, token_env: A}, {name: labs, token_env: B}]\n"
LISTEN = (
    "without web_config_file, expected TLS by such a file, a loopback address, or allow_insecure: true; "
    "callers send their Hex tokens there"
)


class TestWorkspace:
    def test_is_the_only_one(self, load):
        assert load("gateway: {}").gateway_workspace.name == "default"

    def test_is_the_one_it_names(self, load):
        assert load(TWO + "gateway: {workspace: labs}").gateway_workspace.name == "labs"

    def test_is_named_where_there_are_several(self, mistakes):
        assert mistakes(TWO + "gateway: {concurrency: 1}") == [
            "hex.yml:2: gateway: found no workspace, expected one of acme, labs"
        ]

    def test_is_one_that_exists(self, mistakes):
        assert mistakes(TWO + "gateway:\n  workspace: lab") == [
            'hex.yml:3: gateway.workspace: found "lab", expected one of acme, labs; did you mean labs?'
        ]

    def test_is_not_called_unknown_when_its_own_entry_has_a_mistake(self, mistakes):
        text = "workspaces: [{name: acme, token_env: A, base_url: x}]\ngateway: {workspace: acme}"

        assert len(mistakes(text)) == 1

    def test_in_code_is_refused_when_it_is_asked_for(self):
        config = Config(workspaces=(Workspace(),), storage=Storage(url="sqlite://"), gateway=Gateway(workspace="acme"))

        with pytest.raises(ConfigError, match=r'gateway\.workspace: found "acme", expected one of default'):
            _ = config.gateway_workspace


class TestListening:
    @pytest.mark.parametrize("address", ["127.0.0.1:9892", "127.9.9.9:1", "localhost:0", "'[::1]:9892'"])
    def test_on_this_machine_needs_nothing(self, load, address):
        assert load(f"gateway: {{listen_address: {address}}}").gateway.listen_address == address.strip("'")

    @pytest.mark.parametrize("address", [":9892", "0.0.0.0:9892", "[::]:9892", "10.0.0.1:9892", "gateway:9892"])
    def test_for_others_needs_tls(self, mistakes, address):
        assert mistakes(f"gateway: {{listen_address: '{address}'}}") == [
            f"hex.yml:1: gateway: found the public address {address} {LISTEN}"
        ]

    @pytest.mark.parametrize("key", ["web_config_file: web.yml", "allow_insecure: true"])
    def test_for_others_is_possible(self, load, key):
        assert load(f"gateway: {{listen_address: ':9892', {key}}}").gateway.listen_address == ":9892"

    @pytest.mark.parametrize(
        "address", ["9892", "localhost", "a:b", "a:70000", "http://a:1", "a b:1", "::1:1", "'a:٣'", "a:999999999999"]
    )
    def test_is_on_a_host_and_a_port(self, mistakes, address):
        assert mistakes(f"gateway:\n  listen_address: {address}") == [
            f"hex.yml:2: gateway.listen_address: found \"{address.strip(chr(39))}\", expected HOST:PORT, [IPV6]:PORT "
            "or :PORT"
        ]  # fmt: skip

    def test_an_address_has_two_parts(self):
        assert host_and_port("[::1]:80") == ("::1", 80)
        assert host_and_port(":80") == ("", 80)
        assert is_public(":80")
        assert not is_public("localhost:80")


class TestPublicUrl:
    @pytest.mark.parametrize(
        ("written", "normal"),
        [
            ("https://Hex-Gateway.example", "https://hex-gateway.example"),
            ("https://hex-gateway.example/", "https://hex-gateway.example"),
            ("https://hex-gateway.example:8443/api/v1/", "https://hex-gateway.example:8443"),
            ("https://tools.example/hex/api/v1", "https://tools.example/hex"),
            ("http://127.0.0.1:9892", "http://127.0.0.1:9892"),
        ],
    )
    def test_is_brought_to_one_form(self, load, written, normal):
        assert load(f"gateway: {{public_url: '{written}'}}").gateway.public_url == normal
        assert normal_public_url(normal) == normal

    @pytest.mark.parametrize(
        ("written", "sentence"),
        [
            ("hex-gateway.example", "found an address without https://, expected https://HOST"),
            ("ftp://a.example", "found an address without https://, expected https://HOST"),
            ("https://a:b@c.example", "found a user name before the host, expected the host alone"),
            ("https://a.example/?b", "found a query or a fragment, expected https://HOST"),
            ("https://a.example/b c", "found an address that cannot be read, expected https://HOST"),
            ("https://", "found an address that cannot be read, expected https://HOST"),
        ],
    )
    def test_is_an_address(self, mistakes, written, sentence):
        assert mistakes(f"gateway: {{public_url: '{written}'}}") == [f"hex.yml:1: gateway.public_url: {sentence}"]

    def test_without_tls_is_refused_unless_asked_for(self, mistakes, load):
        assert mistakes("gateway: {public_url: 'http://a.example'}") == [
            "hex.yml:1: gateway: found an http:// public_url, expected https:// or allow_insecure: true; "
            "callers send their Hex tokens there"
        ]
        assert load("gateway: {public_url: 'http://a.example', allow_insecure: true}").gateway.allow_insecure


class TestPolicies:
    def test_the_first_that_fits_counts(self, load):
        gateway = load(
            "gateway: {policies: [{match: {title: A*}, max_age: 1h}, {match: {workspace: labs}, shared: true}]}"
        ).gateway
        project = Project(project_id="1", title="Apples")

        assert gateway.policy("labs", project).max_age_seconds == 3600
        assert gateway.policy("labs", Project(project_id="2", title="B")).shared
        assert gateway.policy("acme", Project(project_id="2", title="B")) == Policy()

    @pytest.mark.parametrize(
        ("written", "value"),
        [("1000", 1000), ("1_000", 1000), ("-5", -5), ("0.5", 0.5), ("true", True), ("no", False), ("small", "small"),
         ("'1000'", "1000")],
    )  # fmt: skip
    def test_a_sample_has_a_value_of_the_type_that_is_written(self, load, written, value):
        sample = f"sample: {{header: X-Trial, parameter: rows, value: {written}}}"

        (policy,) = load(f"gateway: {{policies: [{{match: {{category: trials}}, {sample}}}]}}").gateway.policies

        assert policy.sample == Sample(header="X-Trial", parameter="rows", value=value)
        assert type(policy.sample.value) is type(value)

    @pytest.mark.parametrize("written", ["[]", "{}", "''", ".nan", ".inf", "0x1F", "2026-10-01", "!x y", "9" * 40])
    def test_other_values_are_refused(self, mistakes, written):
        sample = f"sample: {{header: X-Trial, parameter: rows, value: {written}}}"

        (mistake,) = mistakes(f"gateway: {{policies: [{{match: {{category: trials}}, {sample}}}]}}")

        assert mistake.startswith("hex.yml:1: gateway.policies[0].sample.value: found ")

    @pytest.mark.parametrize("match", ["", "match: {}, ", "match: {title: '*'}, ", "match: {workspace: acme}, "])
    def test_a_sample_is_for_projects_that_are_named(self, mistakes, match):
        sample = "sample: {header: X-Trial, parameter: rows, value: 1}"

        assert mistakes(f"gateway: {{policies: [{{{match}{sample}}}]}}") == [
            "hex.yml:1: gateway.policies[0]: found sample for every project, expected a match with a pattern other "
            "than * on projects"
        ]

    @pytest.mark.parametrize("key", ["min_interval", "unchanged_for"])
    def test_an_interval_is_no_longer_than_results_live(self, mistakes, key):
        assert mistakes(f"gateway:\n  policies:\n  - {{{key}: 2h, max_age: 1h}}") == [
            f"hex.yml:3: gateway.policies[0]: found {key} longer than max_age (3600s), expected at most that"
        ]

    @pytest.mark.parametrize(
        ("header", "sentence"),
        [
            ("a b", "found a header that is no header's name, expected one such as X-Hex-Trial"),
            ("Authorization", "found the header Authorization, which means something else; expected one of your own"),
            ("cache-control", "found the header cache-control, which means something else; expected one of your own"),
        ],
    )
    def test_a_sample_has_a_header_of_its_own(self, mistakes, header, sentence):
        sample = f"sample: {{header: '{header}', parameter: rows, value: 1}}"

        assert mistakes(f"gateway: {{policies: [{{match: {{category: a}}, {sample}}}]}}") == [
            f"hex.yml:1: gateway.policies[0].sample: {sentence}"
        ]

    def test_what_is_impossible_in_a_file_is_impossible_in_code(self):
        with pytest.raises(ValueError, match="every project"):
            Policy(match=Match(title="**"), sample=Sample(header="X-T", parameter="rows", value=1))
        with pytest.raises(ValueError, match="public address"):
            Gateway(listen_address=":1")
        with pytest.raises(ValueError, match="user name"):
            Gateway(public_url="https://a:b@c.example")


class TestMistakes:
    @pytest.mark.parametrize(
        ("written", "sentence"),
        [
            ("[]", "gateway: found a list, expected a mapping of listen_address, workspace, public_url, "
             "web_config_file, allow_insecure, concurrency, queue, policies"),
            ("{concurrency: 0}", "gateway.concurrency: found 0, expected a whole number from 1 to 1,000"),
            ("{queue: {wait: 0s}}", 'gateway.queue.wait: found "0s", expected a duration from 1s to 36500d'),
            ("{queue: {per_call: 2}}", 'gateway.queue: found the unknown key "per_call", expected one of length, '
             "per_caller, wait; did you mean per_caller?"),
            ("{policies: [{min_interval: 0}]}", "gateway.policies[0].min_interval: found 0, expected 0s, or a "
             "duration such as 90s, 15m, 24h or 400d"),
            ("{policies: [{max_ages: 1h}]}", 'gateway.policies[0]: found the unknown key "max_ages", expected one of '
             "match, max_age, min_interval, unchanged_for, shared, update_published_results, "
             "use_cached_sql_results, sample; did you mean max_age?"),
        ],
    )  # fmt: skip
    def test_are_told(self, mistakes, written, sentence):
        assert mistakes(f"gateway: {written}") == [f"hex.yml:1: {sentence}"]
