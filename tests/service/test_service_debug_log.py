"""`--log.level debug` of a real `serve`: one event a line, none of them a library's."""

import json
import re

import pytest
from helpers.running import Exporter, Simulator, wait_for

pytestmark = pytest.mark.integration

THIRD_PARTY = ("httpx", "httpcore", "uvicorn", "asyncio", "sqlalchemy")


@pytest.fixture
def simulator(tmp_path):
    with Simulator(tmp_path) as simulator:
        yield simulator


def lines_of(exporter: Exporter) -> list[str]:
    """What it has logged once it serves Hex's projects and has read its file twice."""
    exporter.listening()
    wait_for(lambda: 'hex_up{workspace="sim"} 1' in exporter.get().text)
    exporter.post("/-/reload")
    exporter.said("The configuration has been read again")
    return exporter.text.splitlines()


def test_as_logfmt_shows_the_configuration_each_time_it_is_read(simulator, tmp_path):
    with Exporter(tmp_path, simulator.base_url, "--web.enable-lifecycle", "--log.level", "debug") as exporter:
        lines = lines_of(exporter)

    read = [line for line in lines if " level=debug event=config_read " in line]
    assert len(read) == 2
    assert f"file={exporter.config}" in read[0]
    assert "workspaces=sim" in read[0]
    assert {"hex_request", "poll_planned", "page_built"} <= {line.split("event=")[1].split()[0] for line in lines}
    assert all(re.match(r"timestamp=\S+ level=(debug|info) event=", line) for line in lines)
    assert not [line for line in lines if any(name in line.split("event=")[1].split()[0] for name in THIRD_PARTY)]


def test_as_json_is_one_object_a_line(simulator, tmp_path):
    flags = ("--web.enable-lifecycle", "--log.level", "debug", "--log.format", "json")
    with Exporter(tmp_path, simulator.base_url, *flags) as exporter:
        exporter.said('"event": "Listening"')
        exporter.said('"event": "config_read"')
        events = [json.loads(line) for line in exporter.text.splitlines()]

    (read,) = [event for event in events if event["event"] == "config_read"]
    assert (read["level"], read["workspaces"]) == ("debug", "sim")


def test_info_shows_none_of_it(simulator, tmp_path):
    with Exporter(tmp_path, simulator.base_url, "--web.enable-lifecycle", "--log.level", "info") as exporter:
        assert not [line for line in lines_of(exporter) if "level=debug" in line]
