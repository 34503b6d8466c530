"""Prefix and external URL, as Prometheus has them."""

import pytest

from exporter.errors import ConfigError
from exporter.web import read_web_paths


@pytest.mark.parametrize(
    ("external_url", "route_prefix", "prefix", "url"),
    [
        (None, None, "", "http://127.0.0.1:9891"),
        ("", None, "", "http://127.0.0.1:9891"),
        ("https://a.example", None, "", "https://a.example"),
        ("https://a.example/hex/", None, "/hex", "https://a.example/hex"),
        ("https://a.example/hex/", "/", "", "https://a.example/hex"),
        ("https://a.example/hex", "x/y/", "/x/y", "https://a.example/hex"),
        (None, "/hex/", "/hex", "http://127.0.0.1:9891/hex"),
        (None, "hex", "/hex", "http://127.0.0.1:9891/hex"),
        ("http://[::1]:80/", "", "", "http://[::1]:80"),
    ],
)
def test_the_prefix_is_the_path_of_the_external_url_unless_it_is_given(external_url, route_prefix, prefix, url):
    paths = read_web_paths(external_url=external_url, route_prefix=route_prefix)

    assert (paths.prefix, paths.url("http", "127.0.0.1:9891")) == (prefix, url)
    assert paths.below("/-/ready") == f"{prefix}/-/ready"


@pytest.mark.parametrize(
    "url",
    ["a.example/hex", "/hex", "ftp://a.example", "https://", "https://a.example/?x", "https://a.example/#x",
     "https://u:p@a.example/", "https://a.example:99999/", 'https://a.example/"', "https://a.example/a b"],
)  # fmt: skip
def test_an_external_url_that_no_link_could_begin_with_is_refused(url):
    with pytest.raises(ConfigError, match=r"^--web.external-url: .* write a URL such as https://"):
        read_web_paths(external_url=url)


def test_every_flag_that_cannot_be_used_is_said_at_once():
    with pytest.raises(ConfigError) as refused:
        read_web_paths(telemetry_path="metrics", external_url="x", route_prefix="/a?b")

    flags = ["--web.telemetry-path", "--web.external-url", "--web.route-prefix"]
    assert [problem.location for problem in refused.value.problems] == flags
