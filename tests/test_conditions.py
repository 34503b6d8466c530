"""Conditions that last: logged when they begin and when they end, and never in between."""

import structlog
from structlog.testing import capture_logs

from exporter.conditions import Conditions


def conditions() -> Conditions:
    return Conditions(structlog.get_logger().bind(workspace="w"))


def test_a_condition_is_logged_when_it_begins_and_when_it_ends_whatever_is_said_of_it_in_between() -> None:
    met = conditions()

    with capture_logs() as logs:
        begun = [
            met.report("projects", "Hex does not answer", endpoint="projects", reason=f"trace {n}") for n in (1, 2)
        ]
        ended = [met.clear("projects") for _ in range(2)]
        met.report("projects", "Hex does not answer", endpoint="projects", reason="trace 3")

    assert begun == ended == [True, False]
    assert logs == [
        {
            "event": "Hex does not answer",
            "log_level": "warning",
            "workspace": "w",
            "endpoint": "projects",
            "reason": "trace 1",
        },
        {"event": "That works again", "log_level": "info", "workspace": "w", "endpoint": "projects"},
        {
            "event": "Hex does not answer",
            "log_level": "warning",
            "workspace": "w",
            "endpoint": "projects",
            "reason": "trace 3",
        },
    ]


def test_conditions_of_other_keys_are_apart_and_the_newest_reason_of_each_can_be_read() -> None:
    met = conditions()

    with capture_logs() as logs:
        met.report("ledger", "The ledger cannot be written", level="error", reason="locked")
        met.report("token", "The token is refused", reason="401")
        met.report("ledger", "The ledger cannot be written", level="error", reason="the disk is full")

    assert [entry["log_level"] for entry in logs] == ["error", "warning"]
    assert met.current == {"ledger": {"reason": "the disk is full"}, "token": {"reason": "401"}}


def test_what_is_gone_is_forgotten_without_a_word() -> None:
    met = conditions()

    with capture_logs() as logs:
        met.report("source", "The source cannot be read")
        met.forget("source")
        assert not met.clear("source")

    assert len(logs) == 1
    assert met.current == {}
