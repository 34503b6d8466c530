"""Log lines on standard error: logfmt or JSON, one event a line, nothing below the level."""

import json
import logging
import sys
from pathlib import Path

import pytest
import structlog

from exporter.service.logs import configure_logs


def test_logfmt_begins_with_time_and_level(capsys):
    configure_logs("info", "logfmt")

    structlog.get_logger().info("Something happened", workspace="acme", reason='a "quoted" one\nwith a line break')

    line = capsys.readouterr().err
    assert line.startswith("timestamp=")
    assert ' level=info event="Something happened" workspace=acme reason=' in line
    assert line.count("\n") == 1


def test_json_is_one_object_a_line(capsys):
    configure_logs("info", "json")

    structlog.get_logger().warning("Something happened", workspace="acme", reason="line\nbreak")

    line = capsys.readouterr().err
    assert line.count("\n") == 1
    found = json.loads(line)
    assert found.pop("timestamp")
    assert found == {"level": "warning", "event": "Something happened", "workspace": "acme", "reason": "line\nbreak"}


@pytest.mark.parametrize(("level", "heard"), [("debug", 4), ("info", 3), ("warn", 2), ("error", 1)])
def test_level_silences_what_is_below_it(level, heard, capsys):
    configure_logs(level, "logfmt")

    for name in ("debug", "info", "warning", "error"):
        getattr(structlog.get_logger(), name)("Something happened")

    assert capsys.readouterr().err.count("Something happened") == heard


def test_exception_stays_on_one_line(capsys):
    configure_logs("info", "logfmt")

    try:
        int("broken")
    except ValueError:
        structlog.get_logger().exception("Something failed")

    line = capsys.readouterr().err
    assert "ValueError: invalid literal" in line
    assert line.count("\n") == 1


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_warnings_of_libraries_come_in_the_same_form_and_their_debug_lines_not_at_all(log_format, capsys):
    configure_logs("debug", log_format)

    logging.getLogger("a.library").warning("Something %s", "odd")
    logging.getLogger("httpx").debug("GET https://app.hex.tech/?cursor=secret")
    logging.getLogger("asyncio").info("Using selector")

    (line,) = capsys.readouterr().err.splitlines()
    if log_format == "json":
        found = json.loads(line)
        assert found.pop("timestamp")
        assert found == {"level": "warning", "event": "Something odd", "logger": "a.library"}
    else:
        assert line.endswith(' level=warning event="Something odd" logger=a.library')


ODD = "a\x00b\x1b[2Jc\rd\te\x85f\x9b0mg\u2028h\u202ei\udce4j\nk"


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
@pytest.mark.parametrize("value", [ODD, [ODD, {"in": ODD}], Path(ODD.replace("\x00", "")), ValueError(ODD)], ids=type)
def test_no_value_can_end_a_line_or_steer_a_terminal(log_format, value, capsys):
    configure_logs("info", log_format)

    structlog.get_logger().info(ODD, reason=value, plain="ok")

    line = capsys.readouterr().err.removesuffix("\n")
    assert line.isprintable(), line
    assert line.encode("utf-8").decode("utf-8") == line
    if log_format == "json":
        found = json.loads(line)
        assert found["plain"] == "ok"
        assert json.dumps(found, ensure_ascii=False).encode("utf-8")  # no half of a surrogate pair is left
        assert found["event"] == ODD.replace("\udce4", "\\udce4")
    else:
        assert "plain=ok" in line


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_a_traceback_with_odd_signs_stays_on_one_line(log_format, capsys):
    configure_logs("info", log_format)

    try:
        {}[ODD]
    except KeyError as error:
        error.add_note(ODD)
        structlog.get_logger().exception("Something failed")

    assert capsys.readouterr().err.removesuffix("\n").isprintable()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), BrokenPipeError(), ValueError("closed")])
def test_a_stream_that_cannot_be_written_costs_lines_and_nothing_else(error, monkeypatch):
    class Broken:
        def write(self, *text: str) -> None:
            raise error

        flush = write

    monkeypatch.setattr(sys, "stderr", Broken())
    configure_logs("info", "logfmt")

    structlog.get_logger().info("Something happened")
    logging.getLogger("a.library").warning("Something odd")
