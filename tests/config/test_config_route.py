"""The way to Hex and to sources: proxies, their credentials and authorities."""

import os
from pathlib import Path

import pytest
import trustme

from exporter.config import Route


@pytest.fixture
def ca_file(tmp_path):
    path = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


def test_without_a_word_requests_leave_directly(load):
    workspace = load(None).workspaces[0]

    assert (workspace.proxy, workspace.proxy_credentials_file, workspace.ca_file) == (None, None, None)


@pytest.mark.parametrize(
    ("written", "proxy"),
    [
        ("environment", "environment"),
        ("http://Proxy.Example:3128", "http://proxy.example:3128"),
        ("https://proxy.example:443/", "https://proxy.example:443"),
        ('"http://[::1]:3128"', "http://[::1]:3128"),
    ],
)
def test_a_proxy_is_the_environments_or_an_address(load, written, proxy):
    assert load(f"workspaces: [{{proxy: {written}}}]").workspaces[0].proxy == proxy


def test_workspaces_and_sources_have_the_same_keys(load, ca_file):
    route = f"proxy: environment, proxy_credentials_file: secret, ca_file: {ca_file}"
    config = load(
        f"workspaces: [{{{route}}}]\nsources: [{{match: {{title: a}}, http: {{url: 'https://a.example', {route}}}}}]",
        source="/etc/hex.yml",
    )

    for holder in (config.workspaces[0], config.sources[0].http):
        assert isinstance(holder, Route)
        assert holder.proxy_credentials_file == "/etc/secret"
        assert holder.ca_file == str(ca_file)


def test_the_way_to_a_source_is_no_part_of_what_it_is_asked(load, ca_file):
    """A proxy that is moved must not make every source look new."""
    text = "sources: [{match: {title: a}, http: {url: 'https://a.example'%s}}]"
    one, other = (load(text % more).sources[0] for more in ("", f", proxy: environment, ca_file: {ca_file}"))

    assert (one.name, one.key("p")) == (other.name, other.key("p"))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("proxy.example:3128", "the address does not begin with http://; write environment or http://HOST:PORT"),
        (
            "socks5://proxy.example:1080",
            "the address does not begin with http://; write environment or http://HOST:PORT",
        ),
        ("http://proxy.example", "the proxy has no port; write environment or http://HOST:PORT"),
        ("http://proxy.example:3128/pac", "the proxy has a path; write environment or http://HOST:PORT"),
        (
            "http://u:s3cret@proxy.example:1",
            "the proxy has a user name; write USER:PASSWORD into a file, and add proxy_credentials_file",
        ),
        (
            "true",
            "a truth value is not valid; write environment, or an address such as http://proxy.example:3128",
        ),
    ],
)
def test_a_proxy_that_is_none_is_refused_with_its_line(mistakes, written, message):
    assert mistakes(f"workspaces:\n  - name: a\n    proxy: {written}") == [f"hex.yml:3: workspaces[0].proxy: {message}"]


def test_credentials_without_a_proxy_are_refused(mistakes):
    assert mistakes("workspaces:\n  - proxy_credentials_file: secret") == [
        "hex.yml:2: workspaces[0]: proxy_credentials_file is for a proxy; add proxy, or remove it"
    ]


def test_authorities_that_cannot_be_used_are_refused_with_their_line(mistakes, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("no.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    Path("empty.pem").write_text("")
    os.mkfifo("pipe")
    expected = "name a file of certificates in PEM"

    for name, message in (
        ("none", f"none cannot be read (No such file or directory); {expected}"),
        ("no.pem", f"no.pem has no certificate; {expected} (-----BEGIN CERTIFICATE-----)"),
        ("empty.pem", f"empty.pem has no certificate; {expected} (-----BEGIN CERTIFICATE-----)"),
        ("pipe", f"pipe is not a file; {expected}"),
    ):
        assert mistakes(f"workspaces:\n  - name: a\n    ca_file: {name}") == [
            f"hex.yml:3: workspaces[0].ca_file: {message}"
        ]
