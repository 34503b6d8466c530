"""The gateway in a file: where it may listen, for which workspace it is, what its policies may say."""

import pytest

from exporter.config import Config, Gateway, Match, Policy, Sample, Storage, Workspace
from exporter.config.urls import host_and_port, is_public, normal_public_url
from exporter.errors import ConfigError
from exporter.facts import Project

TWO = "workspaces: [{name: acme, token_env: A}, {name: labs, token_env: B}]\n"


class TestWorkspace:
    def test_is_the_only_one(self, load):
        assert load("gateway: {}").gateway_workspace.name == "default"

    def test_is_the_one_it_names(self, load):
        assert load(TWO + "gateway: {workspace: labs}").gateway_workspace.name == "labs"

    def test_is_named_where_there_are_several(self, places):
        assert places(TWO + "gateway: {concurrency: 1}") == ["2: gateway"]

    def test_is_one_that_exists(self, places):
        assert places(TWO + "gateway:\n  workspace: lab") == ["3: gateway.workspace"]

    def test_is_not_called_unknown_when_its_own_entry_has_a_mistake(self, mistakes):
        text = "workspaces: [{name: acme, token_env: A, base_url: x}]\ngateway: {workspace: acme}"

        assert len(mistakes(text)) == 1

    def test_in_code_is_refused_when_it_is_asked_for(self):
        config = Config(workspaces=(Workspace(),), storage=Storage(url="sqlite://"), gateway=Gateway(workspace="acme"))

        with pytest.raises(ConfigError, match=r'gateway\.workspace: "acme" is not a workspace; write one of default'):
            _ = config.gateway_workspace


class TestListening:
    @pytest.mark.parametrize("address", ["127.0.0.1:9892", "127.9.9.9:1", "localhost:0", "'[::1]:9892'"])
    def test_on_this_machine_needs_nothing(self, load, address):
        assert load(f"gateway: {{listen_address: {address}}}").gateway.listen_address == address.strip("'")

    @pytest.mark.parametrize("address", [":9892", "0.0.0.0:9892", "[::]:9892", "10.0.0.1:9892", "gateway:9892"])
    def test_for_others_needs_tls(self, places, address):
        assert places(f"gateway: {{listen_address: '{address}'}}") == ["1: gateway"]

    @pytest.mark.parametrize("key", ["web_config_file: web.yml", "allow_insecure: true"])
    def test_for_others_is_possible(self, load, key):
        assert load(f"gateway: {{listen_address: ':9892', {key}}}").gateway.listen_address == ":9892"

    @pytest.mark.parametrize(
        "address", ["9892", "localhost", "a:b", "a:70000", "http://a:1", "a b:1", "::1:1", "'a:٣'", "a:999999999999"]
    )
    def test_is_on_a_host_and_a_port(self, places, address):
        assert places(f"gateway:\n  listen_address: {address}") == ["2: gateway.listen_address"]  # fmt: skip

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
            ("hex-gateway.example", "the address does not begin with https://; write https://HOST"),
            ("ftp://a.example", "the address does not begin with https://; write https://HOST"),
            ("https://a:b@c.example", "the address has a user name; write the host only"),
            ("https://a.example/?b", "the address has a query or a fragment; write https://HOST"),
            ("https://a.example/b c", "the address cannot be read; write https://HOST"),
            ("https://", "the address cannot be read; write https://HOST"),
        ],
    )
    def test_is_an_address(self, places, written, sentence):
        assert places(f"gateway: {{public_url: '{written}'}}") == ["1: gateway.public_url"]

    def test_without_tls_is_refused_unless_asked_for(self, places, load):
        assert places("gateway: {public_url: 'http://a.example'}") == ["1: gateway"]
        assert load("gateway: {public_url: 'http://a.example', allow_insecure: true}").gateway.allow_insecure


class TestPolicies:
    def test_the_first_that_fits_counts(self, load):
        gateway = load(
            f"{TWO}gateway: {{workspace: labs, policies: "
            "[{match: {title: A*}, max_age: 1h}, {match: {workspace: labs}, shared: true}]}"
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
    def test_other_values_are_refused(self, places, written):
        sample = f"sample: {{header: X-Trial, parameter: rows, value: {written}}}"

        assert places(f"gateway: {{policies: [{{match: {{category: trials}}, {sample}}}]}}") == [
            "1: gateway.policies[0].sample.value"
        ]

    @pytest.mark.parametrize("match", ["", "match: {}, ", "match: {title: '*'}, ", "match: {workspace: default}, "])
    def test_a_sample_is_for_projects_that_are_named(self, places, match):
        sample = "sample: {header: X-Trial, parameter: rows, value: 1}"

        assert places(f"gateway: {{policies: [{{{match}{sample}}}]}}") == ["1: gateway.policies[0]"]

    @pytest.mark.parametrize("key", ["min_interval", "unchanged_for"])
    def test_an_interval_is_no_longer_than_results_live(self, places, key):
        assert places(f"gateway:\n  policies:\n  - {{{key}: 2h, max_age: 1h}}") == ["3: gateway.policies[0]"]

    @pytest.mark.parametrize("header", ["a b", "Authorization", "cache-control"])
    def test_a_sample_has_a_header_of_its_own(self, places, header):
        sample = f"sample: {{header: '{header}', parameter: rows, value: 1}}"

        assert places(f"gateway: {{policies: [{{match: {{category: a}}, {sample}}}]}}") == [
            "1: gateway.policies[0].sample"
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
        ("written", "key"),
        [
            ("[]", "gateway"),
            ("{concurrency: 0}", "gateway.concurrency"),
            ("{queue: {wait: 0s}}", "gateway.queue.wait"),
            ("{queue: {per_call: 2}}", "gateway.queue"),
            ("{policies: [{min_interval: 0}]}", "gateway.policies[0].min_interval"),
            ("{policies: [{max_ages: 1h}]}", "gateway.policies[0]"),
        ],
    )
    def test_are_reported_where_they_are(self, places, written, key):
        assert places(f"gateway: {written}") == [f"1: {key}"]
