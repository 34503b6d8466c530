import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.web.content_negotiation import HEADER_LIMIT, OPENMETRICS_TYPE, TEXT_TYPE, negotiate

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;"
    "q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
PROTOBUF_FIRST = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    "accept",
    [
        PROMETHEUS_2,
        PROMETHEUS_3,
        PROTOBUF_FIRST,
        "application/openmetrics-text",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        'application/openmetrics-text; version="1.0.0"',
        "APPLICATION/OpenMetrics-Text;VERSION=1.0.0",
        "application/openmetrics-text;q=0.3, text/plain;q=0.2",
        "text/plain;q=0.2, application/openmetrics-text;q=0.3",
        "application/openmetrics-text, */*",
        "*/*, application/openmetrics-text",
        "application/openmetrics-text, text/plain",
        "text/plain;version=1.0.0, application/openmetrics-text;q=0.1",
        "text/plain;q=0, */*;q=0.5",
        "application/*",
        "nonsense, ;;;, application/openmetrics-text;q=0.001",
    ],
)
def test_openmetrics_is_sent_to_who_prefers_it(accept: str) -> None:
    assert negotiate(accept, None).openmetrics


@pytest.mark.parametrize(
    "accept",
    [
        None,
        "",
        "*/*",
        "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "text/plain",
        "text/*, application/openmetrics-text;q=0.9",
        "text/plain, application/openmetrics-text",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;q=0.000, */*;q=0.1",
        "application/openmetrics-text;q=0, application/*",
        "application/openmetrics-text;version=1.x",
        "application/openmetrics-text;version=9.9.9",
        "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text;version=",
        "application/openmetrics-text;q=high",
        "application/openmetrics-text;q=2",
        "application/openmetrics-text;q=-1",
        "application/openmetrics-text;q=nan",
        "application/openmetrics-text;q=",
        "application/openmetrics-text/extra",
        "application/vnd.google.protobuf",
        "application/json",
        "\u00e4/\u00f6",
        "application/openmetrics-text," + "x" * HEADER_LIMIT,
    ],
)
def test_everybody_else_gets_the_text_format(accept: str | None) -> None:
    assert not negotiate(accept, None).openmetrics


@pytest.mark.parametrize(
    "encoding",
    [
        "gzip",
        "GZIP",
        "x-gzip",
        "gzip, deflate, br",
        "br;q=1.0, gzip;q=0.8",
        "*",
        "gzip;q=0.5",
        "identity;q=0.5, gzip",
        "identity;q=0, *",
        "deflate, gzip;q=1.0, *;q=0",
        "gzip;q=0.001",
    ],
)
def test_gzip_is_sent_to_who_takes_it(encoding: str) -> None:
    assert negotiate(None, encoding).gzip


@pytest.mark.parametrize(
    "encoding",
    [
        None,
        "",
        "identity",
        "gzip;q=0",
        "gzip;q=0.0, *",
        "*;q=0",
        "br",
        "gzip;q=0.3, identity;q=0.5",
        "gzip;q=x",
        "gzipped",
        "gzip" + "," * HEADER_LIMIT,
    ],
)
def test_gzip_is_not_sent_to_who_does_not(encoding: str | None) -> None:
    assert not negotiate(None, encoding).gzip


def test_the_content_types_are_the_specified_ones() -> None:
    assert negotiate(None, None).content_type == TEXT_TYPE == b"text/plain; version=0.0.4; charset=utf-8"
    assert negotiate(PROMETHEUS_3, None).content_type == OPENMETRICS_TYPE
    assert OPENMETRICS_TYPE.startswith(b"application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=")


@settings(max_examples=200)
@given(st.text(max_size=200), st.text(max_size=200))
def test_no_header_is_too_odd(accept: str, encoding: str) -> None:
    chosen = negotiate(accept, encoding)

    assert chosen.content_type in (TEXT_TYPE, OPENMETRICS_TYPE)


QUALITIES = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)


@settings(max_examples=100)
@given(QUALITIES, QUALITIES, st.booleans())
def test_the_higher_quality_wins_wherever_it_stands(openmetrics: float, text: float, swapped: bool) -> None:
    parts = [f"application/openmetrics-text;version=1.0.0;q={openmetrics}", f"text/plain;version=0.0.4;q={text}"]

    chosen = negotiate(",".join(reversed(parts) if swapped else parts), None)

    if openmetrics != text:
        assert chosen.openmetrics == (openmetrics > text)
