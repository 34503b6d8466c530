"""Where Hex may be, and where the ledger may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.urls import normal_base_url

ODD = "the address cannot be read; write https://HOST/api/v1"


class TestBaseUrl:
    @pytest.mark.parametrize(
        ("written", "normal"),
        [
            ("https://app.hex.tech/api/v1", "https://app.hex.tech/api/v1"),
            ("https://app.hex.tech/api/v1/", "https://app.hex.tech/api/v1"),
            ("https://app.hex.tech/api/v1///", "https://app.hex.tech/api/v1"),
            ("https://eu.hex.tech", "https://eu.hex.tech/api/v1"),
            ("https://eu.hex.tech/", "https://eu.hex.tech/api/v1"),
            ("HTTPS://Acme.Hex.Tech", "https://acme.hex.tech/api/v1"),
            ("https://proxy.example:8443/Hex/api/v1", "https://proxy.example:8443/Hex/api/v1"),
            ("https://app.hex.tech:", "https://app.hex.tech/api/v1"),
            ("http://localhost:8000", "http://localhost:8000/api/v1"),
            ("http://LOCALHOST/x", "http://localhost/x"),
            ("http://127.0.0.1:1/api/v1", "http://127.0.0.1:1/api/v1"),
            ("http://127.255.255.254", "http://127.255.255.254/api/v1"),
            ("http://[::1]:8000", "http://[::1]:8000/api/v1"),
            ("https://[2001:db8::1]", "https://[2001:db8::1]/api/v1"),
        ],
    )
    def test_is_brought_to_one_form(self, written, normal):
        assert normal_base_url(written) == normal

    @pytest.mark.parametrize(
        "host",
        [
            "app.hex.tech",
            "localhost.hex.example",
            "127.0.0.1.hex.example",
            "128.0.0.1",
            "10.0.0.1",
            "0.0.0.0",
            "127.1",
            "2130706433",
            "host.docker.internal",
            "my_host",
        ],
    )
    def test_plain_http_is_refused_beyond_the_loopback_hosts(self, host):
        with pytest.raises(ValueError) as caught:
            normal_base_url(f"http://{host}/api/v1")

        assert str(caught.value) == (
            f"http:// to the host {host} is not encrypted; write https:// (http:// is for loopback hosts only)"
        )

    @pytest.mark.parametrize("host", ["[::2]", "[::ffff:10.0.0.1]"])
    def test_plain_http_is_refused_beyond_the_loopback_address_of_ipv6(self, host):
        with pytest.raises(ValueError, match="http:// is for loopback hosts only"):
            normal_base_url(f"http://{host}")

    @pytest.mark.parametrize(
        ("written", "sentence"),
        [
            ("app.hex.tech", "the address does not begin with https://; write https://HOST/api/v1"),
            ("ftp://app.hex.tech", "the address does not begin with https://; write https://HOST/api/v1"),
            ("//app.hex.tech", "the address does not begin with https://; write https://HOST/api/v1"),
            ("", "the address does not begin with https://; write https://HOST/api/v1"),
            ("https://me:secret@app.hex.tech", "the address has a user name; write the host only"),
            ("https://@app.hex.tech", "the address has a user name; write the host only"),
            ("https://app.hex.tech?a=b", "the address has a query or a fragment; write it without"),
            ("https://app.hex.tech/#", "the address has a query or a fragment; write it without"),
            ("https://", ODD),
            ("https:app.hex.tech", ODD),
            ("https:///api/v1", ODD),
            ("https://app.hex.tech:0", ODD),
            ("https://app.hex.tech:70000", ODD),
            ("https://app.hex.tech:port", ODD),
            ("https://[::1", ODD),
            ("https://[::1]evil", ODD),
            ("http://localhost\\.hex.example", ODD),
            ("https://app.hex.tech/api v1", ODD),
            ("https://app.hex.tech/ä", ODD),
            ("https://äpp.hex.tech", ODD),
            ("http://ｌocalhost", ODD),
            (" https://app.hex.tech", ODD),
            ("https://app.hex\n.tech", ODD),
            ("https://app.hex.tech\n", ODD),
        ],
    )
    def test_what_is_no_address_of_an_api_is_refused(self, written, sentence):
        with pytest.raises(ValueError) as caught:
            normal_base_url(written)

        assert str(caught.value) == sentence

    @given(st.text(alphabet="htps:/.@?#[]%\\ab1 \n\x00é", max_size=30).map(lambda rest: f"https://{rest}"))
    def test_what_is_accepted_is_in_its_normal_form_already(self, written):
        try:
            normal = normal_base_url(written)
        except ValueError:
            return

        assert normal_base_url(normal) == normal
        assert not normal.endswith("/")

    def test_stands_in_the_file(self, load, places):
        assert load("workspaces: [{base_url: 'https://eu.hex.tech'}]").workspaces[0].base_url == (
            "https://eu.hex.tech/api/v1"
        )
        assert places("workspaces:\n- name: a\n  base_url: http://hex.example") == ["3: workspaces[0].base_url"]

    @pytest.mark.parametrize(("written", "found"), [("5", "a number"), ("[a]", "a list"), ("!x a", "the tag !x")])
    def test_is_text(self, places, written, found):
        assert places(f"workspaces: [{{base_url: {written}}}]") == ["1: workspaces[0].base_url"]


class TestLedger:
    @pytest.mark.parametrize(
        ("written", "url"),
        [
            ("sqlite:////var/lib/ledger.db", "sqlite:////var/lib/ledger.db"),
            ("sqlite:///ledger.db", "sqlite:///ledger.db"),
            ("sqlite:///a b/ü.db", "sqlite:///a b/ü.db"),
        ],
    )
    def test_is_a_file_of_sqlite(self, load, written, url):
        assert load(f'storage: {{url: "{written}"}}').storage.url == url

    @pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
    def test_is_a_database_of_postgresql(self, load, scheme):
        url = f"{scheme}://user:s3cr3t@h1:5432,h2/db?sslmode=verify-full"

        assert load(f"storage: {{url: '{url}'}}").storage.url == url

    @pytest.mark.parametrize("password", ["s3cr3t", "s3@cr3t", "s3?cr3t", "s3@c?r3t@"])
    def test_its_password_is_in_no_repr(self, load, password):
        storage = load(f"storage: {{url: 'postgresql://user:{password}@h1/db?application_name=a@b'}}").storage

        assert "r3t" not in repr(storage)
        assert "r3t" not in str(load(f"storage: {{url: 'postgresql://user:{password}@h1/db'}}"))

    def test_is_where_a_file_or_a_variable_says(self, load, tmp_path):
        (tmp_path / "url").write_text("postgresql://user:s3cr3t@h/db\n")
        from_file = load(f"storage: {{url_file: {tmp_path / 'url'}, schema: hex}}").storage
        from_variable = load("storage: {url_env: LEDGER}", environ={"LEDGER": "sqlite:///a.db"}).storage

        assert from_file.url == "postgresql://user:s3cr3t@h/db?options=-csearch_path%3Dhex"
        assert from_variable.url == "sqlite:///a.db"

    @pytest.mark.parametrize(
        "written",
        ["/var/lib/ledger.db", "sqlite://", "sqlite:///", "sqlite:////", "sqlite://ledger.db", "sqlite:///:memory:",
         "mysql://user:secret@host/db", "sqlite:///a\\0b", ""],
    )  # fmt: skip
    def test_anything_else_is_refused_without_repeating_it(self, places, written):
        assert places(f'storage: {{url: "{written}"}}') == ["1: storage.url"]

    def test_takes_no_options(self, places):
        assert places('storage: {url: "sqlite:///a.db?mode=memory"}') == ["1: storage.url"]
